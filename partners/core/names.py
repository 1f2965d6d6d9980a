"""Nexthops as Postfix writes them, host names, and the names of match=; IDNA is done here and nowhere else.

Source: tls_policy_lookup() in src/smtp/smtp_tls_policy.c; valid_hostname.c, midna_domain.c and host_port.c in src/util.
"""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Self

import idna

from partners.core.errors import NameRefused
from partners.core.literals import IPV6_TAG, PORT_NAMES, SMTP_PORT, address_of, port_of
from partners.core.wording import Filled, _, fill, shown

__all__ = [
    "HOST_LENGTH_MAX",
    "SMTP_PORT",
    "DnsName",
    "MatchKind",
    "MatchName",
    "Nexthop",
    "NexthopKind",
    "fold",
    "is_hostname",
    "lookup_keys",
    "nexthop_domain",
    "nexthop_port",
    "place_text",
    "shown",
    "table_key",
    "to_ascii",
    "to_unicode",
]

HOST_LENGTH_MAX = 253  # RFC 1035 section 3.1, without the root label
LABEL_LENGTH_MAX = 63
TEXT_LENGTH_MAX = 300  # a nexthop with brackets and port

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?", re.ASCII)
_ALL_NUMERIC = re.compile(r"[0-9.]+", re.ASCII)
_BRACKETED = re.compile(r"\[(?P<host>[^\[\]]*)\](?::(?P<port>[^:\[\]]*))?")
_WITH_PORT = re.compile(r"(?P<host>[^:\[\]]+):(?P<port>[^:\[\]]*)")
# What would end the key, begin a comment or be taken literally by postmap(1).
_QUOTE = _("a quote")
_NEVER = {",": _("a comma"), "#": _("a '#'"), '"': _QUOTE, "'": _QUOTE, "\\": _("a backslash"), "/": _("a slash")}
_TOO_LONG = fill(_("it is longer than {count} characters"), count=HOST_LENGTH_MAX)
_SPELLING = _("check its spelling")
_KEYWORDS = {"nexthop", "dot-nexthop", "hostname"}
_NEAR_KEYWORDS = (
    dict.fromkeys(("next-hop", "next_hop", "nexthops", "nextop"), "nexthop")
    | dict.fromkeys(("dotnexthop", "dot_nexthop", "dot-next-hop", ".nexthop"), "dot-nexthop")
    | dict.fromkeys(("host-name", "host_name", "hostnames", ".hostname"), "hostname")
)


class NexthopKind(Enum):
    """The shapes of a key of smtp_tls_policy_maps."""

    DOMAIN = "domain"  # example.com: MX lookup, parents are looked up
    PARENT = "parent"  # .example.com: every name below
    DOMAIN_PORT = "domain-port"  # example.com:587: MX lookup, this key alone
    LITERAL = "literal"  # [mx.example.com], [mx.example.com]:587: no MX lookup, this key alone
    ADDRESS = "address"  # [192.0.2.1], [ipv6:2001:db8::1]:587


