"""A link reaches its person by mail, over a real relay, or is shown once where there is none."""

import re
import socket
from typing import Any

import pytest
from django.utils.translation import override

from partners.actions.invitations import Invited, approve_invitation, invite, open_invitation, send_again
from partners.actions.sending import Handed, hand_over
from partners.models import AuditEntry, Invitation, Partner, User
from tests.actions.people import NOON, approver, editor
from tests.kit.script import Script
from tests.kit.smtpd import Peer, Smtpd

pytestmark = pytest.mark.django_db


@pytest.fixture
def relay(smtpd: Smtpd, settings: Any) -> Peer:
    """The portal's mail relay, on this machine."""
    peer = smtpd.peer(script=Script(starttls_offered=False))
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = peer.address, peer.port
    settings.MAIL_CONFIGURED = True
    settings.PORTAL_URL = "https://portal.example"
    return peer


@pytest.fixture
def agreed() -> Invited:
    """An invitation to which a second person agreed just now."""
    acme = Partner.objects.create(name="Acme\nBcc: x@evil.example")
    waiting = invite("pat@acme.example", User.Role.PARTNER, partner=acme, by=editor(), now=NOON)
    return approve_invitation(waiting.invitation, by=approver(), now=NOON)


def test_the_mail_holds_a_link_that_works(relay: Peer, agreed: Invited) -> None:
    """To the invited address alone, in plain text, with the portal's own address."""
    handed = hand_over(agreed, by=approver("bob"), now=NOON)

    message = relay.wait_for_message()
    text = message.content.decode()
    token = re.search(r"https://portal\.example/invitations/([\w-]{43})/", text)
    assert handed == Handed(mailed_to="pat@acme.example")
    assert message.recipients == ("pat@acme.example",)
    assert token and open_invitation(token[1], now=NOON) == agreed.invitation
    assert "text/plain" in text and "Auto-Submitted: auto-generated" in text
    assert "\nBcc" not in text


def test_nobody_is_shown_a_link_that_was_mailed(relay: Peer, agreed: Invited) -> None:
    """Neither who invited nor who agreed; and the row remembers when it left."""
    handed = hand_over(agreed, by=approver("bob"), now=NOON)

    assert handed.link == ""
    assert Invitation.objects.get().mailed_at == NOON


def test_a_relay_that_is_gone_loses_nothing(relay: Peer, agreed: Invited) -> None:
    """The cause is kept and told; sent again, a fresh link arrives."""
    relay.close()

    failed = hand_over(agreed, by=None, now=NOON)

    row = Invitation.objects.get()
    assert "refused" in failed.fault
    assert (row.mail_fault, row.mailed_at) == (failed.fault, None)
    relay.reopen()
    again = send_again(row, by=User.objects.get(email="eda@house.example"), now=NOON)
    assert hand_over(again, by=None, now=NOON).mailed_to == "pat@acme.example"
    assert again.token in relay.wait_for_message().content.decode()
    assert Invitation.objects.get().mail_fault == ""


def test_a_relay_that_hangs_is_left(agreed: Invited, settings: Any) -> None:
    """A listener that never greets costs the time-out, and the page tells of it."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = deaf.getsockname()
        settings.EMAIL_TIMEOUT, settings.MAIL_CONFIGURED = 0.2, True

        assert "timed out" in hand_over(agreed, by=None, now=NOON).fault


def test_without_a_relay_the_link_is_shown_and_that_is_recorded(agreed: Invited) -> None:
    """Whoever saw it is in the audit trail, the token is not."""
    bob = approver("bob")

    handed = hand_over(agreed, by=bob, now=NOON)

    assert handed.link.endswith(f"/invitations/{agreed.token}/")
    assert AuditEntry.objects.get(act="invitation.link-shown").by == bob
    assert agreed.token not in str(list(AuditEntry.objects.values()))


def test_what_waits_is_not_sent(relay: Peer) -> None:
    """No agreement, no mail."""
    acme = Partner.objects.create(name="Acme")
    waiting = invite("pat@acme.example", User.Role.PARTNER, partner=acme, by=editor(), now=NOON)

    assert hand_over(waiting, by=None, now=NOON) == Handed()
    assert relay.messages == []


def test_the_mail_speaks_the_language_it_was_asked_in() -> None:
    """The contact gets the language of the page on which the invitation was made."""
    with override("de"):
        invited = invite("ann@house.example", User.Role.APPROVER, by=None, now=NOON)

    assert invited.invitation.language == "de"
