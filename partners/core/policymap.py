"""The table file of smtp_tls_policy_maps: read line by line as postmap(1) and texthash: read it, written, looked up.

Source: readlline.c in src/util, dict_thash.c, postmap.c. A logical line goes on over following lines that begin with a
blank; comments and empty lines between do not end it. Nothing is dropped: what Postfix ignores is a finding.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from partners.core.entry import PolicyEntry, render_entry, render_value
from partners.core.errors import EntryRefused, MapRefused, NameRefused
from partners.core.grammar import Invalid, ParsedPolicy, parse_value
from partners.core.names import Nexthop, lookup_keys, shown, table_key
from partners.core.relay import PostfixRelease
from partners.core.wording import _, fill

__all__ = ["Finding", "PolicyMap", "PolicyTable", "Severity", "TableLine", "lookup", "parse", "render"]

_BLANKS = " \t\n\v\f\r"  # isspace() in the C locale
_BOM = "\ufeff"
_COMMENT_LENGTH_MAX = 500


class Severity(Enum):
    """What a finding does to mail."""

    TABLE = "table"  # the whole table fails: all mail defers, also for nexthops that it does not name
    MAIL = "mail"  # mail for this nexthop defers, or smtp(8) dies
    IGNORED = "ignored"  # Postfix does not see the line, or never finds the key: main.cf's default applies
    WARNING = "warning"  # Postfix takes it, but it hardly means what was meant
    NOTE = "note"  # taken, and written in another way by the portal


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to tell about a line. number: of its first physical line, from 1; key: "" where there is none."""

    number: int
    key: str
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class TableLine:
    """A logical line. number: of its first physical line; key, value: as Postfix splits it, key not folded.

    comments: the comment lines before it (after the line before), with their "#"; within: those inside its folds.
    policy: what Postfix reads of the value; entry: the same, valid by construction, None where it cannot be one.
    """

    number: int
    key: str
    value: str
    comments: tuple[str, ...]
    within: tuple[str, ...]
    policy: ParsedPolicy | Invalid
    entry: PolicyEntry | None


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """A table as Postfix reads it. lines: in their order, duplicates too; trailing: comments after the last line."""

    lines: tuple[TableLine, ...] = ()
    findings: tuple[Finding, ...] = ()
    trailing: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[PolicyEntry, ...]:
        """The lines that are entries, each key once: the first one counts."""
        first: dict[str, PolicyEntry] = {}
        for line in self.lines:
            if line.entry is not None:
                first.setdefault(table_key(line.key), line.entry)
        return tuple(first.values())

    @property
    def values(self) -> dict[str, str]:
        """Folded key -> value; of duplicates the first, as postmap keeps it."""
        first: dict[str, str] = {}
        for line in self.lines:
            first.setdefault(table_key(line.key), line.value)
        return first


@dataclass(frozen=True, slots=True)
class PolicyMap:
    """A table ready for the relays: its bytes as text, and their sha256."""

    text: str
    sha256: str = field(default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.text.encode()).hexdigest())


@dataclass(slots=True)
class _Logical:
    """A logical line while it is gathered."""

    number: int
    text: str
    comments: tuple[str, ...] = ()
    within: list[str] = field(default_factory=list)


def parse(text: str | bytes, release: PostfixRelease) -> PolicyTable:
    """Read a table; whatever Postfix would ignore, refuse or misread is among the findings.

    Errors: none; every text is a table of some kind.
    """
    decoded = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    findings: list[Finding] = []
    lines: list[TableLine] = []
    first_numbers: dict[str, int] = {}
    logical, trailing = _logical_lines(decoded)
    for raw in logical:
        line = _line(raw, release, findings)
        if line is None:
            continue
        lines.append(line)
        first = first_numbers.setdefault(table_key(line.key), line.number)
        if first != line.number:
            cause = (
                f"the key stands in line {first} already: a texthash: table fails as a whole, others keep line {first}"
            )
            findings.append(Finding(line.number, line.key, Severity.TABLE, cause))
    return PolicyTable(tuple(lines), tuple(findings), trailing)


def render(
    entries: Iterable[PolicyEntry], header: str = "", comments: Mapping[str, Iterable[str]] | None = None
) -> PolicyMap:
    """Return the table of *entries*, sorted by key. header: comment at its top; comments: by key, above the line.

    Errors: MapRefused where two keys are one to Postfix.
    """
    taken: dict[str, str] = {}
    notes = comments or {}
    lines = list(_comment_lines(header.splitlines()))
    for entry in sorted(entries, key=lambda one: one.nexthop.text):
        key = entry.nexthop.text
        if (folded := table_key(key)) in taken:
            cause = fill(_("it stands twice, or Postfix takes it and {other} for one key"), other=taken[folded])
            raise MapRefused(fill(_("nexthop {key}"), key=key), cause, _("leave one of them out"))
        taken[folded] = key
        lines.extend(_comment_lines(notes.get(key, ())))
        lines.append(render_entry(entry))
    return PolicyMap("".join(f"{line}\n" for line in lines))