@dataclass(frozen=True, slots=True)
class Nexthop:
    """A key of smtp_tls_policy_maps, valid by construction.

    text: the key as Postfix looks it up, folded to lower case. host: without brackets, port, leading dot and "ipv6:".
    written: the host before folding, as the DNS is asked for it and as names below it come back.
    """

    text: str
    kind: NexthopKind
    host: str
    port: int = SMTP_PORT
    written: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        _refuse_characters(self.text, _subject(self.text))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a nexthop as people and transport_maps write it.

        Errors: NameRefused for what Postfix would never look up, misread in a table file, or die of.
        """
        subject = _subject(text)
        folded = fold(text)
        _refuse_characters(folded, subject)
        _refuse_shapes(folded, subject)
        parsed = cls._folded(folded, subject)
        return parsed if parsed.kind is NexthopKind.ADDRESS else replace(parsed, written=_written_host(text, folded))

    @classmethod
    def _folded(cls, folded: str, subject: str) -> Self:
        if bracketed := _BRACKETED.fullmatch(folded):
            return cls._bracketed(bracketed["host"], bracketed["port"], subject)
        if with_port := _WITH_PORT.fullmatch(folded):
            host, port = with_port["host"], port_of(with_port["port"], subject)
            host = _host(host, subject)
            return cls(f"{host}:{with_port['port']}", NexthopKind.DOMAIN_PORT, host, port)
        if folded.startswith("."):
            host = _host(folded[1:], subject)
            return cls(f".{host}", NexthopKind.PARENT, host)
        host = _host(folded, subject)
        return cls(host, NexthopKind.DOMAIN, host)

    @classmethod
    def _bracketed(cls, inner: str, port_text: str | None, subject: str) -> Self:
        port = SMTP_PORT if port_text is None else port_of(port_text, subject)
        tail = "" if port_text is None else f":{port_text}"
        if address := address_of(inner):
            return cls(f"[{inner}]{tail}", NexthopKind.ADDRESS, str(address), port)
        host = _host(inner, subject)
        return cls(f"[{host}]{tail}", NexthopKind.LITERAL, host, port)

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address of [192.0.2.1] or [ipv6:2001:db8::1], else None."""
        return ip_address(self.host) if self.kind is NexthopKind.ADDRESS else None

    @property
    def asks_mx(self) -> bool:
        """Whether Postfix looks for MX records: not with brackets; a parent key is no destination."""
        return self.kind in {NexthopKind.DOMAIN, NexthopKind.DOMAIN_PORT}

    @property
    def is_destination(self) -> bool:
        """Whether mail can be sent to it; a parent key only covers others."""
        return self.kind is not NexthopKind.PARENT

    def as_host(self) -> "Nexthop":
        """Return the next-hop that names the same host in brackets: no MX records are asked for."""
        return self if not self.asks_mx else Nexthop.parse(f"[{self.written or self.host}]:{self.port}")

    def with_port(self, port: str) -> "Nexthop":
        """Return the same next-hop at *port*, unless it names one itself (smtp_tcp_port). Errors: NameRefused."""
        has_port = _WITH_PORT.fullmatch(self.text) or (self.text.startswith("[") and not self.text.endswith("]"))
        return (
            self
            if has_port or port in {"smtp", str(SMTP_PORT)}
            else replace(Nexthop.parse(f"{self.text}:{port}"), written=self.written)
        )

    @property
    def asked_name(self) -> str:
        """The name that the DNS is asked for, in A-labels and otherwise in the case in which it was written."""
        return self.written or to_ascii(self.host)

    def keys(self) -> tuple[str, ...]:
        """Return the keys that cover this nexthop in both forms of an internationalised name, A-labels first.

        Postfix converts nothing for the lookup: an SMTPUTF8 recipient brings U-labels, any other one A-labels.
        """
        if self.kind is NexthopKind.ADDRESS:
            return (self.text,)
        forms = dict.fromkeys((to_ascii(self.host), to_unicode(self.host)))
        return tuple(self.text.replace(self.host, form, 1) for form in forms)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class DnsName:
    """A host name as the DNS takes it: lower case, A-labels, no final dot."""

    ascii: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name; one final dot is taken off. Errors: NameRefused where it is no host name."""
        subject = fill(_("name {name}"), name=shown(text))
        folded = fold(text)
        _refuse_characters(folded, subject)
        return cls(to_ascii(_host(folded.removesuffix("."), subject)))

    @property
    def unicode(self) -> str:
        """The same name for people."""
        return to_unicode(self.ascii)

    def __str__(self) -> str:
        return self.ascii


class MatchKind(Enum):
    """What a field of match= stands for at verify and secure."""

    NEXTHOP = "nexthop"
    DOT_NEXTHOP = "dot-nexthop"
    HOSTNAME = "hostname"
    LITERAL = "literal"  # this name alone
    SUFFIX = "suffix"  # .example.com: any name below, at any depth, not itself
    ADDRESS = "address"  # an iPAddress entry of the certificate


@dataclass(frozen=True, slots=True)
class MatchName:
    """A field of match= at verify and secure. warning: a sentence where it hardly says what was meant, else ""."""

    text: str
    kind: MatchKind
    warning: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one field. Errors: NameRefused for what can match nothing, or would split the entry."""
        subject = fill(_("match name {name}"), name=shown(text))
        folded = fold(text)
        _refuse_characters(folded, subject)
        if folded in _KEYWORDS:
            return cls(folded, MatchKind(folded))
        if meant := _NEAR_KEYWORDS.get(folded):
            taken = _("{subject}: Postfix takes this for the literal name of a host; {keyword} is the keyword")
            warning = fill(taken, subject=subject, keyword=meant)
            return cls(folded, MatchKind.SUFFIX if folded.startswith(".") else MatchKind.LITERAL, warning)
        if ":" in folded or "|" in folded:
            cause = _("names are separated by ':', so that no name can hold one, nor can an IPv6 address")
            raise NameRefused(subject, cause, _("give one name at a time; for [ipv6:…] use match=nexthop"))
        return cls._name(folded, subject)

    @classmethod
    def _name(cls, folded: str, subject: str) -> Self:
        if folded.endswith("."):
            raise NameRefused(subject, _("a name with a final dot never matches"), _use(folded.strip(".")))
        if address := address_of(folded):
            return cls(str(address), MatchKind.ADDRESS)
        if folded.startswith("*."):
            host = to_ascii(_host(folded[2:], subject))
            literal = _(
                "{subject}: only a certificate that itself says *.{name} matches; .{name} means all names below"
            )
            warning = fill(literal, subject=subject, name=host)
            return cls(f"*.{host}", MatchKind.LITERAL, warning)
        if folded.startswith("."):
            return cls("." + to_ascii(_host(folded[1:], subject)), MatchKind.SUFFIX)
        host = to_ascii(_host(folded, subject))
        single = _("{subject}: it is a single label; hardly a certificate names a host so")
        return cls(host, MatchKind.LITERAL, "" if "." in host else fill(single, subject=subject))

    def __str__(self) -> str:
        return self.text


