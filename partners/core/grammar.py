"""The value of a policy entry, read exactly as tls_policy_lookup_one() reads it.

Source: src/smtp/smtp_tls_policy.c; mystrtok.c, split_nameval.c, extpar.c and hex_code.c in src/util;
tls_dane_load_trustfile() and tls_dane_add_fpt_digests() in src/tls/tls_dane.c. What Postfix checks at the handshake
only (protocols, grades, cipher names) is no concern of this file: PolicyEntry never lets such a value in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from partners.core.certificates import DIGESTS
from partners.core.levels import SecurityLevel
from partners.core.names import is_hostname, shown
from partners.core.pem import read_pem
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.sts import FAILURES, POLICY_TYPES, TTL_MAX

__all__ = [
    "ATTRIBUTES",
    "NOTHING_LEFT",
    "Attribute",
    "Invalid",
    "ParsedPolicy",
    "Repeat",
    "digest_of",
    "level_since",
    "parse_value",
    "written_digest",
]


class Repeat(Enum):
    """What a second attribute of the same name does."""

    ADDS = "adds"
    ERROR = "error"
    LAST_WINS = "last wins"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of smtp_tls_policy_maps and the release that brought it."""

    name: str
    since: PostfixRelease
    repeat: Repeat
    may_be_empty: bool = False


ATTRIBUTES = {
    attribute.name: attribute
    for attribute in (
        Attribute("match", PostfixRelease(2, 3), Repeat.ADDS),
        Attribute("tafile", PostfixRelease(2, 11), Repeat.ADDS),
        Attribute("protocols", PostfixRelease(2, 3), Repeat.ERROR, may_be_empty=True),
        Attribute("ciphers", PostfixRelease(2, 3), Repeat.ERROR),
        Attribute("exclude", PostfixRelease(2, 6), Repeat.ERROR, may_be_empty=True),
        Attribute("servername", PostfixRelease(3, 4), Repeat.ERROR),
        Attribute("connection_reuse", PostfixRelease(3, 4), Repeat.LAST_WINS),
        Attribute("enable_rpk", PostfixRelease(3, 9), Repeat.LAST_WINS),
        Attribute("policy_type", PostfixRelease(3, 10), Repeat.ERROR),
        Attribute("policy_domain", PostfixRelease(3, 10), Repeat.ERROR),
        Attribute("policy_ttl", PostfixRelease(3, 10), Repeat.ERROR),
        Attribute("policy_string", PostfixRelease(3, 10), Repeat.ADDS),
        Attribute("policy_failure", PostfixRelease(3, 10), Repeat.ERROR),
        Attribute("mx_host_pattern", PostfixRelease(3, 10), Repeat.ADDS),
    )
}

NOTHING_LEFT = ("",)  # the match= of "match=:": it replaces main.cf's list, and nothing matches

_SEPARATORS = ", \t\r\n"  # CHARS_COMMA_SP
_BLANKS = " \t\n\v\f\r"  # isspace() in the C locale
_BRACES = PostfixRelease(3, 10)
_NO_FALLBACK = PostfixRelease(3, 9)  # malformed fingerprints no longer give way to main.cf's
_LEVEL_SINCE = {
    SecurityLevel.FINGERPRINT: PostfixRelease(2, 5),
    SecurityLevel.DANE: PostfixRelease(2, 11),
    SecurityLevel.DANE_ONLY: PostfixRelease(2, 11),
}
_TABLES_SINCE = PostfixRelease(2, 3)
_YES_NO = {"yes": True, "no": False}
_DIGEST_MAX = 64  # octets: OpenSSL's EVP_MAX_MD_SIZE
_HEX_PAIRS = re.compile(r"[0-9a-fA-F]{2}(?::?[0-9a-fA-F]{2})*", re.ASCII)
_HALF_BYTE = re.compile(r"[0-9a-fA-F]", re.ASCII)