def lookup(table: PolicyTable, nexthop: str) -> tuple[str, str] | None:
    """Return the key and value that Postfix finds for *nexthop*: exact, then ".parent" up to the TLD; None for none."""
    values = table.values
    return next(((key, values[key]) for key in lookup_keys(nexthop) if key in values), None)


def _comment_lines(texts: Iterable[str]) -> Iterator[str]:
    """Yield comment lines; whatever could end the line is replaced."""
    for text in texts:
        yield f"# {shown(text.removeprefix('#').strip(), _COMMENT_LENGTH_MAX)}".rstrip()


def _logical_lines(text: str) -> tuple[list[_Logical], tuple[str, ...]]:
    """Return what readlline() returns, and the comments after the last logical line."""
    found: list[_Logical] = []
    pending: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip(_BLANKS)
        if not stripped:
            continue
        if stripped.startswith("#"):
            pending.append(stripped)
        elif line[0] in _BLANKS and found:
            found[-1].text += line
            found[-1].within += pending
            pending = []
        else:
            found.append(_Logical(number, line, tuple(pending)))
            pending = []
    return found, tuple(pending)


def _line(raw: _Logical, release: PostfixRelease, findings: list[Finding]) -> TableLine | None:
    """Return the line as Postfix splits it; None, with a finding, where Postfix ignores it."""
    text, nul, rest = raw.text.partition("\0")
    key, value = _split(text)
    found = [Finding(raw.number, key, severity, cause) for severity, cause in _line_causes(raw, key, value)]
    if nul:
        cause = f"a NUL byte cuts the line; Postfix does not see {len(rest)} characters after it"
        found.append(Finding(raw.number, key, Severity.WARNING, cause))
    findings += found
    if any(one.severity is Severity.IGNORED for one in found):
        return None
    policy = parse_value(value, release)
    entry, causes = _entry(key, value, policy, release)
    findings += [Finding(raw.number, key, severity, cause) for severity, cause in causes]
    return TableLine(raw.number, key, value, raw.comments, tuple(raw.within), policy, entry if not nul else None)


def _split(text: str) -> tuple[str, str]:
    """Split at the first blank, as postmap does; quotes are part of the key."""
    bounds = re.search(f"[{_BLANKS}]", text)
    end = bounds.start() if bounds else len(text)
    return text[:end], text[end:].strip(_BLANKS)


def _line_causes(raw: _Logical, key: str, value: str) -> Iterator[tuple[Severity, str]]:
    if raw.text[0] in _BLANKS:
        yield Severity.IGNORED, "it begins with a blank and goes on after no line: Postfix ignores it"
    elif any("\udc80" <= char <= "\udcff" for char in raw.text):
        yield Severity.IGNORED, "it is not UTF-8: Postfix ignores it"
    elif not key or not value:
        yield Severity.IGNORED, "a key without a value: Postfix ignores the line"
    if raw.within:
        yield Severity.NOTE, "comments stand between its folded lines"


def _entry(
    key: str, value: str, policy: ParsedPolicy | Invalid, release: PostfixRelease
) -> tuple[PolicyEntry | None, list[tuple[Severity, str]]]:
    """Return the entry, None where it cannot be one, with the causes to tell."""
    causes = list(_key_causes(key))
    entry = None
    if isinstance(policy, Invalid):
        causes.append((Severity.MAIL, f"Postfix refuses it, mail defers 4.7.5: {policy.reason}"))
    else:
        causes += [(Severity.WARNING, warning) for warning in policy.warnings]
    try:
        nexthop = Nexthop.parse(key)
        if isinstance(policy, ParsedPolicy):
            entry = PolicyEntry.from_policy(nexthop, policy).check_for(release)
    except NameRefused as error:
        causes.append((Severity.MAIL if key.endswith(".") else Severity.WARNING, f"key {shown(key)}: {error.cause}"))
    except EntryRefused as error:
        causes.append((Severity.WARNING, f"{error.cause}; {error.cure}" if error.cure else error.cause))
    if entry is not None:
        causes += [(Severity.WARNING, warning) for warning in entry.warnings]
        causes += _rewritten(key, value, entry)
    return entry, causes


def _key_causes(key: str) -> Iterator[tuple[Severity, str]]:
    if key.startswith(_BOM):
        yield Severity.WARNING, "a byte order mark is part of the key, so that Postfix never finds it"
    elif key.startswith(('"', "'")):
        yield Severity.WARNING, "the quote is part of the key, so that Postfix never finds it"
    elif key.endswith(":"):
        yield Severity.WARNING, 'the line is in "key: value" format; the colon is part of the key'


def _rewritten(key: str, value: str, entry: PolicyEntry) -> Iterator[tuple[Severity, str]]:
    """Yield what the portal would write in another way, with the same meaning."""
    if key != entry.nexthop.text:
        yield Severity.NOTE, f"the key is written {entry.nexthop.text}"
    if " ".join(value.split()) != render_value(entry):
        yield Severity.NOTE, f"the value is written {render_value(entry)}"
    if len(entry.nexthop.keys()) > 1:
        yield Severity.NOTE, f"an internationalised name needs both keys: {', '.join(entry.nexthop.keys())}"