def nexthop_domain(nexthop: str) -> str:
    """Return a next-hop without brackets, "ipv6:" and port (host_port() in src/util)."""
    if bracketed := _BRACKETED.fullmatch(nexthop):
        inner = bracketed["host"]
        return inner[len(IPV6_TAG) :] if inner[: len(IPV6_TAG)].lower() == IPV6_TAG else inner
    return nexthop.rpartition(":")[0] if nexthop.count(":") == 1 else nexthop


def _written_host(text: str, folded: str) -> str:
    """Return the host in *text* where folding changed nothing but its case, else ""."""
    bare = text.strip(" \t")
    found = _BRACKETED.fullmatch(bare) or _WITH_PORT.fullmatch(bare)
    host = found["host"] if found else bare
    return host if host.isascii() and host.lower() != host and host.lower() in folded else ""


def nexthop_port(nexthop: str) -> int:
    """Return the port of a next-hop, 25 where it names none. Errors: ValueError for an unknown service."""
    found = _BRACKETED.fullmatch(nexthop) or _WITH_PORT.fullmatch(nexthop)
    port = found["port"] if found else None
    if not port:
        return SMTP_PORT
    return PORT_NAMES[port.lower()] if port.lower() in PORT_NAMES else int(port)


def fold(text: str) -> str:
    """Return *text* as a key: without surrounding blanks, in lower case; U-labels in the form that IDNA gives them."""
    folded = text.strip(" \t").lower()
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)


def lookup_keys(nexthop: str) -> tuple[str, ...]:
    """Return the keys that Postfix looks up for *nexthop*, in its order: itself, then ".parent" up to the TLD.

    Shape: a.b.example -> a.b.example, .b.example, .example. Anything with brackets or a port is looked up alone.
    Keys are folded as table_key() folds them: straße.example asks for strasse.example.
    """
    key = table_key(nexthop)
    keys = [key]
    rest = key
    while is_hostname(key) and "." in rest:
        rest = rest.partition(".")[2]
        keys.append(f".{rest}")
    return tuple(keys)


def table_key(text: str) -> str:
    """Return *text* as Postfix folds both sides of a lookup (DICT_FLAG_FOLD_FIX, ICU's u_strFoldCase): two keys that
    fold alike are one key, and a texthash: table with both fails as a whole.
    """
    return text.casefold()