@dataclass(frozen=True, slots=True)
class ParsedPolicy:
    """A value that Postfix takes.

    match: fields of every match=, split as the level splits them; () where main.cf's list applies (no match=; before
    release 3.9 also fingerprints of which none is well-formed), NOTHING_LEFT where no field is left to match.
    At fingerprint: well-formed digests as "AA:BB:…", of whatever length; `usable` holds those of the relay's algorithm.
    protocols, exclude: None where absent, "" where present and empty (it replaces main.cf's).
    sts: policy_* and mx_host_pattern as (name, value). warnings: what Postfix would log.
    """

    level: SecurityLevel
    match: tuple[str, ...] = ()
    tafile: tuple[str, ...] = ()
    protocols: str | None = None
    ciphers: str | None = None
    exclude: str | None = None
    servername: str | None = None
    connection_reuse: bool | None = None
    enable_rpk: bool | None = None
    sts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    invalid: str = ""  # never: judge() asks

    def usable(self, algorithm: str) -> tuple[str, ...]:
        """Return the digests of match= whose length is that of *algorithm*; others match nothing."""
        return tuple(
            one for one in self.match if one and len(bytes.fromhex(one.replace(":", ""))) == DIGESTS[algorithm]
        )


@dataclass(frozen=True, slots=True)
class Invalid:
    """A value that Postfix refuses: no connection is made, mail defers 4.7.5 "client TLS configuration problem".

    level: as written, none where there is none; the other fields stand empty, so that judge() can ask for `invalid`.
    """

    reason: str
    warnings: tuple[str, ...] = ()
    level: SecurityLevel = SecurityLevel.NONE
    match: tuple[str, ...] = ()
    tafile: tuple[str, ...] = ()
    protocols: str | None = None
    ciphers: str | None = None
    exclude: str | None = None
    servername: str | None = None
    sts: tuple[tuple[str, str], ...] = ()

    @property
    def invalid(self) -> str:
        """Why Postfix refuses the entry."""
        return self.reason


class _Refused(Exception):
    """Ends the reading of a value; never leaves this file."""


@dataclass(slots=True)
class _Reading:
    """What is known of a value while it is read."""

    level: SecurityLevel
    release: PostfixRelease
    settings: RelaySettings | None
    values: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def parse_value(text: str, release: PostfixRelease, settings: RelaySettings | None = None) -> ParsedPolicy | Invalid:
    """Read the right-hand side of a policy entry.

    settings: with it, tafiles are looked at and main.cf's fingerprints stand in; without it, both are taken for good.
    """
    tokens = _tokens(text, braces=release >= _BRACES)
    word = next(tokens, None)
    if word is None:
        return Invalid("invalid empty policy")
    level = next((one for one in SecurityLevel if one.value == word.lower()), None)
    if level is None or level_since(level) > release:
        return Invalid(f'invalid security level "{shown(word)}"')
    if level is SecurityLevel.NONE:
        ignored = tuple(f'ignoring attribute "{shown(token)}" with TLS disabled' for token in tokens)
        return ParsedPolicy(level, warnings=ignored)
    reading = _Reading(level, release, settings)
    try:
        for token in tokens:
            _take(token, reading)
        return _policy(reading)
    except _Refused as refused:
        return Invalid(str(refused), tuple(reading.warnings), level)


def level_since(level: SecurityLevel) -> PostfixRelease:
    """Return the release that brought *level*."""
    return _LEVEL_SINCE.get(level, _TABLES_SINCE)


def digest_of(text: str) -> bytes | None:
    """Return the bytes of a fingerprint, or None for what Postfix calls malformed.

    Pairs, colons optional between them (hex_decode_opt()), and no more characters than the longest digest may take
    (tls_dane_add_fpt_digests() in src/tls/tls_dane.c).
    """
    is_read = len(text) <= 3 * _DIGEST_MAX and _HEX_PAIRS.fullmatch(text)
    return bytes.fromhex(text.replace(":", "")) if is_read else None


