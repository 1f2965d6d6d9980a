"""Every wait and every size of the probe, by name: a hostile peer costs no more than this."""

from dataclasses import dataclass
from datetime import timedelta

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of the probe; the defaults are for peers across the internet.

    RFC 5321 section 4.5.3.2 asks for minutes; a probe is no delivery, and what is slower is "not measured".
    session: of one connection in all, from connect to the last byte; the other waits end within it.
    """

    connect: timedelta = timedelta(seconds=15)
    greeting: timedelta = timedelta(seconds=45)
    reply: timedelta = timedelta(seconds=30)
    starttls: timedelta = timedelta(seconds=30)  # the reply to it
    handshake: timedelta = timedelta(seconds=30)
    quit: timedelta = timedelta(seconds=2)
    session: timedelta = timedelta(seconds=90)

    reply_bytes: int = 32_768  # one reply with all its lines
    reply_lines: int = 200
    session_bytes: int = 262_144  # all that one peer may send
    chain_certificates: int = 32
    chain_bytes: int = 102_400  # OpenSSL's own bound (SSL_CTX_set_max_cert_list)

    dns_query: timedelta = timedelta(seconds=5)  # one datagram, one answer
    dns_lookup: timedelta = timedelta(seconds=12)  # one name and type, with retries
    dns_nexthop: timedelta = timedelta(seconds=60)  # all lookups of a nexthop
    mx_hosts: int = 64
    addresses: int = 32  # of one host
    tlsa_records: int = 64  # at one name
    dns_parallel: int = 8  # lookups of one nexthop at once