def is_hostname(text: str) -> bool:
    """Whether valid_utf8_hostname() takes *text*: labels of letters, digits, "_" and inner "-", not all-numeric."""
    name = to_ascii(text.lower())
    labels = name.split(".")
    return (
        len(name) <= HOST_LENGTH_MAX
        and all(len(label) <= LABEL_LENGTH_MAX and _LABEL.fullmatch(label) for label in labels)
        and not _ALL_NUMERIC.fullmatch(name)
    )


def to_ascii(name: str) -> str:
    """Return *name* with A-labels; unchanged where it cannot be converted (then it is no hostname)."""
    if name.isascii():
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return name


def to_unicode(name: str) -> str:
    """Return *name* with U-labels; unchanged where a label is no valid A-label."""
    if name.isascii() and "xn--" not in name:
        return name
    try:
        return idna.decode(name, uts46=True)
    except (idna.IDNAError, UnicodeError):
        return name


def _refuse_characters(text: str, subject: str) -> None:
    """Refuse what would end the key or begin another line, attribute or comment."""
    if not text:
        raise NameRefused(subject, _("it is empty"), _("name a mail domain, such as example.com"))
    if len(text) > TEXT_LENGTH_MAX:
        raise NameRefused(subject, _TOO_LONG, "")
    if any(char.isspace() for char in text):
        raise NameRefused(subject, _("it holds a blank or a line end"), _("give one name at a time"))
    if not text.isprintable():
        raise NameRefused(subject, _("it holds a control character or an invisible one"), _("type it again by hand"))
    for char, word in _NEVER.items():
        if char in text:
            cause = fill(_("it holds {what}, which no name has"), what=fill(word))
            raise NameRefused(subject, cause, _("give the bare name"))


def _refuse_shapes(text: str, subject: str) -> None:
    """Refuse what Postfix never looks up, with the key that was meant."""
    if "@" in text:
        cause = _("Postfix looks up the domain, never an address of a person")
        raise NameRefused(subject, cause, _use(text.rpartition("@")[2]))
    if text.startswith("*."):
        cause = _("Postfix knows no '*'; a leading dot stands for all names below")
        raise NameRefused(subject, cause, _use(text[1:]))
    if text.endswith("."):
        cause = _("with a final dot Postfix never finds the entry, and such a transport stops smtp(8)")
        raise NameRefused(subject, cause, _use(text.rstrip(".")))
    bare = text.removeprefix(IPV6_TAG)
    if address := address_of(bare):
        key = f"[{address}]" if address.version == 4 else f"[{IPV6_TAG}{address}]"
        raise NameRefused(subject, _("an address stands in brackets"), _use(key))


def _subject(nexthop: str) -> Filled:
    return fill(_("nexthop {key}"), key=shown(nexthop))


def _use(key: str) -> str:
    return fill(_("write {key}"), key=shown(key)) if key else ""


def _host(host: str, subject: str) -> str:
    """Return *host*, in its own form, if Postfix takes it for a host name."""
    name = host if host.isascii() else to_unicode(to_ascii(host))
    if is_hostname(name):
        return name
    ascii_name = to_ascii(name)
    if not ascii_name.isascii():
        raise NameRefused(subject, _("it is no internationalised name as IDNA 2008 allows it"), _SPELLING)
    if len(ascii_name) > HOST_LENGTH_MAX:
        raise NameRefused(subject, _TOO_LONG, _SPELLING)
    if any(len(label) > LABEL_LENGTH_MAX for label in ascii_name.split(".")):
        cause = fill(_("a label is longer than {count} characters"), count=LABEL_LENGTH_MAX)
        raise NameRefused(subject, cause, _SPELLING)
    if ".." in name or name.startswith(".") or not name:
        raise NameRefused(subject, _("a label is empty"), _("check its dots"))
    if _ALL_NUMERIC.fullmatch(name):
        raise NameRefused(subject, _("a name of digits alone is no host name"), _("an address stands in brackets"))
    cause = fill(_("Postfix takes letters, digits, '_' and '-' within a label, and nothing else"))
    raise NameRefused(subject, cause, _SPELLING)


def place_text(target: str, port: int) -> str:
    """Return address or host with its port as one writes them: an IPv6 address in brackets."""
    return f"[{target}]:{port}" if ":" in target else f"{target}:{port}"
