"""The console command that makes a relay's token."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from partners.actions.relay_groups import ensure_group
from partners.actions.tokens import group_of_token
from tests.actions.people import approver

pytestmark = pytest.mark.django_db


def test_token_opens_its_group() -> None:
    """What the command prints opens the map of that group."""
    group, by, out = ensure_group(now=timezone.now()), approver(), StringIO()

    call_command("relay_token", group.name, by=by.email, stdout=out)

    assert group_of_token(out.getvalue().strip(), now=timezone.now()) == group


def test_unknown_group_is_named() -> None:
    """A group that does not exist is refused by name."""
    with pytest.raises(CommandError, match="relay group nowhere"):
        call_command("relay_token", "nowhere", by=approver().email)
