"""Take over an existing policy table: every line is taken, or reported with its number and cause."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.actions.adding_many import Wanted, add_channels
from partners.actions.maps import keys_of
from partners.actions.partners import check_partner
from partners.actions.relay_groups import ensure_group, settings_of
from partners.core.entry import PolicyEntry
from partners.core.errors import EntryRefused, PortalError
from partners.core.levels import Protection, SecurityLevel
from partners.core.names import Nexthop as Key
from partners.core.names import NexthopKind, table_key, to_ascii
from partners.core.policymap import Finding, PolicyTable, Severity, TableLine, parse
from partners.models import Nexthop, Partner, RelayGroup, User

__all__ = ["ImportLine", "ImportReport", "import_policy"]

_SCALARS = ("protocols", "ciphers", "exclude", "servername")
_AGREED = {
    SecurityLevel.NONE: Protection.NONE,
    SecurityLevel.MAY: Protection.NONE,
    SecurityLevel.ENCRYPT: Protection.ENCRYPTED,
    SecurityLevel.FINGERPRINT: Protection.PIN,
    SecurityLevel.DANE: Protection.DANE,
    SecurityLevel.DANE_ONLY: Protection.DANE,
    SecurityLevel.VERIFY: Protection.CA_NAME,
    SecurityLevel.SECURE: Protection.CA_NAME,
}


@dataclass(frozen=True, slots=True)
class ImportLine:
    """What became of a line. state: taken, present (the portal has that key), refused, or comment.

    partner: whose channel it became, or would become; is_new: whether the partner comes with this line.
    """

    number: int
    key: str
    state: str
    cause: str = ""
    partner: str = ""
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport:
    """All lines that say something, by number."""

    lines: tuple[ImportLine, ...]
    dry_run: bool

    def count(self, state: str) -> int:
        """Return how many lines ended as *state*."""
        return sum(line.state == state for line in self.lines)

    @property
    def refused(self) -> int:
        """Number of lines that were not taken."""
        return self.count("refused")

    def as_json(self) -> dict[str, Any]:
        """Return the report for a program."""
        sums = {state: self.count(state) for state in ("taken", "present", "refused")}
        return {"dry_run": self.dry_run, **sums, "lines": [asdict(line) for line in self.lines]}


def import_policy(content: bytes, *, by: User | None, now: datetime, dry_run: bool = False) -> ImportReport:
    """Draft one channel per entry of the table *content*; a second import of the same table changes nothing.

    Comments above an entry stay with it, those at the end with the last one. The agreed protection is what the level
    gives; whoever knows the agreement edits it. All lines that can be taken are, in one transaction, which begins once
    all of them are looked at (StaleRefused where somebody took a key since); a dry run says the same of each. by: None
    at the console, where nothing is written then.
    """
    if by is None:
        dry_run = True
    else:
        demand_editor(by)
    known = _Known.read()
    report = ImportReport(_lines_of(content, known, by=by), dry_run)
    if by is None or dry_run:
        return report
    with transaction.atomic():
        ensure_group(now=now)
        add_channels(known.made, by=by, now=now)
        detail = {state: report.count(state) for state in ("taken", "present", "refused")}
        audit.record("policy.imported", "policy table", by=by, now=now, detail=detail)
    return report


def _lines_of(content: bytes, known: "_Known", *, by: User | None) -> tuple[ImportLine, ...]:
    """Take each line of *content*; return what became of it, by number."""
    releases = [settings_of(group).postfix for group in known.groups or [RelayGroup()]]
    table = parse(content, min(releases))
    told = _findings_by_number(table)
    lines: list[ImportLine] = []
    for line in table.lines:
        is_last = line is table.lines[-1]
        comments = [*line.comments, *line.within, *(table.trailing if is_last else ())]
        lines.append(_take(line, comments, told.get(line.number, []), known, by=by))
    numbers = {line.number for line in table.lines}
    for number, findings in told.items():
        if number not in numbers:
            lines.append(ImportLine(number, findings[0].key, "refused", _causes(findings)))
    if table.trailing and not table.lines:
        lines.append(ImportLine(0, "", "comment", _("comments without an entry are not kept")))
    return tuple(sorted(lines, key=lambda line: line.number))


@dataclass
class _Known:
    """What the portal holds, and what this import has taken so far; read once, for no line asks again.

    keys: every key that is there. rows: its row by the folded key. taken: folded key -> key of this table. names,
    homes: partner by name, and by the mail domain that one of its keys is about. groups: all relay groups. made: the
    channels of this import.
    """

    keys: set[str]
    rows: dict[str, Nexthop]
    taken: dict[str, str]
    names: dict[str, Partner]
    homes: dict[str, Partner]
    groups: list[RelayGroup]
    made: list[Wanted]

    @classmethod
    def read(cls) -> "_Known":
        """Read the keys, partners and relay groups there are, in three queries."""
        names = {one.name: one for one in Partner.objects.all()}
        known = cls(set(), {}, {}, names, {}, list(RelayGroup.objects.all()), [])
        for row in Nexthop.objects.select_related("channel__partner").order_by("pk"):
            known.keys.add(row.key)
            known.rows[row.table_key] = row
            known.settle(Key.parse(row.key), row.channel.partner)
        return known

    def settle(self, nexthop: Key, partner: Partner) -> None:
        """Say that *nexthop* is about a domain of *partner*; whoever came first keeps it."""
        self.names.setdefault(partner.name, partner)
        if home := _home_of(nexthop):
            self.homes.setdefault(home, partner)

    def partner_of(self, nexthop: Key) -> Partner | None:
        """Return the partner that a channel for *nexthop* belongs to; `x`, `.x` and `x:587` are one partner's."""
        return self.homes.get(_home_of(nexthop)) or self.names.get(nexthop.host)