def written_digest(digest: bytes) -> str:
    """Return *digest* as Postfix writes it: "3D:95:…"; without colons what is longer than any, for digest_of()."""
    return (digest.hex(":") if len(digest) <= _DIGEST_MAX else digest.hex()).upper()


def _tokens(text: str, *, braces: bool) -> Iterator[str]:
    """Yield what mystrtok() yields, from release 3.10 mystrtokq(): separators within braces do not count."""
    start: int | None = None
    depth = 0
    for position, char in enumerate(text):
        if start is None and char in _SEPARATORS:
            continue
        start = position if start is None else start
        if braces and char == "{":
            depth += 1
        elif braces and depth and char == "}":
            depth -= 1
        elif not depth and char in _SEPARATORS:
            yield text[start:position]
            start = None
    if start is not None:
        yield text[start:]


def _take(token: str, reading: _Reading) -> None:
    """Read one attribute; raise _Refused as tls_policy_lookup_one() marks the level invalid."""
    name, value = _name_value(_without_braces(token) if reading.release >= _BRACES else token)
    attribute = ATTRIBUTES.get(name)
    if attribute is None or attribute.since > reading.release:
        raise _Refused(f'invalid attribute name: "{shown(name)}"')
    if name == "match" and not reading.level.takes_match:
        raise _Refused(f'attribute "match" invalid at security level "{reading.level.value}"')
    if name == "tafile" and not reading.level.takes_tafile:
        raise _Refused(f'attribute "tafile" invalid at security level "{reading.level.value}"')
    if not value and not attribute.may_be_empty:
        raise _Refused(f'attribute "{name}" has empty value')
    if name in reading.values and attribute.repeat is Repeat.ERROR:
        raise _Refused(f'attribute "{name}" is specified multiple times')
    _refuse_value(name, value, reading)
    reading.values.setdefault(name, []).append(value)


def _without_braces(token: str) -> str:
    """Return what extpar() leaves of "{ name = value }"."""
    if not token.startswith("{"):
        return token
    depth = 0
    for position, char in enumerate(token):
        depth += (char == "{") - (char == "}")
        if not depth:
            if token[position + 1 :]:
                raise _Refused(f"syntax error after '}}' in \"{shown(token)}\"")
            return token[1:position].strip(_BLANKS)
    raise _Refused(f"missing '}}' in \"{shown(token)}\"")


def _name_value(token: str) -> tuple[str, str]:
    """Return what split_nameval() finds: name, folded, and value, blanks around both taken off."""
    name, equals, value = token.partition("=")
    name = name.strip(_BLANKS)
    if not name:
        raise _Refused(f'malformed attribute/value pair "{shown(token)}": missing attribute name')
    if not equals or any(blank in name for blank in _BLANKS):
        raise _Refused(f"malformed attribute/value pair \"{shown(token)}\": missing '=' after attribute name")
    return name.lower(), value.strip(_BLANKS)


def _refuse_value(name: str, value: str, reading: _Reading) -> None:
    if name in {"connection_reuse", "enable_rpk"} and value.lower() not in _YES_NO:
        raise _Refused(f'attribute "{name}" has bad value: "{shown(value)}"')
    if name == "servername" and not (value.isascii() and is_hostname(value)):
        raise _Refused(f'"servername={shown(value)}" specifies an invalid hostname')
    if _is_sts(name):
        _refuse_sts_value(name, value)
    if name == "tafile" and reading.settings is not None:
        _refuse_tafile(value, reading.settings)


def _refuse_sts_value(name: str, value: str) -> None:
    known = {"policy_type": POLICY_TYPES, "policy_failure": FAILURES}
    if name in known and value.lower() not in known[name]:
        raise _Refused(f'attribute "{name}" has an unexpected value: "{shown(value)}"')
    if name == "policy_ttl" and not (value.isascii() and value.isdigit() and int(value) <= TTL_MAX):
        raise _Refused(f'attribute "policy_ttl" has a malformed value: "{shown(value)}"')


