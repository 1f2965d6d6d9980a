"""What comes of a change that was seen: mail that stops now or at a known moment, or a level that is within reach.

Only what the judge said of the present facts is told; a change that was followed by another has no outlook.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from partners.core.levels import SecurityLevel
from partners.core.moved import What
from partners.core.outcome import Delivery

__all__ = ["ENDS_WITHIN", "RAISING", "Outlook", "Prospect", "Standing", "outlook_of"]

ENDS_WITHIN: Final = timedelta(days=90)  # what ends later is no news yet

_DATED: Final = frozenset({SecurityLevel.VERIFY, SecurityLevel.SECURE})  # levels at which Postfix looks at dates
_RENEWING: Final = frozenset({What.LEAF, What.CHAIN})
# What cannot make Postfix defer: it does not look at it.
_HARMLESS: Final = frozenset({What.SECOND_LEAF, What.NAME_SERVERS, What.MTA_STS, What.STARTTLS_GAINED})
_OF_DANE: Final = frozenset({What.DNSSEC, What.TLSA})
RAISING: Final = frozenset(
    {What.STARTTLS_GAINED, What.LEAF, What.KEY, What.ISSUER, What.NAMES, What.CHAIN, What.DNSSEC, What.TLSA}
)
_RAISED: Final = (SecurityLevel.DANE_ONLY, SecurityLevel.SECURE, SecurityLevel.ENCRYPT)  # the best first
_RANK: Final = {SecurityLevel.NONE: 0, SecurityLevel.MAY: 0, SecurityLevel.ENCRYPT: 1}


class Prospect(Enum):
    """What comes of it, worst first."""

    BOUNCED = "bounced"
    DEFERRED = "deferred"
    PLAINTEXT = "plaintext"
    ENDS = "ends"
    RAISABLE = "raisable"


@dataclass(frozen=True, slots=True)
class Outlook:
    """One prospect. at: when mail stops; level: what the entry could be raised to."""

    prospect: Prospect
    at: datetime | None = None
    level: SecurityLevel | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What Postfix does at one address now. ends: when the first certificate that counts there ends."""

    delivery: Delivery
    effective: SecurityLevel
    plaintext: bool = False
    ends: datetime | None = None


def outlook_of(
    moved: Collection[What],
    standing: Collection[Standing],
    *,
    level: SecurityLevel,
    possible: Iterable[SecurityLevel],
    now: datetime,
) -> Outlook | None:
    """Return what comes of *moved*, None where nothing does.

    standing: of the addresses that it concerns. level: of the entry; possible: those at which every address would take
    the mail, by the judge.
    """
    kinds = frozenset(moved)
    outcomes = {one.delivery for one in standing}
    harmless = _HARMLESS if level in {SecurityLevel.DANE, SecurityLevel.DANE_ONLY} else _HARMLESS | _OF_DANE
    if kinds - harmless and outcomes & {Delivery.DEFER, Delivery.BOUNCE}:
        return Outlook(Prospect.BOUNCED if Delivery.BOUNCE in outcomes else Prospect.DEFERRED)
    if What.STARTTLS_LOST in kinds and any(one.plaintext for one in standing):
        return Outlook(Prospect.PLAINTEXT)
    ends = [one.ends for one in standing if one.ends and one.effective in _DATED and one.ends > now]
    if kinds & _RENEWING and ends and min(ends) <= now + ENDS_WITHIN:
        return Outlook(Prospect.ENDS, at=min(ends))
    better = _better(level, possible) if kinds & RAISING else None
    return Outlook(Prospect.RAISABLE, level=better) if better else None


def _better(level: SecurityLevel, possible: Iterable[SecurityLevel]) -> SecurityLevel | None:
    """Return the best level that asks more than *level*; who compares names, fingerprints or TLSA has no better one."""
    rank = _RANK.get(level)
    within_reach = set(possible)
    if rank is None:
        return None
    return next((one for one in _RAISED if one in within_reach and _RANK.get(one, 2) > rank), None)
