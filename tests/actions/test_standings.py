"""The kept row of a channel is what follows from all other rows, whoever moved them last."""

import random
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from partners.actions.certificates import submit
from partners.actions.judging import judge_nexthops
from partners.actions.partners import add_partner, edit_channel, remove_channel, withdraw_change
from partners.actions.releases import cut, publish
from partners.actions.standing_facts import computed
from partners.actions.standings import look_after, note_seen, restand, restand_all, restand_missing
from partners.core.errors import PortalError
from partners.models import (
    Change,
    Channel,
    ComplianceInterval,
    Endpoint,
    Nexthop,
    Partner,
    Sighting,
    Standing,
    StandingSeen,
    StandingTally,
    StandingWords,
    User,
)
from tests.actions.people import NOON, channel, editor
from tests.reports.world import agreement, certificate, shown

pytestmark = pytest.mark.django_db


def faults() -> list[str]:
    """Return what differs between the kept rows and those computed from scratch, and between sums and rows."""
    found = []
    after = computed(list(Channel.objects.values_list("pk", flat=True)))
    for model, part in ((Standing, "standing"), (StandingWords, "words"), (StandingSeen, "seen")):
        wanted: dict[int, Any] = {pk: getattr(one, part) for pk, one in after.items()}
        kept: dict[int, Any] = model._default_manager.in_bulk()
        found += [f"{part}: {sorted(kept)} for {sorted(wanted)}"] if kept.keys() != wanted.keys() else []
        for pk in kept.keys() & wanted.keys():
            one, other = model_to_dict(kept[pk]), model_to_dict(wanted[pk])
            found += [
                f"{part} {pk} {name}: {one[name]!r} for {other[name]!r}" for name in one if one[name] != other[name]
            ]
    sums = StandingTally.objects.values_list("state", "level", "agreed").annotate(number=Sum("difference"))
    told = Counter({(state, level, agreed): number for state, level, agreed, number in sums if number})
    rows = Counter(Standing.objects.values_list("state", "level", "agreed"))
    return found + ([f"tally {told} for {rows}"] if told != rows else [])


@pytest.mark.parametrize("seed", range(6))
def test_kept_rows_follow_random_acts(seed: int) -> None:
    """After any acts of editors, judge and releases the kept rows are those that a fresh look gives."""
    chance, ed = random.Random(seed), editor()
    for step in range(25):
        now = NOON + timedelta(minutes=step)
        with suppress(PortalError):  # refused: nothing may have moved
            _act(chance, step, ed, now)
        assert faults() == [], f"after step {step}"


def _act(chance: random.Random, step: int, ed: User, now: datetime) -> None:
    """Do one thing that a person, the probe or the clock may do."""
    rows = list(Channel.objects.filter(removed_at__isnull=True))
    row = chance.choice(rows) if rows else None
    level, agreed = chance.choice([("encrypt", "encrypted"), ("may", "none"), ("verify", "ca-and-name")])
    what = chance.randrange(9)
    if row is None or what == 0:
        add_partner(f"Partner {step}", f"p{step}.example", level, agreed, by=ed, now=now)
    elif what == 1:
        edit_channel(row, {"level": level, "agreed": agreed}, version=row.version, by=ed, now=now)
    elif what == 2:
        keys = [*row.nexthops.values_list("key", flat=True), f"a{step}.example"]
        edit_channel(row, {"nexthops": keys}, version=row.version, by=ed, now=now)
    elif what == 3:
        remove_channel(row, version=row.version, by=ed, now=now)
    elif what == 4:
        withdraw_change(chance.choice(list(Change.objects.all())), by=ed, now=now)
    elif what == 5:
        submit(row, ":".join([f"{step:02X}"] * 32), by=ed, now=now)
    elif what == 6:
        publish(
            cut(Change.objects.filter(release__isnull=True, withdrawn_at__isnull=True), by=ed, now=now), by=ed, now=now
        )
    elif what == 7 and row.nexthops.count() == 1:
        shown(row, f"192.0.2.{chance.randrange(3)}", certificate(step + 1, not_after=now + timedelta(days=step)))
        judge_nexthops(list(Nexthop.objects.values_list("pk", flat=True)), now=now)
    else:
        judge_nexthops(list(Nexthop.objects.values_list("pk", flat=True)), now=now)


def test_bounded_queries() -> None:
    """A hundred channels cost as many queries as one."""
    ed = editor()
    rows = [channel(Partner.objects.create(name=f"P{number}"), f"p{number}.example", by=ed) for number in range(100)]

    Standing.objects.all().delete()
    with CaptureQueriesContext(connection) as first:
        restand([rows[0].pk])
    Standing.objects.exclude(pk=rows[0].pk).delete()
    with CaptureQueriesContext(connection) as rest:
        restand([row.pk for row in rows[1:]])

    assert len(first) <= len(rest) <= 20


def test_wrong_rows_are_mended() -> None:
    """A row that says something else than the facts is found and written anew, and the sums with it."""
    row = agreement("Fjordbank", "violated", by=editor("ed"))
    restand_all()
    Standing.objects.update(state="compliant", harm_rank=6, name="Other")
    StandingTally.objects.create(state="weaker", level="may", agreed="none", difference=3)

    assert restand_all() == 1
    assert faults() == []
    assert Standing.objects.get(pk=row.pk).state == "violated"


def test_missing_rows_are_written() -> None:
    """Channels of before an upgrade get their rows; those that have one are looked after."""
    agreement("Fjordbank", "compliant", by=editor("ed"))
    Standing.objects.all().delete()

    assert restand_missing(10) == 1
    assert restand_missing(10) == 0
    StandingWords.objects.update(words="else")
    assert look_after(10) == 1
    assert faults() == []


def test_end_counts_where_mail_rests_on_it() -> None:
    """The leaf that ends first is kept; it breaks mail only where mail flows and the level looks at it."""
    row = agreement("Fjordbank", "compliant", by=editor("ed"), level="secure", agreed="ca-and-name")
    shown(row, "192.0.2.1", certificate(1, not_after=NOON + timedelta(days=9)))
    shown(row, "192.0.2.2", certificate(2, not_after=NOON + timedelta(days=5)))

    restand([row.pk])

    kept = Standing.objects.get()
    assert kept.breaks_at == kept.leaf_ends == NOON + timedelta(days=5)
    ComplianceInterval.objects.update(state="violated")
    restand([row.pk])
    assert Standing.objects.get().breaks_at is None


def test_look_moves_the_moment_alone() -> None:
    """A look that saw the same moves when the channel was seen, never backwards."""
    row = agreement("Fjordbank", "compliant", by=editor("ed"))
    shown(row, "192.0.2.1", certificate(1, not_after=NOON + timedelta(days=9)))
    restand([row.pk])

    Sighting.objects.update(last_seen=NOON + timedelta(hours=1))
    note_seen(list(Endpoint.objects.values_list("pk", flat=True)))

    assert StandingSeen.objects.get().seen_at == NOON + timedelta(hours=1)
    assert faults() == []
