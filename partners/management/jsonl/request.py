"""One line of input: a message to a nexthop, through one smtp transport."""

import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from partners.core.errors import RefusedInput, SettingsRefused
from partners.core.grammar import Invalid, ParsedPolicy, parse_value
from partners.core.main_cf import FRESH_INSTALL, Files, MainCf, relay_settings, unheeded
from partners.core.names import Nexthop, shown
from partners.core.policy_maps import Found, find_policy, read_sources, rows
from partners.core.relay import DEBIAN_12, OpensslRelease, PostfixRelease, RelaySettings
from partners.management.jsonl.destinations import DESTINATIONS_MAX, Destination, next_hops
from partners.management.jsonl.relay_files import RelayFiles
from partners.management.jsonl.relay_manner import credentials, foreign_sources, manner_of

__all__ = ["Request", "RequestReader", "Unusable", "identity_of"]

TABLE_ROWS_MAX = 100_000
HEADERS_MAX = 1000
SECONDS_MAX = 10**9
RELAYS_MAX = 256

_LETTER = re.compile(r"(?<=[0-9])[a-z]{1,2}$", re.ASCII)  # of "1.1.1w": changes nothing that counts here

_Asked = tuple[tuple[str, str, str, bytes | list[str] | None], ...]
_Kept = tuple[RelaySettings, ParsedPolicy | Invalid | None]


class Unusable(Exception):
    """A line that cannot be answered; the text says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one line asks. destinations: in the order in which the relay tries them."""

    identity: Any
    destinations: tuple[Destination, ...]
    message_age: int
    headers: tuple[str, ...]


def identity_of(line: bytes) -> Any:
    """Return the id of *line*, null where it has none: an error names it if it can."""
    try:
        decoded = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return decoded.get("id") if isinstance(decoded, dict) else None


class RequestReader:
    """Reads the lines of one process. What many lines have in common is made once: the relay that they describe."""

    def __init__(self) -> None:
        self._files = RelayFiles()
        self._relays: OrderedDict[object, tuple[_Asked, _Kept]] = OrderedDict()
        self._main_cfs: OrderedDict[object, MainCf] = OrderedDict()

    def read(self, line: bytes) -> Request:
        """Read one line. Errors: Unusable."""
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as cause:
            raise Unusable(f"the line is no JSON: {cause}") from cause
        if not isinstance(fields, dict):
            raise Unusable("the line is no JSON object")
        if "id" not in fields:
            raise Unusable('"id" is missing')
        try:
            return self._request(fields)
        except RefusedInput as refused:
            raise Unusable(str(refused)) from refused

    def _request(self, fields: dict[str, Any]) -> Request:
        main_cf = self._main_cf(_parameters(fields), _postfix(fields))
        return Request(
            identity=fields["id"],
            destinations=tuple(self._destinations(fields, main_cf)),
            message_age=_age(fields),
            headers=_headers(fields),
        )

    def _main_cf(self, given: Mapping[str, str], release: PostfixRelease) -> MainCf:
        """Return the parameters, expanded once for all lines that have the same ones."""
        key = (tuple(given.items()), release)
        if key not in self._main_cfs:
            self._main_cfs[key] = MainCf(given, release, FRESH_INSTALL)
            if len(self._main_cfs) > RELAYS_MAX:
                self._main_cfs.popitem(last=False)
        return self._main_cfs[key]

    def _destinations(self, fields: dict[str, Any], main_cf: MainCf) -> Iterator[Destination]:
        """Yield what the transport says and then the fallback relays, each with its own entry."""
        given = list(next_hops(_typed(fields, "nexthop", str), main_cf.release))
        fallback = main_cf.value("smtp_fallback_relay")
        spare = list(next_hops(fallback, PostfixRelease(3, 5))) if fallback else []
        if len(given) + len(spare) > DESTINATIONS_MAX:
            raise Unusable(f"more than {DESTINATIONS_MAX} next-hops are not followed")
        for number, nexthop in enumerate((*given, *spare)):
            yield self._destination(fields, main_cf, nexthop, is_fallback=number >= len(given))

    def _destination(
        self, fields: dict[str, Any], main_cf: MainCf, nexthop: Nexthop, *, is_fallback: bool
    ) -> Destination:
        if not nexthop.is_destination:
            raise Unusable(f"nexthop {shown(nexthop.text)}: it covers the names below it and is no destination itself")
        found = _found(fields, nexthop.text, main_cf, self._files)
        relay, policy = self._relay(fields, main_cf, found)
        unknown = found.unknown or unheeded(main_cf, has_policy=_has_policy(fields, main_cf))
        if (sources := foreign_sources(main_cf)) != relay.foreign_sources:
            relay = relay.with_(foreign_sources=sources)
        manner, passwords = manner_of(main_cf, relay, self._files), credentials(main_cf, self._files)
        return Destination(nexthop, relay, policy, found.key, unknown, is_fallback, manner, passwords)

    def _relay(self, fields: dict[str, Any], main_cf: MainCf, found: Found) -> _Kept:
        """Return the relay and the entry as it reads it, made anew only where a file has changed since."""
        openssl, chroot = _openssl(fields), _typed(fields, "chroot", bool, False)
        key = (tuple(main_cf.given.items()), main_cf.release, openssl, chroot, found)
        if key in self._relays:
            asked, kept = self._relays[key]
            if self._files.is_as_before(asked):
                return kept
        self._files.forget_asked()
        policies = (found.value,) if found.key is not None else ()
        relay = relay_settings(main_cf, openssl=openssl, chroot=chroot, files=self._files, policies=policies)
        policy: ParsedPolicy | Invalid | None = None
        if found.broken:
            policy = Invalid(found.broken)
        elif found.key is not None:
            policy = parse_value(found.value, relay.postfix, relay)
        self._relays[key] = self._files.forget_asked(), (relay, policy)
        if len(self._relays) > RELAYS_MAX:
            self._relays.popitem(last=False)
        return relay, policy


