"""IPv4 and IPv6: smtp_addr.c and smtp_connect_addr() in src/smtp/smtp_connect.c.

No IPv4-mapped addresses: Postfix connects to them, the probe never does.
"""

# fmt: off
from tests.kit.script import Script
from tests.oracle.case import Case, Host, named

NO_STARTTLS = Script(starttls_offered=False)
BOTH = ("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>")
V4, V6 = {"smtp_address_preference": "ipv4"}, {"smtp_address_preference": "ipv6"}


def dual(name: str, shows: str, policy: str, *, four: Host, six: Host, **rest: object) -> Case:
    """Return a case of one MX host with both kinds of address."""
    return Case(f"dual-{name}", shows, policy, hosts={"mx": four, "mx6": six}, dns=BOTH, **rest)  # type: ignore[arg-type]


def four(**rest: object) -> Host:
    return Host(**rest)  # type: ignore[arg-type]


def six(**rest: object) -> Host:
    return Host(version=6, **rest)  # type: ignore[arg-type]


# With an IPv4 address in inet_interfaces smtp(8) of an IPv6-only system ends: own_inet_addr_init() in src/global.
ONLY_6 = {"inet_protocols": "ipv6", "inet_interfaces": "::1"}

CASES = (
    Case("only-6", "an IPv6 address alone", "verify", hosts={"mx": six()}),
    Case("only-6-inet-4", "an IPv6 address alone, and inet_protocols = ipv4", "may", hosts={"mx": six()},
         main_cf={"inet_protocols": "ipv4"}),
    Case("only-4-inet-6", "an IPv4 address alone, and inet_protocols = ipv6", "may", main_cf=ONLY_6),
    dual("prefer-4", "smtp_address_preference = ipv4", "none", four=four(), six=six(), main_cf=V4),
    dual("prefer-6", "smtp_address_preference = ipv6", "none", four=four(), six=six(), main_cf=V6),
    dual("prefer-4-refused", "the preferred kind refuses: the other", "encrypt", four=four(listens=False), six=six(),
         main_cf=V4),
    dual("prefer-6-refused", "the preferred IPv6 refuses: IPv4", "encrypt", four=four(), six=six(listens=False),
         main_cf=V6),
    dual("prefer-6-unreachable", "no route to IPv6: IPv4", "encrypt", four=four(),
         six=six(address="2a00:1450::25", listens=False), main_cf=V6),
    dual("prefer-6-no-tls", "no STARTTLS at the preferred address: the other", "encrypt", four=four(),
         six=six(script=NO_STARTTLS), main_cf=V6),
    dual("prefer-6-no-tls-may", "at may it goes to the first in plaintext", "may", four=four(),
         six=six(script=NO_STARTTLS), main_cf=V6),
    dual("prefer-6-name", "another certificate at the preferred address", "verify", four=four(),
         six=six(leaf=named("other.example")), main_cf=V6),
    dual("prefer-4-name", "another certificate at the other address does not matter", "verify", four=four(),
         six=six(leaf=named("other.example")), main_cf=V4),
    dual("inet-4", "inet_protocols = ipv4 leaves IPv6 out", "verify", four=four(), six=six(leaf=named("other.example")),
         main_cf={"inet_protocols": "ipv4", **V6}),
    dual("inet-6", "inet_protocols = ipv6 leaves IPv4 out", "verify", four=four(leaf=named("other.example")), six=six(),
         main_cf=ONLY_6),
    dual("inet-list", "inet_protocols = ipv4, ipv6", "none", four=four(), six=six(),
         main_cf={"inet_protocols": "ipv4, ipv6", **V4}),
    dual("last-decides", "both fail: the last address decides", "encrypt", four=four(script=NO_STARTTLS),
         six=six(script=Script(handshake="alert")), main_cf=V6),
    dual("last-decides-6", "both fail, the other way round", "encrypt", four=four(script=NO_STARTTLS),
         six=six(script=Script(handshake="alert")), main_cf=V4),
    dual("limit-1", "smtp_mx_address_limit 1: the preferred one alone", "encrypt", four=four(),
         six=six(script=NO_STARTTLS), main_cf={"smtp_mx_address_limit": "1", **V6}),
    dual("prefer-6-then-bounce", "the preferred IPv6 delivers: IPv4, which would refuse for good, is never asked", "none",
         four=four(script=Script(replies={"GREETING": "999 odd"})), six=six(), main_cf=V6),
    dual("prefer-4-then-bounce", "…nor is IPv6 where IPv4 is preferred, and a 5xx greeting is final", "encrypt", four=four(),
         six=six(script=Script(replies={"GREETING": "554 5.7.1 No"})), main_cf={**V4, "smtp_skip_5xx_greeting": "no"}),
    Case("dual-two-hosts", "the preference of an MX goes before the kind of address", "none",
         hosts={"mx": six(), "mx2": four()}, dns=("@ MX 10 mx", "@ MX 20 mx2"), main_cf=V4),
    Case("bind-4", "smtp_bind_address of the lab", "verify", main_cf={"smtp_bind_address": "198.18.255.1"}),
    Case("bind-foreign", "smtp_bind_address that is not ours", "verify", main_cf={"smtp_bind_address": "198.51.100.1"}),
    Case("bind-4-only-6", "smtp_bind_address does not touch IPv6", "verify", hosts={"mx": six()},
         main_cf={"smtp_bind_address": "198.18.255.1"}),
    Case("bind-6", "smtp_bind_address6 of the lab", "verify", hosts={"mx": six()},
         main_cf={"smtp_bind_address6": "2001:db8::ff:1"}),
    Case("no-mx-6", "no MX and an IPv6 address alone", "secure", hosts={"mx": six(leaf=named("@"))}, dns=("@ AAAA <mx>",)),
    Case("brackets-6", "a host in brackets with IPv6 alone", "verify", nexthop="[mx.@]", hosts={"mx": six()}),
    Case("brackets-dual", "a host in brackets with both", "none", nexthop="[mx.@]", hosts={"mx": four(), "mx6": six()},
         dns=BOTH, main_cf=V4),
)
