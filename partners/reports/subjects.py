"""Whose a subject of the audit trail is: the trail keeps what does not change, a number; a page names the partner."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from django.db.models import Min, Q

from partners.models import Channel, Partner, Pin

__all__ = ["partners_of"]

_SUBJECT: Final = re.compile(r"(channel|pin|partner) ([0-9]{1,9})", re.ASCII)


def partners_of(subjects: Iterable[str]) -> Mapping[str, tuple[str, int]]:
    """Return the partner's name and the channel whose page tells more, by subject; in three queries.

    The channel is 0 where it was given up. What is no channel, pin or partner, or is gone, is left out.
    """
    asked: dict[str, set[int]] = {"channel": set(), "pin": set(), "partner": set()}
    for subject in subjects:
        if found := _SUBJECT.fullmatch(subject):
            asked[found[1]].add(int(found[2]))
    rows: list[tuple[str, str, int, bool]] = []
    channels = Channel.objects.filter(pk__in=asked["channel"])
    for pk, name, removed in channels.values_list("pk", "partner__name", "removed_at"):
        rows.append((f"channel {pk}", name, pk, removed is None))
    pins = Pin.objects.filter(pk__in=asked["pin"])
    for pk, name, channel, removed in pins.values_list(
        "pk", "channel__partner__name", "channel", "channel__removed_at"
    ):
        rows.append((f"pin {pk}", name, channel, removed is None))
    living = Min("channels", filter=Q(channels__removed_at__isnull=True))
    for pk, name, channel in (
        Partner.objects.filter(pk__in=asked["partner"]).annotate(first=living).values_list("pk", "name", "first")
    ):
        rows.append((f"partner {pk}", name, channel or 0, True))
    return {subject: (name, channel if is_living else 0) for subject, name, channel, is_living in rows}
