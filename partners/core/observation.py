"""What was seen of a nexthop and of its peers: facts, never an opinion.

Two parts. NexthopFacts: what the DNS says (MX, addresses, DNSSEC, TLSA). PeerFacts: what one address answered, for one
TLS profile. Both are immutable and have a canonical JSON form (facts_json.py), so that a new rule, a
new CA set or a later date judges them again without a probe.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

__all__ = [
    "PERMISSIVE",
    "Dnssec",
    "HostFacts",
    "LookupStatus",
    "NexthopFacts",
    "NotMeasured",
    "NotMeasuredCause",
    "PeerFacts",
    "Stage",
    "TlsFacts",
    "TlsProfile",
    "TlsaRecord",
]


class LookupStatus(Enum):
    """How a lookup ended. NOT_FOUND: the name exists without such records; FAILED: SERVFAIL, time-out, bogus."""

    FOUND = "found"
    NOT_FOUND = "not-found"
    NXDOMAIN = "nxdomain"
    FAILED = "failed"


class Dnssec(Enum):
    """Whether the configured resolver vouched for an answer (AD bit)."""

    SECURE = "secure"
    INSECURE = "insecure"


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """One TLSA record (RFC 6698 section 2.1), data as bytes."""

    usage: int
    selector: int
    matching_type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TlsaFacts:
    """The TLSA lookup at one base domain: `_port._tcp.<name>`. dnssec counts only with FOUND."""

    name: str
    status: LookupStatus
    dnssec: Dnssec
    records: tuple[TlsaRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One MX host (or the nexthop itself, where there is no MX or it is bracketed).

    name: of the MX record, in lower case and without the final dot; preference: 0 where there is no MX record.
    address lookups: status over A and AAAA together; addresses: text, IPv4 and IPv6, in answer order.
    written: the name as the DNS gave it, where that is not in lower case.
    canonical: the end of the CNAME chain ("" where name is no alias); alias_dnssec: of the CNAME itself, dnssec: of the
    address records found at its end. tlsa: lookups made (at canonical and/or name), only for a secure address or alias.
    """

    name: str
    preference: int
    status: LookupStatus
    dnssec: Dnssec
    addresses: tuple[str, ...] = ()
    canonical: str = ""
    alias_dnssec: Dnssec = Dnssec.INSECURE
    tlsa: tuple[TlsaFacts, ...] = ()
    lookup_text: str = ""
    written: str = ""


@dataclass(frozen=True, slots=True)
class NexthopFacts:
    """What the DNS says about a nexthop at one moment.

    mx_status: of the MX lookup (NOT_FOUND: the nexthop itself is the host; also for bracketed nexthops, with mx_asked
    False). null_mx: any record "0 ." (RFC 7505). canonical: the CNAME target of the mail domain, else "".
    hosts: by preference, then name. lookup_text: the resolver's words on failure.
    """

    nexthop: str
    looked_up_at: datetime
    mx_asked: bool
    mx_status: LookupStatus
    mx_dnssec: Dnssec
    hosts: tuple[HostFacts, ...]
    null_mx: bool = False
    canonical: str = ""
    canonical_dnssec: Dnssec = Dnssec.INSECURE
    lookup_text: str = ""


@dataclass(frozen=True, slots=True)
class TlsProfile:
    """The client side of a handshake, as far as it can change what the peer does.

    The default is the permissive one: TLS 1.0 and up, all ciphers at security level 0, no SNI.
    protocols, ciphers, exclude: in postconf(5) syntax, "" = permissive; ciphers "=…" is a list for OpenSSL.
    strict: OpenSSL security level 1, without aNULL (what Postfix sets where the peer must match).
    anonymous: offer aNULL first, as Postfix does at may and encrypt.
    wrapper: TLS from the first byte (smtp_tls_wrappermode), the greeting comes under it.
    leaf_key: "rsa" or "ecdsa" takes only a leaf with such a key: the look at a second certificate (second_look.py),
    which stands for no session of Postfix's.
    """

    servername: str = ""
    protocols: str = ""
    ciphers: str = ""
    exclude: str = ""
    strict: bool = False
    anonymous: bool = False
    wrapper: bool = False
    leaf_key: str = ""


PERMISSIVE = TlsProfile()


class Stage(Enum):
    """How far a session got; each stage means that the one before was passed."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    EHLO_TLS = "ehlo-tls"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """A finished handshake. chain: DER as sent, leaf first, empty where the peer is anonymous.

    version: "TLSv1.3"; cipher: OpenSSL's name; group and signature where known, else "".
    client_certificate_asked: the server sent a CertificateRequest.
    """

    version: str
    cipher: str
    chain: tuple[bytes, ...]
    client_certificate_asked: bool = False


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """What one address answered to one session with one TLS profile, without MAIL FROM.

    Replies are the code and the last line's text, cleaned of control characters, at most 512 characters; 0 = none came.
    ended: the last stage begun. Where the session did not reach DONE, `ended` is where it stopped and `stop` says how:
    "refused", "timeout", "closed", "reply" (a 4xx/5xx or odd reply), "tls" (handshake failed, text in tls_error).
    esmtp: the greeting let Postfix use EHLO; features: EHLO keywords as Postfix sees them (upper case).
    ehlo_name, ehlo_tls_name: first word of the EHLO reply before and under TLS (loop detection).
    overlong_at: the stage in which a line came that Postfix 3.10 does not take (LINE_OCTETS_MAX), "" for none.
    """

    address: str
    port: int
    profile: TlsProfile
    seen_at: datetime
    ended: Stage
    stop: str = ""
    greeting_code: int = 0
    greeting_text: str = ""
    esmtp: bool = True
    ehlo_code: int = 0
    ehlo_text: str = ""
    ehlo_name: str = ""
    features: tuple[str, ...] = ()
    starttls_offered: bool = False
    starttls_code: int = 0
    starttls_text: str = ""
    tls: TlsFacts | None = None
    tls_error: str = ""
    ehlo_tls_code: int = 0
    ehlo_tls_text: str = ""
    ehlo_tls_name: str = ""
    overlong_at: str = ""
    duration_ms: int = 0


class NotMeasuredCause(Enum):
    """Why nothing is known of an address or nexthop; a cause is no verdict."""

    CONNECT_TIMEOUT = "connect-timeout"
    CONNECT_REFUSED = "connect-refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    TOO_MUCH = "too-much"
    TEMPORARY_REPLY = "temporary-reply"
    NOT_ALLOWED = "not-allowed"
    LOOKUP_FAILED = "lookup-failed"
    NEVER = "never-probed"
    CANCELLED = "cancelled"
    CRASHED = "crashed"
    UNREADABLE = "unreadable"  # what is stored of it, or was reported


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """An attempt without a fact. stage: where it ended; detail: cleaned text, at most 512 characters."""

    address: str
    port: int
    profile: TlsProfile
    tried_at: datetime
    cause: NotMeasuredCause
    stage: Stage = Stage.CONNECT
    detail: str = ""
    duration_ms: int = 0
