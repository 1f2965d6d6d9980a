"""What of main.cf, of the Postfix release and of the OpenSSL release changes the outcome of a delivery."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Self

from partners.core.levels import SecurityLevel
from partners.core.slow_lane import Patience

__all__ = ["DEBIAN_12", "DEBIAN_13", "OpensslRelease", "PostfixRelease", "RelaySettings"]


@dataclass(frozen=True, slots=True, order=True)
class PostfixRelease:
    """A Postfix release, "3.7.11"."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "3.7.11" or "3.7"; raise ValueError for anything else."""
        parts = [int(part) for part in text.strip().split(".")]
        if len(parts) not in {2, 3}:
            raise ValueError(text)
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


class OpensslRelease(PostfixRelease):
    """An OpenSSL release, "3.0.19"."""

    __slots__ = ()


DEBIAN_12 = (PostfixRelease(3, 7, 11), OpensslRelease(3, 0, 19))
DEBIAN_13 = (PostfixRelease(3, 10, 13), OpensslRelease(3, 5, 9))


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """The settings of one smtp transport of one relay, named as in postconf(5).

    None means "not set": the built-in default of that release applies (see the properties of the module verdict).
    ca_file_pem and ta_files hold the *contents*; paths alone decide nothing here.
    ta_files: path as written in tafile= or smtp_tls_trust_anchor_file -> contents, or None where unreadable.
    ca_is_known: whether an empty ca_pem means that CAfile and CApath hold nothing, and not that nobody looked.
    tls_engine_failure: why smtp(8) goes on without TLS, where whoever read the files saw that: a CAfile or a client
    certificate that cannot be loaded. foreign_sources: kinds of address, "ipv4" or "ipv6", that
    smtp_bind_address_enforce keeps it from using. inet_interfaces, proxy_interfaces: names and addresses, as written.
    """

    postfix: PostfixRelease = DEBIAN_12[0]
    openssl: OpensslRelease = DEBIAN_12[1]
    smtp_tls_security_level: SecurityLevel = SecurityLevel.NONE
    smtp_tls_CAfile: str = ""  # noqa: N815 - Postfix's own name
    smtp_tls_CApath: str = ""  # noqa: N815 - Postfix's own name
    ca_pem: bytes = b""
    smtp_tls_trust_anchor_file: tuple[str, ...] = ()
    ta_files: tuple[tuple[str, bytes | None], ...] = ()
    smtp_tls_fingerprint_digest: str | None = None
    smtp_tls_fingerprint_cert_match: tuple[str, ...] = ()
    smtp_tls_verify_cert_match: tuple[str, ...] = ("hostname",)
    smtp_tls_secure_cert_match: tuple[str, ...] = ("nexthop", "dot-nexthop")
    smtp_tls_protocols: str = ">=TLSv1"
    smtp_tls_mandatory_protocols: str = ">=TLSv1"
    smtp_tls_ciphers: str = "medium"
    smtp_tls_mandatory_ciphers: str = "medium"
    smtp_tls_exclude_ciphers: str = ""
    smtp_tls_mandatory_exclude_ciphers: str = ""
    smtp_tls_servername: str = ""
    smtp_tls_scert_verifydepth: int = 9
    smtp_tls_dane_insecure_mx_policy: str | None = None
    smtp_tls_enforce_sts_mx_patterns: bool = True
    smtp_dns_support_level: str = ""
    smtp_host_lookup: str = "dns"
    smtp_address_preference: str = "any"
    smtp_mx_address_limit: int = 5
    smtp_mx_session_limit: int = 2
    smtp_tcp_port: str = "smtp"
    smtp_bind_address: str = ""
    smtp_bind_address6: str = ""
    smtp_cname_overrides_servername: bool = False
    smtp_skip_5xx_greeting: bool = True
    smtp_tls_wrappermode: bool = False
    smtp_never_send_ehlo: bool = False
    smtp_always_send_ehlo: bool = True
    smtp_discard_ehlo_keywords: tuple[str, ...] = ()
    smtp_balance_inet_protocols: bool = True
    smtp_defer_if_no_mx_address_found: bool = False
    disable_dns_lookups: bool = False
    soft_bounce: bool = False
    relayhost: str = ""
    smtp_fallback_relay: tuple[str, ...] = ()
    inet_interfaces: tuple[str, ...] = ()
    proxy_interfaces: tuple[str, ...] = ()
    tls_engine_failure: str = ""
    ca_is_known: bool = False
    foreign_sources: frozenset[str] = frozenset()
    inet_protocols: frozenset[str] = frozenset({"ipv4", "ipv6"})
    tls_dane_digests: tuple[str, ...] = ("sha512", "sha256")
    tls_ssl_options: str = ""
    tls_high_cipherlist: str = ""
    tls_medium_cipherlist: str = ""
    tls_required_enable: bool = True
    ignore_mx_lookup_error: bool = False
    compatibility_level: str = "3.6"
    myhostname: str = ""
    chroot: bool = False
    smtp_connect_timeout: int = 30
    smtp_helo_timeout: int = 300
    smtp_starttls_timeout: int = 300
    minimal_backoff_time: int = 300
    maximal_queue_lifetime: int = 432_000
    extra: tuple[tuple[str, str], ...] = field(default=())

    @property
    def fingerprint_digest(self) -> str:
        """Digest for fingerprints: set value, else md5 before 3.6 or below compatibility_level 3.6, else sha256."""
        if self.smtp_tls_fingerprint_digest:
            return self.smtp_tls_fingerprint_digest
        return _default_digest(self.postfix, self.compatibility_level)

    @property
    def patience(self) -> Patience:
        """How long smtp(8) waits for a peer."""
        return Patience(self.smtp_connect_timeout, self.smtp_helo_timeout, self.smtp_starttls_timeout)

    def with_(self, **changes: object) -> "RelaySettings":
        """Return a copy with *changes*."""
        return replace(self, **changes)  # type: ignore[arg-type]


@lru_cache(maxsize=64)
def _default_digest(release: PostfixRelease, compatibility_level: str) -> str:
    level = [int(part) for part in compatibility_level.split(".")[:2] if part.isdigit()]
    return "sha256" if release >= PostfixRelease(3, 6) and level >= [3, 6] else "md5"
