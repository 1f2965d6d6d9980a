"""What went wrong with one message."""

__all__ = ["DeliveryError"]


class DeliveryError(Exception):
    """A message that did not leave. permanent: trying again is of no use."""

    def __init__(self, cause: str, *, permanent: bool) -> None:
        """Keep the cause, in one line."""
        super().__init__(" ".join(cause.split()))
        self.permanent = permanent
