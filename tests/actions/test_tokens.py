"""A relay token opens one group and nothing else."""

import pytest

from partners.actions.tokens import group_of_token, make_relay_token, note_fetch, revoke_relay_token, token_of
from partners.core.errors import NotAllowed, SettingsRefused, StaleRefused
from partners.models import RelayGroup, RelayToken
from tests.actions.people import NOON, approver, editor

pytestmark = pytest.mark.django_db


def test_a_token_opens_its_group() -> None:
    """The use is noted; the secret is in no column."""
    group = RelayGroup.objects.create(name="main")
    RelayGroup.objects.create(name="other")

    secret = make_relay_token(group, by=approver(), now=NOON)

    assert group_of_token(secret, now=NOON) == group
    row = RelayToken.objects.get()
    assert row.used_at == NOON
    assert secret.rsplit("_", 1)[1] not in (row.prefix, row.sha256)


@pytest.mark.parametrize("text", ["", "tlsp_", "tlsp_000000000000_" + "A" * 43, "ü" * 61, "tlsp_x\n"])
def test_any_other_text_opens_nothing(text: str) -> None:
    """Odd texts are an answer, not an exception."""
    make_relay_token(RelayGroup.objects.create(name="main"), by=approver(), now=NOON)

    assert group_of_token(text, now=NOON) is None


def test_a_known_prefix_with_a_wrong_secret_opens_nothing() -> None:
    """The prefix is public; the secret decides."""
    secret = make_relay_token(RelayGroup.objects.create(name="main"), by=approver(), now=NOON)

    assert group_of_token(secret[:-1] + ("A" if secret[-1] != "A" else "B"), now=NOON) is None


def test_a_revoked_token_opens_nothing() -> None:
    """It ends at once, and once."""
    ann = approver()
    secret = make_relay_token(RelayGroup.objects.create(name="main"), by=ann, now=NOON)
    token = RelayToken.objects.get()

    revoke_relay_token(token, by=ann, now=NOON)

    assert group_of_token(secret, now=NOON) is None
    with pytest.raises(StaleRefused):
        revoke_relay_token(token, by=ann, now=NOON)


def test_an_editor_makes_none() -> None:
    """A token is a door to the whole map."""
    with pytest.raises(NotAllowed):
        make_relay_token(RelayGroup.objects.create(name="main"), by=editor(), now=NOON)


def test_a_token_names_its_relay() -> None:
    """The portal knows the relay from then on; a relay is in one group alone."""
    main, other, boss = RelayGroup.objects.create(name="main"), RelayGroup.objects.create(name="other"), approver()
    make_relay_token(main, by=boss, now=NOON, relay="MX1.house.example.")

    with pytest.raises(SettingsRefused, match="another relay group"):
        make_relay_token(other, by=boss, now=NOON, relay="mx1.house.example")

    token = RelayToken.objects.get()
    assert token.relay is not None
    assert (token.relay.name, token.relay.group) == ("mx1.house.example", main)


def test_a_fetch_is_noted() -> None:
    """When it was, and which release it was answered with."""
    secret = make_relay_token(RelayGroup.objects.create(name="main"), by=approver(), now=NOON)
    token = token_of(secret, now=NOON)
    assert token is not None

    note_fetch(token, 7, now=NOON)

    token.refresh_from_db()
    assert (token.fetched_release, token.fetched_at) == (7, NOON)