def _home_of(nexthop: Key) -> str:
    """Return the mail domain that *nexthop* is about, "" for a host in brackets: that may be anybody's relay."""
    if nexthop.kind in {NexthopKind.LITERAL, NexthopKind.ADDRESS}:
        return ""
    return to_ascii(nexthop.host)


def _take(
    line: TableLine,
    comments: list[str],
    findings: list[Finding],
    known: _Known,
    *,
    by: User | None,
) -> ImportLine:
    """Look at one line, and want a channel for it where it can be taken; return what becomes of it."""
    if line.entry is None or any(finding.severity is Severity.TABLE for finding in findings):
        return ImportLine(line.number, line.key, "refused", _causes(findings) or _("it is no entry"))
    nexthop = line.entry.nexthop
    key = nexthop.text
    if known.taken.get(table_key(key)) == key or key in known.keys:
        return ImportLine(line.number, key, "present", _besides(line.entry, known, findings))
    keys = keys_of(key)
    for one in sorted(keys):
        if (other := known.taken.get(table_key(one))) is not None:
            return ImportLine(line.number, key, "refused", _("Postfix folds it to the same key as %s") % other)
    partner = known.partner_of(nexthop)
    try:
        fields = _fields_of(line.entry, comments)
        shot = check_partner(nexthop.host, fields, by=by, there=known.rows, groups=known.groups)
    except PortalError as refused:
        return ImportLine(line.number, key, "refused", refused.told_in(_))
    home = partner or Partner(name=nexthop.host, owner=by)
    known.made.append(Wanted(home, shot))
    known.settle(nexthop, home)
    known.taken |= {table_key(one): one for one in keys}
    return ImportLine(line.number, key, "taken", _causes(findings), home.name, partner is None)


def _fields_of(entry: PolicyEntry, comments: list[str]) -> dict[str, Any]:
    """Return the fields of a channel that say what *entry* says; EntryRefused where a part has no place there."""
    subject = _("nexthop %s") % entry.nexthop.text
    if entry.tafile:
        cause = _("tafile=%s: the portal keeps the certificates themselves") % entry.tafile[0]
        raise EntryRefused(subject, cause, _("add the partner by hand and upload its CA"))
    if entry.sts or entry.connection_reuse is not None or entry.enable_rpk is not None:
        raise EntryRefused(
            subject, _("policy_*, connection_reuse and enable_rpk are not kept by the portal"), _("leave them out")
        )
    return {
        "nexthops": entry.nexthop.text,
        "level": entry.level,
        "agreed": _AGREED[entry.level],
        "match": "\n".join(entry.match),
        "protocols": entry.protocols,
        "ciphers": entry.ciphers,
        "exclude": entry.exclude,
        "servername": entry.servername,
        "comment": "\n".join(text.removeprefix("#").strip() for text in comments),
    }


def _besides(entry: PolicyEntry, known: _Known, findings: list[Finding]) -> str:
    """Return what there is to tell of a line whose key the portal has: above all that it says something else there."""
    row = known.rows.get(table_key(entry.nexthop.text))
    if row is None:
        return _causes(findings)
    here = (row.channel.level, row.channel.match.splitlines(), *(getattr(row.channel, name) for name in _SCALARS))
    given = (entry.level.value, list(entry.match), *(getattr(entry, name) for name in _SCALARS))
    if here == given or row.channel.removed_at is not None:
        return _causes(findings)
    told = _("the portal has another entry for it, of level %s, which stays") % row.channel.level
    return "; ".join(filter(None, (told, _causes(findings))))


def _findings_by_number(table: PolicyTable) -> Mapping[int, list[Finding]]:
    """Return the findings of each line."""
    found: dict[int, list[Finding]] = defaultdict(list)
    for finding in table.findings:
        found[finding.number].append(finding)
    return found


def _causes(findings: list[Finding]) -> str:
    """Return what there is to tell about a line."""
    return "; ".join(dict.fromkeys(finding.text for finding in findings))
