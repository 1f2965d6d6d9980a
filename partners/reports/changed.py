"""What changes between two maps: a row per partner, and the lines per relay group."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.reports.differences import HUNKS_SHOWN, Compared, Hunk, Moved
from partners.reports.findings import Owner, outcome_state, outcome_word

__all__ = ["GroupDiff", "PartnerRow", "entry_in_short", "group_diff", "partner_rows"]


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """What changes for one partner; asks: less, more or same."""

    name: str
    who: str
    was: str
    was_note: str
    becomes: str
    becomes_note: str
    asks: str
    asks_word: str
    state: str = "unk"
    word: str = ""


@dataclass(frozen=True, slots=True)
class GroupDiff:
    """The difference for one relay group; hidden: how many hunks are not shown."""

    group: str
    hunks: tuple[Hunk, ...]
    hidden: int


def partner_rows(
    moved: Iterable[Moved],
    owners: Mapping[str, Owner],
    less: frozenset[str] | None,
    outcomes: Mapping[str, tuple[str, str]],
    whose: Mapping[int, str],
) -> tuple[PartnerRow, ...]:
    """Return a row per partner and pair of entries, by name. less: keys that ask less; None where nobody can say."""
    words = {"less": _("less"), "more": _("more"), "same": _("the same")}
    found: dict[tuple[str, str, str], PartnerRow] = {}
    for one in moved:
        owner = owners.get(one.key, Owner(one.key, None))
        asks = "same" if less is None else "less" if one.key in less else "more"
        was, was_note = entry_in_short(one.was)
        becomes, becomes_note = entry_in_short(one.becomes)
        delivery, status = outcomes.get(one.key, ("", ""))
        row = PartnerRow(
            name=owner.partner,
            who=whose.get(owner.channel or 0, ""),
            was=was,
            was_note=was_note,
            becomes=becomes,
            becomes_note=becomes_note,
            asks=asks,
            asks_word=words[asks],
            state=outcome_state(delivery, status),
            word=outcome_word(delivery, status),
        )
        kept = found.setdefault((owner.partner, one.was, one.becomes), row)
        if kept.asks == "more" and asks == "less":
            found[owner.partner, one.was, one.becomes] = row
    return tuple(sorted(found.values(), key=lambda row: row.name.casefold()))


def entry_in_short(value: str) -> tuple[str, str]:
    """Return the level of a map value, and the rest of it in a few words."""
    level, _space, rest = value.partition(" ")
    notes = []
    for word in rest.split():
        name, _sign, text = word.partition("=")
        if name == "match" and level == "fingerprint":
            count = len(text.split("|"))
            notes.append(ngettext("%s pin", "%s pins", count) % count)
        elif name == "match":
            count = len(text.split(":"))
            notes.append(ngettext("%s name", "%s names", count) % count)
        elif name == "tafile":
            notes.append(_("own CA"))
        else:
            notes.append(word)
    return level, ", ".join(dict.fromkeys(notes))


def group_diff(group: str, found: Compared) -> GroupDiff:
    """Return the difference of two maps of *group*, as much of it as a page shows."""
    return GroupDiff(group, found.hunks[:HUNKS_SHOWN], max(len(found.hunks) - HUNKS_SHOWN, 0))
