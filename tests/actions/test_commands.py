"""The commands at the console act by the same rules as the pages."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from partners.actions.invitations import open_invitation
from partners.models import Invitation, Partner
from tests.actions.people import approver

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


class TestInvite:
    def test_it_prints_a_link_that_works(self) -> None:
        """The token is the last part of the address."""
        approver()
        Partner.objects.create(name="Acme")

        link = run("invite", "pat@acme.example", "--role", "partner", "--partner", "Acme").strip()

        token = link.rstrip("/").rsplit("/", 1)[1]
        assert open_invitation(token, now=timezone.now()).email == "pat@acme.example"

    def test_the_first_person_needs_nobody(self) -> None:
        """An empty portal is opened from the console."""
        run("invite", "ann@house.example", "--role", "approver")

        assert Invitation.objects.get().invited_by is None

    @pytest.mark.parametrize(
        ("words", "cause"),
        [
            (("--role", "partner", "--partner", "Nobody"), "no such partner"),
            (("--role", "partner"), "name one"),
            (("--role", "editor", "--by", "x@y.example"), "no such account"),
            (("--role", "king"), "invalid choice"),
        ],
    )
    def test_a_mistake_is_one_line(self, words: tuple[str, ...], cause: str) -> None:
        """It names what is wrong."""
        approver()
        with pytest.raises(CommandError, match=cause):
            run("invite", "pat@acme.example", *words)

    def test_of_two_approvers_one_is_named(self) -> None:
        """The audit trail never guesses who acted."""
        approver()
        approver("bob")
        with pytest.raises(CommandError, match="--by"):
            run("invite", "pat@acme.example", "--role", "editor")
