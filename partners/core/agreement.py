"""The protection promised for a channel, beside what an entry gives by itself, whatever the partner's servers do.

What is given under facts, host by host, is compliance.protection_given().
"""

from partners.core.grammar import Invalid, ParsedPolicy
from partners.core.levels import Protection, SecurityLevel
from partners.core.names import Nexthop

__all__ = ["caveats", "effective_protection", "falls_below", "is_enough", "shortfall"]

# The least that each level gives: dane falls to may where there are no TLSA records, and may to plaintext.
_LEAST = {
    SecurityLevel.NONE: Protection.NONE,
    SecurityLevel.MAY: Protection.NONE,
    SecurityLevel.ENCRYPT: Protection.ENCRYPTED,
    SecurityLevel.FINGERPRINT: Protection.PIN,
    SecurityLevel.DANE: Protection.NONE,
    SecurityLevel.DANE_ONLY: Protection.DANE,
    SecurityLevel.VERIFY: Protection.CA_NAME,
    SecurityLevel.SECURE: Protection.CA_NAME,
}


def effective_protection(policy: ParsedPolicy | Invalid) -> Protection | None:
    """Return the least protection that mail has under *policy* where it flows; None where none can flow."""
    return None if isinstance(policy, Invalid) else _LEAST[policy.level]


def is_enough(given: Protection, agreed: Protection) -> bool:
    """Whether *given* is at least *agreed*; the three kinds of authentication do not replace each other."""
    if agreed.strength < Protection.PIN.strength:
        return given.strength >= agreed.strength
    return given is agreed


def falls_below(agreed: Protection, before: SecurityLevel, after: SecurityLevel) -> bool:
    """Whether an entry that goes from level *before* to *after* leaves the agreement, or goes further below it.

    dane keeps an agreement on DANE as far as a level can: what is missing then is the partner's.
    """
    kept_before, kept_after = (_may_keep(agreed, level) for level in (before, after))
    return not kept_after and (kept_before or _LEAST[after].strength < _LEAST[before].strength)


def _may_keep(agreed: Protection, level: SecurityLevel) -> bool:
    return is_enough(Protection.DANE if level is SecurityLevel.DANE else _LEAST[level], agreed)


def shortfall(agreed: Protection, policy: ParsedPolicy | Invalid) -> str:
    """Return why *policy* cannot keep the agreement by itself, "" where it does.

    dane may still keep it: that is a fact of each host, told here as what it rests on.
    """
    given = effective_protection(policy)
    if given is None:
        return "Postfix refuses the entry, so that mail stops"
    if is_enough(given, agreed):
        return ""
    if policy.level is SecurityLevel.DANE and is_enough(Protection.DANE, agreed):
        return "level dane protects only where the partner publishes usable TLSA records"
    return f"level {policy.level.value} gives {given.value}, and {agreed.value} was agreed"


def caveats(policy: ParsedPolicy | Invalid, nexthop: Nexthop) -> tuple[str, ...]:
    """Return what weakens the promise of *policy* for *nexthop* without breaking it."""
    found = []
    if not isinstance(policy, Invalid) and policy.level.takes_tafile:
        names = {name.lower() for name in policy.match}
        by_default = not policy.match and policy.level is SecurityLevel.VERIFY
        if nexthop.asks_mx and ("hostname" in names or by_default):
            found.append("the name is that of the MX record: whoever forges the DNS answer chooses the name")
    if policy.level is SecurityLevel.SECURE and any(
        name.count(".") == 1 and name.startswith(".") for name in policy.match
    ):
        found.append("the suffix covers a whole top-level domain")
    return tuple(found)
