"""People and moments for tests of the actions."""

from datetime import UTC, datetime, timedelta

from partners.actions.access import give_role
from partners.actions.drafts import row_snapshot
from partners.actions.standings import restand
from partners.models import Change, Channel, Membership, Nexthop, Partner, Pin, User

__all__ = ["NOON", "approver", "channel", "editor", "member", "person", "proposed"]

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def person(name: str, *roles: User.Role) -> User:
    """Return a new account with *roles*."""
    user = User.objects.create_user(f"{name}@house.example")
    for role in roles:
        give_role(user, role)
    return user


def editor(name: str = "eda") -> User:
    """Return a new editor."""
    return person(name, User.Role.EDITOR)


def approver(name: str = "ann") -> User:
    """Return a new approver who edits as well."""
    return person(name, User.Role.EDITOR, User.Role.APPROVER)


def member(partner: Partner, *, invited_by: User, name: str = "pat") -> User:
    """Return a new account on the side of *partner*."""
    user = person(name, User.Role.PARTNER)
    Membership.objects.create(partner=partner, user=user, invited_by=invited_by, since=NOON - timedelta(days=1))
    return user


def channel(partner: Partner, key: str, *, by: User, **fields: str) -> Channel:
    """Return a new channel with its first Change, as add_partner leaves it."""
    row = Channel.objects.create(partner=partner, **{"agreed": "pin", "level": "fingerprint", **fields})
    Nexthop.objects.create(channel=row, key=key)
    Change.objects.create(
        channel=row, author=by, made_at=NOON - timedelta(hours=1), before=None, after=row_snapshot(row)
    )
    restand([row.pk])
    return row


def proposed(channel: Channel, *, by: User, byte: int = 0xAB, at: datetime = NOON) -> Pin:
    """Return a proposed pin of a bare SHA-256 fingerprint made of *byte*."""
    digest = ":".join([f"{byte:02X}"] * 32)
    pin = Pin.objects.create(channel=channel, of_key=False, digests={"sha256": digest}, proposed_by=by, proposed_at=at)
    restand([channel.pk])
    return pin