def _found(fields: dict[str, Any], nexthop: str, main_cf: MainCf, files: Files) -> Found:
    """Look the nexthop up: main.cf's tables where it names any, else the table that came along."""
    if main_cf.is_set("smtp_tls_policy_maps"):
        return find_policy(read_sources(main_cf.value("smtp_tls_policy_maps"), main_cf.release, files), nexthop)
    table = _typed(fields, "table", list, [])
    if len(table) > TABLE_ROWS_MAX:
        raise Unusable(f'"table" has more than {TABLE_ROWS_MAX} rows')
    pairs = []
    for number, row in enumerate(table):
        if not isinstance(row, dict):
            raise Unusable(f'"table" row {number} is no object with key and value')
        pairs.append((_typed(row, "key", str), _typed(row, "value", str)))
    return find_policy((rows(pairs),), nexthop)


def _has_policy(fields: dict[str, Any], main_cf: MainCf) -> bool:
    """Whether a policy table is there, be it empty."""
    if main_cf.is_set("smtp_tls_policy_maps"):
        return bool(main_cf.value("smtp_tls_policy_maps"))
    return fields.get("table") is not None


def _parameters(fields: dict[str, Any]) -> Mapping[str, str]:
    given: dict[str, str] = _typed(fields, "main_cf", dict, {})
    for name, value in given.items():
        if not isinstance(value, str):
            raise Unusable(f'"main_cf": {shown(name)} is no string; write it as postconf prints it')
    return given


def _postfix(fields: dict[str, Any]) -> PostfixRelease:
    text = _typed(fields, "postfix", str, str(DEBIAN_12[0]))
    try:
        return PostfixRelease.parse(text)
    except ValueError as cause:
        raise SettingsRefused(f'"postfix" {shown(text)}', "it is no release", "write 3.7.11") from cause


def _openssl(fields: dict[str, Any]) -> OpensslRelease:
    text = _typed(fields, "openssl", str, str(DEBIAN_12[1]))
    try:
        return OpensslRelease.parse(_LETTER.sub("", text))
    except ValueError as cause:
        raise SettingsRefused(f'"openssl" {shown(text)}', "it is no release", "write 3.0.19") from cause


def _age(fields: dict[str, Any]) -> int:
    age = fields.get("message_age")
    if age is None:
        return 0
    if isinstance(age, bool) or not isinstance(age, int | float) or not 0 <= age <= SECONDS_MAX:
        raise Unusable('"message_age" is no number of seconds')
    return int(age)


def _headers(fields: dict[str, Any]) -> tuple[str, ...]:
    headers = _typed(fields, "headers", list, [])
    if len(headers) > HEADERS_MAX or not all(isinstance(line, str) for line in headers):
        raise Unusable(f'"headers" is no list of at most {HEADERS_MAX} strings')
    return tuple(headers)


def _typed(fields: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """Return a field, *default* where it is missing or null; no default makes it needed."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind):
        word = {str: "string", list: "list", dict: "object", bool: "boolean"}[kind]
        raise Unusable(f'"{name}" is missing' if name not in fields else f'"{name}" is no {word}')
    return value
