"""Placeholder of the bootstrap; see the next commit."""


def enter(argv: list[str]) -> None:
    """Do nothing yet."""


def run(argv: list[str]) -> None:
    """Run the command as Django knows it."""
    from django.core.management import execute_from_command_line

    execute_from_command_line(argv)
