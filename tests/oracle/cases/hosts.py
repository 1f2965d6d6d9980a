"""Which hosts are tried, in which order, and when it ends: smtp_connect_inet() in src/smtp/smtp_connect.c."""

# fmt: off
from tests.kit.script import CLOSING_421, Script
from tests.kit.zones import Zone
from tests.oracle.case import Case, Host, Maker, named, stranger

NO_STARTTLS = Script(starttls_offered=False)
ALERT = Script(handshake="alert")
TWO = ("@ MX 10 mx", "@ MX 20 mx2")
AGED = 600


def of(label: str, by: Maker | None = None, **rest: object) -> Host:
    """Return a host whose leaf has its own name."""
    return Host(leaf=by or named(f"{label}.@"), **rest)  # type: ignore[arg-type]


def two(name: str, shows: str, policy: str, first: Host, second: Host | None = None, **rest: object) -> Case:
    """Return a case of two MX hosts, the second good unless said."""
    rest = {"dns": TWO, "hosts": {"mx": first, "mx2": second or of("mx2")}, **rest}
    return Case(f"two-{name}", shows, policy, **rest)  # type: ignore[arg-type]


def at(step: str, reply: object) -> Script:
    return Script(replies={step: reply})  # type: ignore[dict-item]


def many(*kinds: str, **rest: object) -> dict[str, object]:
    """Return hosts mx0, mx1 … with MX records in this order: "refused", "plain", "wrong", "good", "421"."""
    made = {
        "refused": lambda label: of(label, listens=False),
        "plain": lambda label: of(label, script=NO_STARTTLS),
        "wrong": lambda label: of(label, named("elsewhere.example")),
        "good": of,
        "421": lambda label: of(label, script=at("GREETING", CLOSING_421)),
        "alert": lambda label: of(label, script=ALERT),
    }
    hosts = {f"mx{number}": made[kind](f"mx{number}") for number, kind in enumerate(kinds)}
    dns = tuple(f"@ MX {number * 10} mx{number}" for number in range(len(kinds)))
    return {"dns": dns, "hosts": hosts, **rest}


def spoil_mx(zone: Zone) -> None:
    zone.spoil("@ MX")


