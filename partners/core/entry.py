"""PolicyEntry: one line of smtp_tls_policy_maps, valid by construction.

Stricter than Postfix where Postfix would take a value and then mean something else, or fail at the handshake only:
there bad protocols, ciphers and exclude deliver in plaintext at level may once the message has aged.
"""

import re
from dataclasses import dataclass
from typing import Self

from partners.core.certificates import DIGESTS
from partners.core.errors import EntryRefused, NameRefused
from partners.core.grammar import (
    ATTRIBUTES,
    NOTHING_LEFT,
    Invalid,
    ParsedPolicy,
    digest_of,
    level_since,
    parse_value,
    written_digest,
)
from partners.core.levels import SecurityLevel
from partners.core.names import MatchKind, MatchName, Nexthop, NexthopKind, is_hostname, shown, to_ascii
from partners.core.offers import GRADES, PROTOCOLS
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.wording import Filled, _, fill

__all__ = ["GRADES", "NOTHING", "PROTOCOLS", "PolicyEntry", "parse_entry", "render_entry", "render_value"]

NOTHING = ":"  # protocols=: and exclude=: replace main.cf's list by an empty one

_RANGES_SINCE = PostfixRelease(3, 6)  # ">=TLSv1.2"
_MAY_SINCE = PostfixRelease(2, 6)  # ciphers= and protocols= at level may
_HEX_VERSION = re.compile(r"0x[0-9a-f]{1,4}", re.ASCII)
_EXCLUDED = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_.-]*", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9._/+@-]+", re.ASCII)
_SERVERNAME_WORDS = {"hostname", "nexthop"}
_STS_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:;=*_/+-]*|\*\.[A-Za-z0-9.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy that Postfix takes and reads as it was meant.

    match: names at verify and secure (text of MatchName), digests at fingerprint ("AA:BB:…", all of one algorithm).
    Texts: "" = not set, main.cf's value applies; ":" (NOTHING) = set to an empty list, for protocols and exclude alone.
    sts: policy_* and mx_host_pattern, for what an MTA-STS plugin would write.
    Errors: EntryRefused with Postfix's rule, and the value that was meant where there is one.
    """

    nexthop: Nexthop
    level: SecurityLevel
    match: tuple[str, ...] = ()
    tafile: tuple[str, ...] = ()
    protocols: str = ""
    ciphers: str = ""
    exclude: str = ""
    servername: str = ""
    connection_reuse: bool | None = None
    enable_rpk: bool | None = None
    sts: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.level is SecurityLevel.NONE:
            _refuse_anything(self)
        _refuse_levels(self)
        fingerprints = self.level is SecurityLevel.FINGERPRINT
        _keep(self, "match", _digests(self) if fingerprints else _names(self))
        for path in self.tafile:
            if not _PATH.fullmatch(path):
                raise _refusal(self, f"tafile {shown(path)} is no path", "letters, digits and . _ / + @ - make one")
        _keep(self, "tafile", tuple(dict.fromkeys(self.tafile)))
        _keep(self, "protocols", _protocols(self))
        _keep(self, "ciphers", _grade(self))
        _keep(self, "exclude", _exclude(self))
        _keep(self, "servername", _servername(self))
        _refuse_sts(self)

    @property
    def since(self) -> PostfixRelease:
        """The oldest Postfix release that takes this entry."""
        needed = [level_since(self.level), *(ATTRIBUTES[name].since for name, _value in _attributes(self))]
        if self.level is SecurityLevel.MAY and (self.protocols or self.ciphers):
            needed.append(_MAY_SINCE)
        if "=" in self.protocols:
            needed.append(_RANGES_SINCE)
        return max(needed)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on what Postfix takes but hardly means what was meant."""
        found = [MatchName.parse(name).warning for name in self.match if self.level.takes_tafile]
        if self.servername and self.level in {SecurityLevel.DANE, SecurityLevel.DANE_ONLY}:
            found.append(
                fill(
                    _("servername {text}: where TLSA records apply, Postfix sends their name instead"),
                    text=self.servername,
                )
            )
        if self.enable_rpk and self.level.takes_tafile:
            found.append(fill(_("enable_rpk: it has no effect at level {level}"), level=self.level.value))
        return tuple(sentence for sentence in found if sentence)

    def check_for(self, release: PostfixRelease) -> Self:
        """Return the entry itself; raise EntryRefused where *release* does not know all of it: mail would stop."""
        for name, _value in _attributes(self):
            if (since := ATTRIBUTES[name].since) > release:
                cause = fill(
                    _("Postfix {release} does not know {name}, which came with {since}, and would defer all mail"),
                    release=release,
                    name=name,
                    since=since,
                )
                raise _refusal(self, cause, fill(_("leave {name} out, or update the relays"), name=name))
        if self.since > release:
            cause = fill(_("Postfix {release} does not take what came with {since}"), release=release, since=self.since)
            raise _refusal(self, cause, _("write it the older way"))
        return self

    def as_read_by(self, relay: RelaySettings) -> ParsedPolicy | Invalid:
        """Return what *relay* makes of the written entry: what judge() wants."""
        return parse_value(render_value(self), relay.postfix, relay)

    @classmethod
    def from_policy(cls, nexthop: Nexthop, policy: ParsedPolicy) -> Self:
        """Return the entry that says what *policy* says; EntryRefused where Postfix would ignore a part of it."""
        if policy.warnings:
            cause = fill(_("Postfix warns: {warning}"), warning=policy.warnings[0])
            raise EntryRefused(_subject(nexthop), cause, _("take that part out"))
        if policy.match == NOTHING_LEFT:
            cause = fill(_("nothing is left of match=, so that nothing can match"))
            raise EntryRefused(_subject(nexthop), cause, _("name one"))
        return cls(
            nexthop,
            policy.level,
            match=policy.match,
            tafile=policy.tafile,
            protocols=_told(policy.protocols),
            ciphers=_told(policy.ciphers),
            exclude=_told(policy.exclude),
            servername=_told(policy.servername),
            connection_reuse=policy.connection_reuse,
            enable_rpk=policy.enable_rpk,
            sts=policy.sts,
        )


def parse_entry(nexthop: str, value: str, release: PostfixRelease) -> PolicyEntry:
    """Read key and value of a line. Errors: NameRefused, EntryRefused."""
    key = Nexthop.parse(nexthop)
    policy = parse_value(value, release)
    if isinstance(policy, Invalid):
        cause = fill(
            _("Postfix {release} refuses it and would defer all mail: {reason}"), release=release, reason=policy.reason
        )
        raise EntryRefused(_subject(key), cause)
    return PolicyEntry.from_policy(key, policy).check_for(release)


def render_entry(entry: PolicyEntry) -> str:
    """Return the policy table line of *entry*, without its newline.

    Shape:  key TAB level [SP name=value]...
    Errors: none; an entry that exists can be rendered.
    Source: postconf(5) smtp_tls_policy_maps; src/smtp/smtp_tls_policy.c.
    """
    return f"{entry.nexthop.text}\t{render_value(entry)}"


def render_value(entry: PolicyEntry) -> str:
    """Return the right-hand side of *entry*."""
    return " ".join([entry.level.value, *(f"{name}={value}" for name, value in _attributes(entry))])


def _attributes(entry: PolicyEntry) -> list[tuple[str, str]]:
    """Return what is written after the level.

    Digests are separated by "|" and names by ":", because a digest contains colons.
    """
    separator = "|" if entry.level is SecurityLevel.FINGERPRINT else ":"
    pairs = [("match", separator.join(entry.match)), *(("tafile", path) for path in entry.tafile)]
    pairs += [(name, str(getattr(entry, name))) for name in ("protocols", "ciphers", "exclude", "servername")]
    switches = (("connection_reuse", entry.connection_reuse), ("enable_rpk", entry.enable_rpk))
    pairs += [(name, "yes" if value else "no") for name, value in switches if value is not None]
    return [(name, value) for name, value in [*pairs, *entry.sts] if value]


def _keep(entry: PolicyEntry, name: str, value: object) -> None:
    """Write the canonical form of a field of a frozen entry."""
    object.__setattr__(entry, name, value)


def _told(value: str | None) -> str:
    return "" if value is None else value or NOTHING


def _refusal(entry: PolicyEntry, cause: str, cure: str = "") -> EntryRefused:
    return EntryRefused(_subject(entry.nexthop), cause, cure)


def _subject(nexthop: Nexthop) -> Filled:
    return fill(_("nexthop {key}"), key=nexthop)


def _refuse_anything(entry: PolicyEntry) -> None:
    if found := _attributes(entry):
        cause = fill(_("at level none Postfix ignores every attribute, {name} too"), name=found[0][0])
        raise _refusal(entry, cause, _("leave it out"))


def _refuse_levels(entry: PolicyEntry) -> None:
    level = entry.level.value
    if entry.match and not entry.level.takes_match:
        raise _refusal(
            entry,
            fill(_("match is not allowed at level {level}; Postfix would defer all mail"), level=level),
            _("match goes with verify, secure and fingerprint"),
        )
    if entry.tafile and not entry.level.takes_tafile:
        raise _refusal(
            entry,
            fill(_("tafile is not allowed at level {level}; Postfix would defer all mail"), level=level),
            _("tafile goes with verify and secure"),
        )


def _digests(entry: PolicyEntry) -> tuple[str, ...]:
    """Return the digests in canonical form, in order, each once."""
    if not entry.match:
        cause = fill(_("at level fingerprint nothing is pinned"))
        raise _refusal(entry, cause, _("name at least one fingerprint in match="))
    digests = {}
    for text in entry.match:
        digest = digest_of(text)
        if digest is None or len(digest) not in DIGESTS.values():
            raise _refusal(
                entry,
                fill(_("{text} is no fingerprint as Postfix reads it"), text=shown(text)),
                _("pairs of hexadecimal digits with colons between them, without a prefix such as SHA256:"),
            )
        digests[written_digest(digest)] = len(digest)
    if len(set(digests.values())) > 1:
        cause = fill(_("fingerprints of several algorithms stand together; a relay compares one algorithm alone"))
        raise _refusal(entry, cause, _("give those of smtp_tls_fingerprint_digest"))
    return tuple(digests)


def _names(entry: PolicyEntry) -> tuple[str, ...]:
    """Return the names in canonical form, in order, each once."""
    try:
        names = list(dict.fromkeys(MatchName.parse(text) for text in entry.match))
    except NameRefused as error:
        raise _refusal(entry, error.sentence) from error
    if not entry.level.takes_tafile:
        return ()
    ip_checks = [name for name in names if name.kind is MatchKind.ADDRESS]
    if entry.nexthop.kind is NexthopKind.ADDRESS:
        if not names and entry.level is SecurityLevel.SECURE:
            cause = fill(
                _("the default of secure never succeeds for an address, since dot-nexthop would have to match too")
            )
            raise _refusal(entry, cause, fill(_("write {key}"), key="match=nexthop"))
        ip_checks += [name for name in names if name.kind in {MatchKind.NEXTHOP, MatchKind.HOSTNAME}]
    if ip_checks and len(names) > 1:
        cause = fill(_("an address and further names must match together, where one is meant to suffice"))
        raise _refusal(entry, cause, fill(_("write match={name} alone"), name=ip_checks[0]))
    return tuple(name.text for name in names)


def _protocols(entry: PolicyEntry) -> str:
    if entry.protocols in {"", NOTHING}:
        return entry.protocols
    known = {name.lower(): name for name in PROTOCOLS}
    written = []
    for part in entry.protocols.split(":"):
        sign = next((sign for sign in (">=", "<=", "!") if part.startswith(sign)), "")
        name = part.removeprefix(sign).lower()
        is_version = sign in {">=", "<="} and _HEX_VERSION.fullmatch(name)
        if name not in known and not is_version:
            text = shown(part) or fill(_("an empty field"))
            cause = fill(_("{text} is no protocol; Postfix would notice at the handshake only"), text=text)
            cure = fill(_("one of {names} with >=, <= or ! before it, such as >=TLSv1.2"), names=", ".join(PROTOCOLS))
            raise _refusal(entry, cause, cure)
        written.append(sign + known.get(name, name))
    return ":".join(written)


def _grade(entry: PolicyEntry) -> str:
    grade = entry.ciphers.lower()
    if grade and grade not in GRADES:
        cause = fill(
            _("{text} is no cipher grade; Postfix would notice at the handshake only"), text=shown(entry.ciphers)
        )
        raise _refusal(entry, cause, fill(_("one of {names}"), names=", ".join(GRADES)))
    return grade


def _exclude(entry: PolicyEntry) -> str:
    if entry.exclude not in {"", NOTHING}:
        for part in entry.exclude.split(":"):
            if not _EXCLUDED.fullmatch(part):
                text = shown(part) or fill(_("with an empty field"))
                cause = fill(_("exclude {text}: it must be a cipher or cipher class by name"), text=text)
                raise _refusal(entry, cause, _("without ! + - @ before it, separated by ':'"))
    return entry.exclude


def _servername(entry: PolicyEntry) -> str:
    name = to_ascii(entry.servername.lower())
    if name in _SERVERNAME_WORDS and name != entry.servername:
        text = shown(entry.servername)
        cause = fill(_("servername {text}: Postfix knows the word in lower case alone"), text=text)
        raise _refusal(entry, cause, fill(_("write {key}"), key=name))
    if name and not is_hostname(name):
        text, meant = shown(entry.servername), name.rstrip(".")
        cause = fill(_("servername {text} is no host name; Postfix would defer all mail"), text=text)
        raise _refusal(entry, cause, fill(_("write {key}"), key=shown(meant)) if is_hostname(meant) else "")
    return name


def _refuse_sts(entry: PolicyEntry) -> None:
    for name, value in entry.sts:
        if name not in ATTRIBUTES or not (name.startswith("policy_") or name == "mx_host_pattern"):
            raise _refusal(entry, fill(_("{name} is no attribute of an MTA-STS policy"), name=shown(name)))
        if not _STS_VALUE.fullmatch(value):
            raise _refusal(entry, fill(_("{name} {text} cannot be written in a table"), name=name, text=shown(value)))
    if entry.sts and isinstance(policy := parse_value(render_value(entry), ATTRIBUTES[entry.sts[0][0]].since), Invalid):
        raise _refusal(entry, policy.reason)
