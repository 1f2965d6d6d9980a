"""The kept rows of the lists are looked after: what is missing is written, and a part of them computed again."""

from celery import shared_task

from partners.actions.standings import look_after, restand_missing

__all__ = ["look_after_list"]

AT_ONCE, TURNS_MAX = 500, 20


@shared_task(name="partners.tasks.standings.look_after_list")  # type: ignore[untyped-decorator]  # celery has no types
def look_after_list() -> None:
    """Stand the channels that have no row yet; then look after some that have one (queue control)."""
    for _ in range(TURNS_MAX):
        if restand_missing(AT_ONCE) < AT_ONCE:
            look_after(AT_ONCE)
            return