def _refuse_tafile(path: str, settings: RelaySettings) -> None:
    """Refuse what tls_dane_load_trustfile() cannot load: no file, no PEM object, broken base64.

    Objects of other types count as loaded, though they add nothing. A path that is not in the settings is taken for
    good here; judge() says that nothing is known of it.
    """
    known = dict(settings.ta_files)
    if path not in known:
        return
    content = known[path]
    if content is None:
        raise _Refused(f"error opening trust anchor file: {shown(path)}: No such file or directory")
    read = read_pem(content)
    if not read.objects and read.is_sound:
        raise _Refused(f"error loading trust anchor file: {shown(path)}: no PEM object in it")
    if not read.is_sound:
        raise _Refused(f"error loading trust anchor file: {shown(path)}: broken PEM object")


def _policy(reading: _Reading) -> ParsedPolicy:
    values = reading.values
    sts = tuple((name, one) for name in ATTRIBUTES if _is_sts(name) for one in values.get(name, ()))
    if sts and "policy_type" not in values:
        raise _Refused(f'attribute "{sts[0][0]}" without policy_type')
    match = _match(reading)
    return ParsedPolicy(
        level=reading.level,
        match=match,
        tafile=tuple(values.get("tafile", ())),
        protocols=_last(values, "protocols"),
        ciphers=_last(values, "ciphers"),
        exclude=_last(values, "exclude"),
        servername=_last(values, "servername"),
        connection_reuse=_switch(values, "connection_reuse"),
        enable_rpk=_switch(values, "enable_rpk"),
        sts=sts,
        warnings=tuple(reading.warnings),
    )


def _is_sts(name: str) -> bool:
    return name.startswith("policy_") or name == "mx_host_pattern"


def _last(values: dict[str, list[str]], name: str) -> str | None:
    return values[name][-1] if name in values else None


def _switch(values: dict[str, list[str]], name: str) -> bool | None:
    return _YES_NO[values[name][-1].lower()] if name in values else None


def _match(reading: _Reading) -> tuple[str, ...]:
    if reading.level is SecurityLevel.FINGERPRINT:
        return _fingerprints(reading)
    if "match" not in reading.values:
        return ()
    names = [name for value in reading.values["match"] for name in value.split(":") if name]
    if "." in names:
        reading.warnings.append('ignoring match name "."')
    return tuple(name for name in names if name != ".") or NOTHING_LEFT


def _fingerprints(reading: _Reading) -> tuple[str, ...]:
    """Return the well-formed digests; () where main.cf's apply (from release 3.9 only where none was given)."""
    given = [one for value in reading.values.get("match", ()) for one in value.split("|") if one]
    digests = _well_formed(given, reading)
    if digests:
        if reading.settings is not None:
            _warn_of_length(digests, reading.settings.fingerprint_digest, reading)
        return digests
    if "match" in reading.values and reading.release >= _NO_FALLBACK:
        raise _Refused("configured at fingerprint security level, but with no fingerprints to match")
    if reading.settings is None:
        return ()
    if not _well_formed(reading.settings.smtp_tls_fingerprint_cert_match, reading):
        raise _Refused("configured at fingerprint security level, but with no fingerprints to match")
    return ()


def _well_formed(given: list[str] | tuple[str, ...], reading: _Reading) -> tuple[str, ...]:
    digests = []
    for one in given:
        if _HALF_BYTE.fullmatch(one):
            raise _Refused(f'fingerprint "{one}" is half a byte: smtp(8) panics')
        digest = digest_of(one)
        if digest is None:
            reading.warnings.append(f"malformed fingerprint value: {shown(one)}")
        else:
            digests.append(written_digest(digest))
    return tuple(digests)


def _warn_of_length(digests: tuple[str, ...], algorithm: str, reading: _Reading) -> None:
    size = DIGESTS.get(algorithm)
    for one in digests:
        if size is not None and (len(one) + 1) // 3 != size:
            reading.warnings.append(f"fingerprint {one} is no {algorithm} digest: it matches nothing")
