"""A link to the wall view opens numbers, until somebody ends it."""

from datetime import timedelta

import pytest

from partners.actions.walls import LINKS_MAX, make_wall_link, open_wall, revoke_wall_link
from partners.core.errors import NotAllowed, SettingsRefused, StaleRefused
from partners.models import AuditEntry, User, WallLink
from tests.actions.people import NOON, approver, editor, person

pytestmark = pytest.mark.django_db


def made(by: User, label: str = "lobby", **asked: object) -> str:
    return make_wall_link(label, **{"shows_names": False, "language": "en", "by": by, "now": NOON, **asked})


def test_a_link_opens_the_wall() -> None:
    """Only its hash is kept, the use is noted, and the audit trail tells who made it without the secret."""
    secret = made(approver())

    assert open_wall(secret, now=NOON) == WallLink.objects.get()
    row = WallLink.objects.get()
    assert row.used_at == NOON
    assert secret not in (row.sha256, row.label)
    entry = AuditEntry.objects.get(act="wall-link.made")
    assert secret not in str(entry.detail)


def test_the_use_is_noted_once_a_minute() -> None:
    """A screen that asks for ever writes a row a minute at most."""
    secret = made(approver())
    open_wall(secret, now=NOON)

    open_wall(secret, now=NOON + timedelta(seconds=59))
    assert WallLink.objects.get().used_at == NOON
    open_wall(secret, now=NOON + timedelta(seconds=60))
    assert WallLink.objects.get().used_at == NOON + timedelta(seconds=60)


def test_a_revoked_link_opens_nothing() -> None:
    """It ends at once, once, and the audit trail tells it."""
    ann = approver()
    secret = made(ann)
    link = WallLink.objects.get()

    revoke_wall_link(link, by=ann, now=NOON)

    assert open_wall(secret, now=NOON) is None
    assert AuditEntry.objects.filter(act="wall-link.revoked").count() == 1
    with pytest.raises(StaleRefused):
        revoke_wall_link(link, by=ann, now=NOON)


@pytest.mark.parametrize("text", ["", "A" * 43, "A" * 44, "ü" * 43, "A" * 42 + "\n", "../" + "A" * 40])
def test_any_other_text_opens_nothing(text: str) -> None:
    """Odd texts are an answer, not an exception."""
    made(approver())

    assert open_wall(text, now=NOON) is None


@pytest.mark.parametrize("who", [editor, lambda: person("max", User.Role.MANAGEMENT)])
def test_only_an_approver_makes_one(who: object) -> None:
    """It shows the house's numbers to whoever passes."""
    with pytest.raises(NotAllowed):
        made(who())


@pytest.mark.parametrize(
    "asked", [{"label": "  "}, {"label": "x" * 61}, {"label": "a\x1bb"}, {"label": "hall", "language": "xx"}]
)
def test_a_link_needs_a_name_and_a_language_of_ours(asked: dict[str, str]) -> None:
    """Without a name nobody knows later which one to revoke."""
    with pytest.raises(SettingsRefused):
        made(approver(), **asked)


def test_open_links_are_bounded() -> None:
    """Who has twenty has forgotten some; a revoked one makes room."""
    ann = approver()
    for number in range(LINKS_MAX):
        made(ann, f"screen {number}")

    with pytest.raises(SettingsRefused, match="revoke one first"):
        made(ann)
    revoke_wall_link(WallLink.objects.all()[0], by=ann, now=NOON)
    assert made(ann)
