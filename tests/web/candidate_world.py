"""Two releases and a candidate in which something blocks, something weakens, something is new: for tests of pages."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from partners.actions.partners import add_partner, edit_channel
from partners.actions.relay_groups import ensure_group
from partners.actions.releases import approve, cut, publish
from partners.models import Candidate, Change, Release, User
from tests.actions.facts import seen
from tests.actions.people import approver, editor
from tests.kit.ca import self_signed

__all__ = ["LEAF", "World", "published", "world"]

LEAF = self_signed("mx.fjordbank.example")


@dataclass
class World:
    """eda wrote it; ann and bob may agree."""

    eda: User
    ann: User
    bob: User
    first: Release
    second: Release
    candidate: Candidate


def world(people: tuple[User, User, User] | None = None) -> World:
    """Return the world as of now: the guard looks at the age of facts. people: eda, ann and bob, where they are there."""
    now = timezone.now()
    ensure_group(now=now)
    eda, ann, bob = people or (editor(), approver("ann"), approver("bob"))
    fjord = added("Fjordbank", "fjordbank.example", "encrypt", by=eda, now=now)
    polder = added("Polder Logistics", "polder-logistics.example", "encrypt", by=eda, now=now)
    first = published([fjord, polder], eda, now=now)
    merid = added("Meridian Treuhand", "meridian-treuhand.example", "encrypt", by=eda, now=now)
    second = published([merid], eda, now=now)
    changes = [
        changed(fjord, by=eda, now=now, level="may", agreed="none"),
        changed(polder, by=eda, now=now, level="secure", match="polder-logistics.example"),
        added("Vantage Tooling", "vantage-tooling.example", "encrypt", by=ann, now=now),
    ]
    candidate = cut(changes, by=eda, now=now)
    return World(eda, ann, bob, first, second, candidate)


def published(changes: list[Change], by: User, *, now: datetime) -> Release:
    """Return the release of *changes*, which ask no less than before."""
    return publish(cut(changes, by=by, now=now), by=by, now=now)


def agreed(candidate: Candidate, by: User, *, now: datetime) -> None:
    """Let *by* accept what the guard found."""
    candidate.refresh_from_db()
    approve(
        candidate,
        seen=(candidate.sha256, candidate.findings_sha256),
        by=by,
        now=now,
        word="the partner knows",
        accept_stops=True,
    )


def added(name: str, key: str, level: str, *, by: User, now: datetime) -> Change:
    """Return the draft that adds a partner whose server was seen."""
    change = add_partner(name, key, level, "encrypted", by=by, now=now)
    if "vantage" not in key:
        number = sum(key.encode()) % 200 + 1
        seen(key, LEAF, at=now, address=f"192.0.2.{number}")
    return change


def changed(change: Change, *, by: User, now: datetime, **fields: str) -> Change:
    """Return the draft that edits the channel of *change*."""
    channel = change.channel
    channel.refresh_from_db()
    return edit_channel(channel, fields, version=channel.version, by=by, now=now)
