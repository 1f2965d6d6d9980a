"""smtp_tls_policy_maps: which value applies to a nexthop, over all the tables that main.cf lists.

Forms that can be read: texthash:, hash:, lmdb:, cdb:, btree:, dbm: (by the source text beside them), inline:, static:,
regexp: and pcre: without conditions. Of any other the contents are not known here.
Source: maps.c in src/global; dict_inline.c, dict_static.c, dict_regexp.c, dict_thash.c in src/util.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from partners.core.errors import SettingsRefused
from partners.core.main_cf import Files
from partners.core.names import lookup_keys, shown, table_key
from partners.core.policymap import Severity, parse
from partners.core.relay import PostfixRelease

__all__ = ["Found", "PolicySource", "Rows", "Unreadable", "find_policy", "read_sources", "rows"]

_COMPILED = {"hash": ".db", "btree": ".db", "lmdb": ".lmdb", "cdb": ".cdb", "dbm": ".pag"}
_BLANKS = " \t\r\n"
_RULE = re.compile(r"(!?)(\S)(.*?)(?<!\\)\2(\w*)\s+(.*)", re.DOTALL)
_SUBSTITUTION = re.compile(r"\$(?:\$|(\d+)|\{(\d+)\}|\((\d+)\))")
_REGEXP_FLAGS = {"i", "m", "x"}


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of keys, folded."""

    values: dict[str, str]

    def find(self, key: str) -> str | None:
        """Return the value of *key*."""
        return self.values.get(key)


@dataclass(frozen=True, slots=True)
class Always:
    """static: one value for every key."""

    value: str

    def find(self, _key: str) -> str | None:
        """Return the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Rules:
    """regexp: or pcre: the first pattern that fits; tried without case, as the key is folded."""

    rules: tuple[tuple[re.Pattern[str], bool, str], ...]

    def find(self, key: str) -> str | None:
        """Return the value of the first rule that fits *key*."""
        for pattern, negated, value in self.rules:
            found = pattern.search(key)
            if negated and found is None:
                return value
            if found is not None and not negated:
                return _substituted(value, found)
        return None


@dataclass(frozen=True, slots=True)
class Broken:
    """A table that Postfix cannot open or read: each lookup fails, and all mail through it defers 4.7.5."""

    cause: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A table whose contents are not known here."""

    cause: str


PolicySource = Rows | Always | Rules | Broken | Unreadable


@dataclass(frozen=True, slots=True)
class Found:
    """The entry that applies. key: None where no table has one; broken, unknown: why that cannot be said."""

    key: str | None = None
    value: str = ""
    broken: str = ""
    unknown: str = ""


def rows(pairs: Iterable[tuple[str, str]]) -> Rows:
    """Return a table of *pairs*; of two keys that are one to Postfix the first counts, as postmap keeps it."""
    values: dict[str, str] = {}
    for key, value in pairs:
        values.setdefault(table_key(key.strip(_BLANKS)), value.strip(_BLANKS))
    return Rows(values)


def find_policy(sources: Iterable[PolicySource], nexthop: str) -> Found:
    """Look *nexthop* up as tls_policy_lookup() does: all tables for one key before the next, parent, key."""
    tables = tuple(sources)
    for key in lookup_keys(nexthop):
        for table in tables:
            if isinstance(table, Broken):
                return Found(broken=table.cause)
            if isinstance(table, Unreadable):
                return Found(unknown=table.cause)
            value = table.find(key)
            if value is not None:
                return Found(key, value)
    return Found()


def read_sources(maps: str, release: PostfixRelease, files: Files) -> tuple[PolicySource, ...]:
    """Return the tables of smtp_tls_policy_maps. Errors: SettingsRefused for what is no list of tables."""
    return tuple(_source(word, release, files) for word in _words(maps))


def _words(text: str) -> list[str]:
    """Split at blanks and commas that stand outside of braces."""
    found: list[str] = []
    depth, begin = 0, None
    for place, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if depth < 0:
            raise SettingsRefused("smtp_tls_policy_maps", f"a '{{' is missing in {shown(text)}")
        if not depth and (char in _BLANKS or char == ","):
            if begin is not None:
                found.append(text[begin:place])
            begin = None
        elif begin is None:
            begin = place
    if depth:
        raise SettingsRefused("smtp_tls_policy_maps", f"a '}}' is missing in {shown(text)}")
    return found if begin is None else [*found, text[begin:]]