CASES = (
    two("first", "the lower preference comes first", "verify", of("mx")),
    two("order", "whatever the order of the records", "verify", of("mx"), dns=("@ MX 20 mx2", "@ MX 10 mx")),
    two("refused", "nothing listens: the next host", "verify", of("mx", listens=False)),
    two("unreachable", "no route: the next host", "verify", Host(address="198.51.100.8")),
    two("no-starttls", "STARTTLS not offered at encrypt: the next host", "encrypt", of("mx", script=NO_STARTTLS)),
    two("no-starttls-may", "STARTTLS not offered at may: plaintext, the next host is not asked", "may",
        of("mx", script=NO_STARTTLS)),
    two("name", "a wrong name: the next host", "verify", of("mx", named("elsewhere.example"))),
    two("chain", "an unknown root: the next host", "verify", of("mx", named("mx.@", by=stranger))),
    two("pin", "another fingerprint: the next host", lambda naming: f"fingerprint match={naming.leaves['mx2'].cert_fingerprint()}",
        of("mx")),
    two("handshake", "a failing handshake at encrypt: the next host", "encrypt", of("mx", script=ALERT)),
    two("handshake-may", "a failing handshake at may: the next host", "may", of("mx", script=ALERT)),
    two("handshake-may-aged", "an aged message at may: plaintext to the first, or the next host?", "may",
        of("mx", script=ALERT), age=AGED),
    two("handshake-both", "both handshakes fail at may, fresh", "may", of("mx", script=ALERT), of("mx2", script=ALERT)),
    two("handshake-both-aged", "both handshakes fail at may, aged", "may", of("mx", script=ALERT),
        of("mx2", script=ALERT), age=AGED),
    two("handshake-refused-aged", "the handshake fails, the next host refuses, aged", "may", of("mx", script=ALERT),
        of("mx2", listens=False), age=AGED),
    two("greeting-421", "a 4xx greeting: the next host", "may", of("mx", script=at("GREETING", CLOSING_421))),
    two("greeting-554", "a 5xx greeting: the next host", "may", of("mx", script=at("GREETING", "554 No"))),
    two("greeting-999", "an odd greeting bounces: the next host is not asked", "may",
        of("mx", script=at("GREETING", "999 odd"))),
    two("ehlo-421", "421 to EHLO: the next host", "may", of("mx", script=at("EHLO", CLOSING_421))),
    two("starttls-454", "4xx to STARTTLS at encrypt: the next host", "encrypt", of("mx", script=at("STARTTLS", "454 Later"))),
    two("starttls-554", "5xx to STARTTLS at encrypt bounces: the next host is not asked", "encrypt",
        of("mx", script=at("STARTTLS", "554 Never"))),
    two("starttls-554-may", "5xx to STARTTLS at may: plaintext to the first", "may",
        of("mx", script=at("STARTTLS", "554 Never"))),
    two("loop", "our own name in EHLO bounces at once", "may", of("mx", script=at("EHLO", "250 relay.example"))),
    two("last-decides", "the last host decides the code", "encrypt", of("mx", named("elsewhere.example"), script=ALERT),
        of("mx2", script=NO_STARTTLS)),
    two("last-refused", "a last host that refuses", "encrypt", of("mx", script=NO_STARTTLS), of("mx2", listens=False)),
    two("last-4xx", "a last host that greets with 4xx", "encrypt", of("mx", script=NO_STARTTLS),
        of("mx2", script=at("GREETING", CLOSING_421))),
    two("no-address", "an MX host without an address is passed over", "verify", of("mx"),
        dns=("@ MX 5 nothing", *TWO)),
    two("no-address-last", "an MX host without an address is passed over at the end as well", "verify", of("mx", named("elsewhere.example")),
        dns=("@ MX 10 mx", "@ MX 30 nothing"), hosts={"mx": of("mx", named("elsewhere.example"))}),
    Case("limit-addresses", "five addresses are tried, not six", "encrypt", **many(*["refused"] * 5, "good")),  # type: ignore[arg-type]
    Case("limit-addresses-fifth", "the fifth address is tried", "encrypt", **many(*["refused"] * 4, "good")),  # type: ignore[arg-type]
    Case("limit-addresses-2", "smtp_mx_address_limit 2", "encrypt", **many("refused", "refused", "good",  # type: ignore[arg-type]
         main_cf={"smtp_mx_address_limit": "2"})),
    Case("limit-addresses-0", "smtp_mx_address_limit 0 is no limit", "encrypt", **many(*["refused"] * 6, "good",  # type: ignore[arg-type]
         main_cf={"smtp_mx_address_limit": "0"})),
    Case("limit-sessions-tls", "TLS trouble does not use up smtp_mx_session_limit", "verify",
         **many("wrong", "wrong", "wrong", "good")),  # type: ignore[arg-type]
    Case("limit-sessions-plain", "missing STARTTLS does not use up smtp_mx_session_limit", "encrypt", **many("plain", "plain", "plain", "good")),  # type: ignore[arg-type]
    Case("limit-sessions-alert", "a failing handshake does not use up smtp_mx_session_limit", "encrypt", **many("alert", "alert", "alert", "good")),  # type: ignore[arg-type]
    Case("limit-sessions-421", "a 4xx greeting does not use up smtp_mx_session_limit", "encrypt", **many("421", "421", "421", "good")),  # type: ignore[arg-type]
    Case("limit-sessions-1", "smtp_mx_session_limit 1", "verify", **many("wrong", "good",  # type: ignore[arg-type]
         main_cf={"smtp_mx_session_limit": "1"})),
    Case("mx-null", "a null MX bounces", "may", dns=("@ MX 0 .",)),
    Case("mx-null-secure", "whatever the level", "secure", dns=("@ MX 0 .",)),
    Case("mx-null-beside", "any MX `.` beside others bounces", "may", dns=("@ MX 10 mx", "@ MX 0 .")),
    Case("mx-null-preference", "a null MX with another preference", "may", dns=("@ MX 10 .",)),
    Case("mx-none", "no MX: the domain's own address", "may", dns=("@ A <mx>",)),
    Case("mx-none-secure", "no MX at secure: the domain's name", "secure", dns=("@ A <mx>",), leaf=named("@")),
    Case("mx-none-nothing", "neither MX nor address", "may", dns=("@ TXT nothing",)),
    Case("mx-nxdomain", "a domain that does not exist", "may", dns=("other TXT x",), hosts={"x": Host(listens=False)},
         domain="mx-nxdomain.example", nexthop="gone.@"),
    Case("mx-nxdomain-brackets", "a host in brackets that does not exist", "may", nexthop="[gone.@]"),
    Case("mx-no-address", "an MX host without an address", "may", dns=("@ MX 10 nothing", "nothing TXT x")),
    Case("mx-no-such-host", "an MX host that does not exist", "may", dns=("@ MX 10 nothing",)),
    Case("mx-no-such-beside", "both kinds beside each other", "may", dns=("@ MX 10 nothing", "@ MX 20 other", "other TXT x")),
    Case("mx-servfail", "MX SERVFAIL defers", "may", own=True, signed=True, tweak=spoil_mx),
    Case("mx-host-servfail", "an MX host whose address fails to resolve", "may", own=True, signed=True,
         tweak=lambda zone: zone.spoil("mx A")),
    two("host-servfail-first", "the first host fails to resolve: the second", "verify", of("mx"), own=True, signed=True,
        tweak=lambda zone: zone.spoil("mx A")),
    two("host-servfail-last", "the last host fails to resolve, the first does not match", "verify",
        of("mx", named("elsewhere.example")), own=True, signed=True, tweak=lambda zone: zone.spoil("mx2 A")),
    Case("mx-cname", "an MX host that is an alias", "verify", dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>")),
    Case("mx-cname-twice", "an alias of an alias", "verify",
         dns=("@ MX 10 mx", "mx CNAME one", "one CNAME real", "real A <mx>")),
    Case("mx-cname-dangling", "an alias of nothing", "may", dns=("@ MX 10 mx", "mx CNAME gone")),
    Case("mx-cname-loop", "aliases in a circle", "may", dns=("@ MX 10 mx", "mx CNAME one", "one CNAME mx")),
    Case("mx-literal", "an MX record that names an address", "encrypt", dns=("@ MX 10 <mx>.",)),
    Case("mx-literal-verify", "an MX record that names an address, at verify", "verify", dns=("@ MX 10 <mx>.",),
         leaf=named(ips=["<mx>"])),
    Case("mx-self", "an MX record that names the domain itself", "secure", dns=("@ MX 10 @", "@ A <mx>"), leaf=named("@")),
    Case("mx-upper", "an MX record in upper case", "verify", dns=("@ MX 10 MX", "MX A <mx>")),
    Case("mx-underscore", "an MX host with an underscore", "encrypt", dns=("@ MX 10 m_x", "m_x A <mx>")),
    Case("mx-bad-name", "an MX host that is no host name", "encrypt", dns=("@ MX 10 -mx", "-mx A <mx>")),
    Case("mx-localhost", "one host at two preferences", "verify", dns=("@ MX 10 mx", "@ MX 20 mx")),
    Case("mx-equal", "two of equal preference, both without TLS", "encrypt", dns=("@ MX 10 mx", "@ MX 10 other", "other A <mx>"),
         script=NO_STARTTLS, main_cf={"smtp_randomize_addresses": "no"}),
    Case("domain-cname", "a mail domain that is an alias", "verify", dns=("@ CNAME real", "real MX 10 mx")),
    Case("domain-cname-no-mx", "an alias of a name with an address alone", "may", dns=("@ CNAME real", "real A <mx>")),
    Case("domain-cname-dangling", "an alias of nothing, as mail domain", "may", dns=("@ CNAME gone",)),
    Case("brackets-cname", "a host in brackets that is an alias", "verify", nexthop="[alias.@]",
         dns=("alias CNAME real", "real A <mx>"), leaf=named("alias.@")),
    Case("brackets-mx", "brackets ask for no MX", "may", nexthop="[@]", dns=("@ MX 10 other", "@ A <mx>")),
    Case("port-submission", "a nexthop with a named port", "encrypt", nexthop="[mx.@]:submission", hosts={"mx": Host(port=587)}),
    Case("port-refused", "a port at which nothing listens", "may", nexthop="[mx.@]:2599"),
    Case("address-hole", "an address that does not answer: a time-out", "encrypt", nexthop="[203.0.113.9]"),
    Case("address-6", "an IPv6 nexthop", "encrypt", nexthop="[ipv6:<mx>]", hosts={"mx": Host(version=6)}),
)
