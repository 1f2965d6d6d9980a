"""What would change for every known nexthop on every relay group, before it does.

A nexthop is looked at where the entry that applies to it differs between the active and the candidate map (its line, or
what its tafile holds). With the same entry, settings and facts, judge() gives the same outcome: it is not looked at.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from partners.actions.leases import PROBE_ASKED, nudge
from partners.actions.maps import GroupMap, active_map
from partners.actions.stored import Stored, facts_of
from partners.core.observation import NotMeasuredCause
from partners.core.verdict import Delivery, TlsStatus, Verdict, judge
from partners.core.weakenings import weakenings
from partners.models import Nexthop

__all__ = ["FACTS_MAX_AGE", "Finding", "Report", "inspect"]

FACTS_MAX_AGE = timedelta(minutes=15)

Finding = dict[str, Any]
_FLOWS = Delivery.DELIVER.value
_NEVER = NotMeasuredCause.NEVER.value


@dataclass(frozen=True, slots=True)
class Report:
    """What the guard found.

    old: nexthops whose entry changes and whose outcome rests on facts that are not fresh. They are asked for now, as
    are those of which nothing is known: an unknown outcome is a finding that blocks.

    A finding holds no time and is English whoever asks, so that sha256 moves only when an outcome does:
        kind "weakening"   group, key ("" for main.cf), what, before, after, cause
        kind "outcome"     group, nexthop, before, after (delivery, tls_status, level, hosts), cause, blocks
    """

    findings: tuple[Finding, ...]
    old: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Hash of the findings, on which approvals hang."""
        text = json.dumps(self.findings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def needs_second(self) -> bool:
        """Whether a second person has to approve: something is weaker, or mail would stop."""
        return any(finding["kind"] == "weakening" or finding["blocks"] for finding in self.findings)


def inspect(maps: Sequence[GroupMap], *, now: datetime) -> Report:
    """Return what would change with *maps*; ask for fresh facts of the nexthops concerned."""
    findings: list[Finding] = []
    old: set[str] = set()
    asked: set[str] = set()
    nexthops = {nexthop.key: nexthop for nexthop in Nexthop.objects.all()}
    facts: dict[str, Stored] = {}
    for candidate in maps:
        active = active_map(candidate.group)
        findings += _weakenings(active, candidate)
        touched = list(_touched(active, candidate, nexthops))
        unread = [nexthops[key] for key in touched if key in nexthops and key not in facts]
        read = facts_of(unread)
        facts |= {row.key: read[row.pk] for row in unread}
        for key in touched:
            stored = facts.get(key, Stored())
            outcome = _outcome(key, active, candidate, stored, now=now)
            findings += [outcome] if outcome else []
            unknown = outcome is not None and outcome["after"]["delivery"] == Delivery.UNKNOWN.value
            fresh = stored.at(candidate.group.vantage).is_fresh(now, FACTS_MAX_AGE)
            if unknown or not fresh:  # fresh and unknown: a session that only the candidate needs was never had
                asked.add(key)
            if not unknown and not fresh:
                old.add(key)
        findings += _unwitnessed(active, candidate, nexthops)
    if asked:
        Nexthop.objects.filter(key__in=asked).update(due_at=now, asked_by="guard")
        nudge(PROBE_ASKED)
    return Report(tuple(sorted(findings, key=_order)), tuple(sorted(old)))


def _weakenings(active: GroupMap, candidate: GroupMap) -> Iterator[Finding]:
    """Yield what *candidate* asks less of the peer."""
    for one in weakenings(active.entries, candidate.entries, active.relay, candidate.relay):
        yield {
            "kind": "weakening",
            "group": candidate.group.name,
            "key": one.key,
            "what": one.what,
            "before": one.before,
            "after": one.after,
            "cause": one.sentence,
        }


def _touched(active: GroupMap, candidate: GroupMap, nexthops: Iterable[str]) -> Iterator[str]:
    """Yield the nexthops whose applying entry differs; dotted keys are judged by their witnesses."""
    for key in sorted({*nexthops, *active.entries, *candidate.entries}):
        if not key.startswith(".") and active.applying(key) != candidate.applying(key):
            yield key


def _outcome(key: str, active: GroupMap, candidate: GroupMap, stored: Stored, *, now: datetime) -> Finding | None:
    """Return the finding about *key*, None where every host has the same known outcome as before."""
    before = _told(_judged(key, active, stored, now=now))
    after = _told(_judged(key, candidate, stored, now=now))
    causes = list(_causes(before, after))
    if before == after and not causes:
        return None
    return {
        "kind": "outcome",
        "group": candidate.group.name,
        "nexthop": key,
        "before": before,
        "after": after,
        "cause": "; ".join(causes) or f"{_word(before)} becomes {_word(after)}",
        "blocks": bool(causes),
    }


def _word(told: dict[str, Any]) -> str:
    """Return an outcome in Postfix's words."""
    return f"{told['delivery']} ({told['tls_status']}, level {told['level']})"


def _causes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Yield why the outcome *after* must not come about unseen; nothing where mail flows as before or better."""
    if after["delivery"] == Delivery.UNKNOWN.value:
        yield "unknown: {}".format(after["text"])
    elif after["delivery"] != _FLOWS and before["delivery"] != after["delivery"]:
        yield "mail would stop: {}".format(after["text"])
    elif after["delivery"] == _FLOWS:
        flowed = {(host["mx_host"], host["address"]) for host in before["hosts"] if host["delivery"] == _FLOWS}
        stops = [
            host
            for host in after["hosts"]
            if host["delivery"] != _FLOWS
            and (before["delivery"] == Delivery.UNKNOWN.value or (host["mx_host"], host["address"]) in flowed)
        ]
        for host in stops:
            yield "{mx_host} ({address}) would no longer take mail: {text}".format(**host)


def _judged(key: str, one: GroupMap, stored: Stored, *, now: datetime) -> Verdict:
    """Return the verdict of *one* map about *key*, from stored facts; UNKNOWN where nothing was looked up yet."""
    applies = one.key_of(key)
    entry = one.policy_of(applies) if applies else None
    if stored.dns is None:
        level = entry.level if entry else one.relay.smtp_tls_security_level
        return Verdict(
            key, applies, level, Delivery.UNKNOWN, TlsStatus.NONE, None, "", "", (), (), None, unknown=_NEVER
        )
    return judge(entry, stored.dns, stored.at(one.group.vantage).by_key, one.relay, now, key=applies)


def _told(verdict: Verdict) -> dict[str, Any]:
    """Return *verdict* as JSON without times and without texts that change from probe to probe."""
    return {
        "delivery": verdict.delivery.value,
        "tls_status": verdict.tls_status.value,
        "level": verdict.level.value,
        "key": verdict.key or "",
        "text": verdict.unknown or ", ".join(verdict.reasons) or verdict.text,
        "hosts": [
            {
                "mx_host": host.mx_host,
                "address": host.address,
                "delivery": host.delivery.value,
                "tls_status": host.tls_status.value,
                "text": ", ".join(host.reasons) or host.text,
            }
            for host in sorted(verdict.hosts, key=lambda host: (host.preference, host.mx_host, host.address))
        ],
    }


def _unwitnessed(active: GroupMap, candidate: GroupMap, nexthops: Iterable[str]) -> Iterator[Finding]:
    """Yield a finding for each dotted key whose entry changes and which no known nexthop falls under."""
    for key in sorted(candidate.entries):
        if not key.startswith(".") or active.entries.get(key) == candidate.entries[key]:
            continue
        if not any(candidate.key_of(name) == key for name in nexthops if not name.startswith(".")):
            cause = "no known nexthop falls under this key, so nobody can say what it does"
            yield {
                "kind": "outcome",
                "group": candidate.group.name,
                "nexthop": key,
                "before": None,
                "after": None,
                "cause": cause,
                "blocks": True,
            }


def _order(finding: Finding) -> tuple[str, str, str, str]:
    """Weakenings after outcomes, by group and key."""
    return finding["kind"], finding["group"], finding.get("nexthop") or finding["key"], finding["cause"]