def _source(word: str, release: PostfixRelease, files: Files) -> PolicySource:
    word = word.removeprefix("proxy:")  # proxymap(8) reads the same table for smtp(8)
    kind, _colon, name = word.partition(":")
    if kind == "texthash" or kind in _COMPILED:
        return _text_table(kind, name, release, files)
    match kind:
        case "static":
            return Always(_unbraced(name).strip(_BLANKS) if name.startswith("{") else name)
        case "inline":
            return _inline(name)
        case "regexp" | "pcre":
            return _rules(kind, name, files)
        case "fail":
            return Broken(f"table {shown(word)} always fails")
        case _:
            return Unreadable(f"table {shown(word)} cannot be read here")


def _unbraced(text: str) -> str:
    if not (text.startswith("{") and text.endswith("}")):
        raise SettingsRefused("smtp_tls_policy_maps", f"{shown(text)} is not in braces")
    return text[1:-1]


def _inline(text: str) -> PolicySource:
    """Read "{key=value, {key = value with blanks}}"; any mistake makes every lookup fail."""
    pairs = []
    for word in _words(_unbraced(text)):
        entry = _unbraced(word) if word.startswith("{") else word
        key, equals, value = entry.partition("=")
        if not equals or not key.strip(_BLANKS) or not value.strip(_BLANKS):
            return Broken(f"inline: {shown(word)} is no key=value")
        pairs.append((key, value))
    if not pairs:
        return Broken("inline: it holds no entry")
    return rows(pairs)


def _text_table(kind: str, path: str, release: PostfixRelease, files: Files) -> PolicySource:
    content = files.read(path)
    if kind in _COMPILED and files.read(f"{path}{_COMPILED[kind]}") is None:
        return Broken(f"{kind}:{shown(path)}: the compiled table {shown(path)}{_COMPILED[kind]} cannot be read")
    if content is None:
        cause = "it cannot be read" if kind == "texthash" else "its source text cannot be read"
        return (Broken if kind == "texthash" else Unreadable)(f"{kind}:{shown(path)}: {cause}")
    table = parse(content, release)
    if kind == "texthash" and (twice := [one for one in table.findings if one.severity is Severity.TABLE]):
        return Broken(f"texthash:{shown(path)} line {twice[0].number}: {twice[0].text}")
    return Rows(table.values)


def _rules(kind: str, path: str, files: Files) -> PolicySource:
    """Read a table of patterns; one that cannot be shown to mean the same in Python is not known here."""
    content = files.read(path)
    if content is None:
        return Broken(f"{kind}:{shown(path)}: it cannot be read")
    rules = []
    for number, line in _rule_lines(content.decode("utf-8", "replace")):
        found = _RULE.fullmatch(line)
        if line.lower().startswith(("if ", "if/", "if!", "endif")) or found is None:
            return Unreadable(f"{kind}:{shown(path)} line {number}: it is not followed here")
        flags = re.IGNORECASE
        if not set(found[4]) <= _REGEXP_FLAGS:
            return Unreadable(f"{kind}:{shown(path)} line {number}: flags {found[4]} are not followed here")
        flags = flags ^ re.IGNORECASE if "i" in found[4] else flags
        try:
            rules.append((re.compile(found[3], flags), bool(found[1]), found[5].strip(_BLANKS)))
        except re.error as cause:
            return Unreadable(f"{kind}:{shown(path)} line {number}: {cause}")
    return Rules(tuple(rules))


def _rule_lines(text: str) -> list[tuple[int, str]]:
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip(_BLANKS) or line.lstrip(_BLANKS).startswith("#"):
            continue
        if line[0] in _BLANKS and lines:
            lines[-1] = (lines[-1][0], lines[-1][1] + line)
        else:
            lines.append((number, line.strip(_BLANKS)))
    return lines


def _substituted(value: str, found: re.Match[str]) -> str:
    def part(sign: re.Match[str]) -> str:
        number = sign[1] or sign[2] or sign[3]
        if number is None:
            return "$"
        return (found[int(number)] or "") if int(number) <= (found.re.groups) else ""

    return _SUBSTITUTION.sub(part, value)
