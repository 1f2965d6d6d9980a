"""What stands in the world: chains of real CAs, extensions of all kinds, odd names, several oddities at once."""

# fmt: off
import ssl
from datetime import UTC, datetime, timedelta
from functools import cache

from tests.kit.ca import Certificate, bundle, cross_signed, root_ca
from tests.kit.der import tlv
from tests.kit.script import CLOSE, Script
from tests.oracle.case import FUTURE, PAST, Case, Host, Maker, Naming, alone, named, stranger
from tests.oracle.cases.chain import below, leaf_only, with_ca
from tests.oracle.cases.hosts import TWO, of

V = "verify"
NO_STARTTLS = Script(starttls_offered=False)
WRONG = named("elsewhere.example")
TLS12, TLS13 = {"maximum": ssl.TLSVersion.TLSv1_2}, {"minimum": ssl.TLSVersion.TLSv1_3}
SOON = datetime.now(UTC) + timedelta(hours=2)
LONG = ".".join(["mx", *("x" * 60 for _ in range(3))])
CRITICAL, MILD = True, False
SASL = {"smtp_sasl_auth_enable": "yes", "smtp_sasl_security_options": ""}
CREDENTIALS = {**SASL, "smtp_sasl_password_maps": "static:user:secret"}
ALERT = Script(handshake="alert")
SHAKE = "unknown: releases differ over a digest without a length"
MAPPED = "unknown: the probe speaks to no IPv4-mapped address"


@cache
def old_root() -> Certificate:
    """A root of RSA 4096 that CAfile does not hold."""
    return root_ca("Oracle old root", key="rsa4096")


@cache
def new_root() -> Certificate:
    """Its successor."""
    return root_ca("Oracle new root", key="rsa2048")


@cache
def issuing() -> Certificate:
    """An intermediate under the new root."""
    return new_root().intermediate("Oracle R3", key="rsa2048", path_length=0)


@cache
def bridge() -> Certificate:
    """The new root's key, certified by the old one."""
    return cross_signed(new_root(), by=old_root())


def public(naming: Naming) -> Certificate:
    return issuing().leaf(naming.fill("mx.@"), naming.fill("@"), key="rsa2048", eku=("server", "client"))


def with_extension(name: str, shows: str, dotted: str, value: str, *, critical: bool = MILD, policy: str = V) -> Case:
    """Return a case of a leaf with one more extension."""
    return Case(f"ext-{name}", shows, policy, leaf=named("mx.@", extra=((dotted, bytes.fromhex(value), critical),)))


def crowd(count: int) -> Maker:
    """Return the maker of a leaf with *count* other names before the one that counts."""
    return named(*(f"host{number}.@" for number in range(count)), "mx.@")


def sent(*others: Certificate) -> dict[str, object]:
    return {"chain": lambda leaf: (leaf, *others)}


CASES = (
    with_ca("real-new", "leaf, intermediate and the new root in CAfile", V, lambda _: new_root().pem, leaf=public),
    with_ca("real-old", "the cross-certificate leads to the old root", V, lambda _: old_root().pem, leaf=public,
            tls={"chain": lambda leaf: (leaf, issuing(), bridge())}),
    with_ca("real-old-missing", "without the cross-certificate the old root does not help", V, lambda _: old_root().pem,
            leaf=public, tls={"chain": lambda leaf: (leaf, issuing())}),
    with_ca("real-both", "both roots in CAfile", V, lambda _: bundle(old_root(), new_root()), leaf=public,
            tls={"chain": lambda leaf: (leaf, issuing(), bridge())}),
    with_ca("real-bridge-in-cafile", "the cross-certificate in CAfile, its root too", V, lambda _: bundle(old_root(), bridge()),
            leaf=public, tls={"chain": lambda leaf: (leaf, issuing())}),
    with_ca("real-order", "the chain in disorder", V, lambda _: old_root().pem, leaf=public,
            tls={"chain": lambda leaf: (leaf, bridge(), issuing())}),
    with_ca("real-leaf-only", "a server that forgets its intermediate", V, lambda _: new_root().pem, leaf=public, tls={"chain": leaf_only}),
    with_ca("real-leaf-only-encrypt", "a server that forgets its intermediate, at encrypt", "encrypt", lambda _: new_root().pem, leaf=public, tls={"chain": leaf_only}),
    with_ca("real-twice", "a leaf that is sent twice", V, lambda _: new_root().pem, leaf=public,
            tls={"chain": lambda leaf: (leaf, leaf, issuing())}),
    with_ca("real-all", "all that there is, roots too", V, lambda _: new_root().pem, leaf=public,
            tls={"chain": lambda leaf: (leaf, issuing(), new_root(), bridge(), old_root())}),
    with_ca("real-12", "the same in TLS 1.2 alone", V, lambda _: new_root().pem, leaf=public, tls=TLS12),
    with_ca("real-13", "the same in TLS 1.3 alone", V, lambda _: new_root().pem, leaf=public, tls=TLS13),
    Case("big-chain", "thirty certificates that do not belong to it", V,
         tls={"chain": lambda leaf: (leaf, *(stranger() for _ in range(29)))}),
    with_extension("must-staple", "OCSP must-staple is not heeded", "1.3.6.1.5.5.7.1.24", "3003020105"),
    with_extension("must-staple-critical", "OCSP must-staple that is critical", "1.3.6.1.5.5.7.1.24", "3003020105", critical=CRITICAL),
    with_extension("poison", "the CT poison of a precertificate", "1.3.6.1.4.1.11129.2.4.3", "0500", critical=CRITICAL),
    with_extension("policies", "certificate policies that are critical", "2.5.29.32", "300a3008060667810c010201", critical=CRITICAL),
    with_extension("policies-bad", "certificate policies that are no DER", "2.5.29.32", "ffff"),
    with_extension("policy-constraints", "policy constraints in a leaf", "2.5.29.36", "3003800100", critical=CRITICAL),
    with_extension("inhibit-any", "inhibitAnyPolicy in a leaf", "2.5.29.54", "020100", critical=CRITICAL),
    with_extension("netscape-client", "Netscape's type: SSL client alone", "2.16.840.1.113730.1.1", "03020780"),
    with_extension("netscape-server", "Netscape's type: SSL server", "2.16.840.1.113730.1.1", "03020640"),
    with_extension("crl", "where its CRL would be", "2.5.29.31", "301b3019a017a0158613687474703a2f2f63726c2e6578616d706c652f"),
    with_extension("constraints-in-leaf", "name constraints in a leaf", "2.5.29.30", "3010a00e300c820a6f746865722e74657374", critical=CRITICAL),
    with_extension("eku-twice", "a second EKU extension", "2.5.29.37.0", "0500"),
    with_extension("unknown-encrypt", "an unknown critical extension, at encrypt", "1.2.3.4", "0500", critical=CRITICAL, policy="encrypt"),
    Case("ca-unknown-critical", "an unknown critical extension of an intermediate", V, leaf=below({"extra": (("1.2.3.4", b"\x05\x00", True),)})),
    Case("ca-policies", "policy constraints of an intermediate", V, leaf=below({"extra": (("2.5.29.36", bytes.fromhex("3003800100"), True),)})),
    Case("san-many", "the name is the last of 201", V, leaf=crowd(200)),
    Case("san-many-13", "the name is the last of 1001", V, leaf=crowd(1000)),
    Case("wild-san-empty", "an empty SAN: the CN counts", V, leaf=named(common_name="mx.@", san_der=tlv(0x30, b""))),
    Case("wild-san-critical", "a SAN that is critical", V, leaf=named("mx.@", common_name="", san_critical=True)),
    Case("san-no-subject", "no subject at all", V, leaf=named("mx.@", common_name="")),
    Case("san-uri", "a URI of the name is no dNSName", V, leaf=named(common_name="other.example", other_names=[tlv(0x86, b"https://mx.san-uri.example")])),
    Case("san-uri-cn", "a URI does not suppress the CN", V, leaf=named(common_name="mx.@", other_names=[tlv(0x86, b"https://x.example")])),
    Case("san-email-cn", "an address of a person does not suppress the CN", V, leaf=named(common_name="mx.@", emails=["x@example.com"])),
    Case("san-ip-as-name", "an address as dNSName is no match for the address", "verify match=nexthop", nexthop="[<mx>]", leaf=named("<mx>")),
    Case("san-empty-name", "an empty dNSName", V, leaf=named(b"", common_name="mx.@")),
    Case("san-space", "a blank within a dNSName", V, leaf=named(b"mx.san-space.example ", common_name="")),
    Case("wild-san-utf8", "a U-label as dNSName", V, leaf=named("mx.müller.example".encode(), common_name="mx.@")),
    Case("name-long", "a name of 200 characters", V, leaf=named(f"{LONG}.@", common_name=""), dns=(f"@ MX 10 {LONG}", f"{LONG} A <mx>")),
    Case("name-long-wildcard", "a wildcard below a long name", V, leaf=named(f"*.{LONG[3:]}.@", common_name=""), dns=(f"@ MX 10 {LONG}", f"{LONG} A <mx>")),
    Case("date-soon", "a leaf that ends in two hours", V, leaf=named("mx.@", not_after=SOON)),
    Case("date-2050", "a leaf until 2050", V, leaf=named("mx.@", not_after=datetime(2050, 1, 1, tzinfo=UTC))),
    Case("date-1950", "a leaf since 1950", V, leaf=named("mx.@", not_before=datetime(1950, 1, 1, tzinfo=UTC))),
    Case("key-p521", "a P-521 key at verify", V, leaf=named("mx.@", key="p521")),
    Case("key-rsa3072", "RSA 3072 with SHA-384", V, leaf=named("mx.@", key="rsa3072")),
    Case("serial-large", "a serial of twenty octets", V, leaf=named("mx.@", serial=2**158 - 1)),
    Case("self-ca", "a self-signed CA as leaf, unknown", V, leaf=alone("mx.@", ca=True)),
    with_ca("self-ca-known", "a self-signed CA as leaf, in CAfile", V, lambda naming: naming.leaf.pem, leaf=alone("mx.@", ca=True)),
    with_ca("self-expired-known", "a self-signed leaf in CAfile that has expired", V, lambda naming: naming.leaf.pem, leaf=alone("mx.@", not_after=PAST)),
    with_ca("self-client-known", "a self-signed leaf in CAfile for clients alone", V, lambda naming: naming.leaf.pem, leaf=alone("mx.@", eku=("client",))),
    Case("many-odd", "expired, unknown root, wrong name, for clients", V, leaf=named("other.example", by=stranger, not_after=PAST, eku=("client",))),
    Case("many-odd-encrypt", "the same at encrypt", "encrypt", leaf=named("other.example", by=stranger, not_after=PAST, eku=("client",))),
    Case("many-odd-pin", "the same, pinned", "fingerprint match=<pkey>", leaf=named("other.example", by=stranger, not_after=PAST, eku=("client",))),
    Case("many-odd-future", "not yet valid and a wrong name", "secure", leaf=named("other.example", not_before=FUTURE)),
    Case("mixed-bad-first", "the first host has a certificate of an unknown root, the second is good", "secure match=hostname",
         dns=TWO, hosts={"mx": of("mx", named("mx.@", by=stranger)), "mx2": of("mx2")}),
    Case("mixed-bad-second", "the first host is good, the second would not be", "secure match=hostname",
         dns=TWO, hosts={"mx": of("mx"), "mx2": of("mx2", WRONG)}),
    Case("mixed-dead-6", "IPv6 dead, IPv4 with a wrong name, a second host good", V, dns=("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>", "@ MX 20 mx2"),
         hosts={"mx": Host(leaf=WRONG), "mx6": Host(version=6, listens=False), "mx2": of("mx2")}),
    Case("mixed-dead-6-last", "IPv6 dead comes last", V, dns=("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>"), main_cf={"smtp_address_preference": "ipv4"},
         hosts={"mx": Host(leaf=WRONG), "mx6": Host(version=6, listens=False)}),
    Case("mixed-three", "refused, no STARTTLS, and closed in the end", "encrypt", dns=(*TWO, "@ MX 30 mx3"),
         hosts={"mx": of("mx", listens=False), "mx2": of("mx2", script=NO_STARTTLS), "mx3": of("mx3", script=Script(replies={"EHLO": CLOSE}))}),
    Case("mixed-limit", "two addresses of a dead host and one good beyond the limit", V, dns=("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>", "@ MX 20 mx2"),
         hosts={"mx": Host(listens=False), "mx6": Host(version=6, listens=False), "mx2": of("mx2")},
         main_cf={"smtp_mx_address_limit": "2", "smtp_balance_inet_protocols": "no"}),
    Case("bare-ip", "an address without brackets", "encrypt", nexthop="<mx>", leaf=named(ips=["<mx>"])),
    Case("bare-ip-verify", "an address without brackets, at verify", "verify", nexthop="<mx>", leaf=named(ips=["<mx>"])),
    Case("bare-ip-name", "an address without brackets, by its name", "verify", nexthop="<mx>"),
    Case("bare-ip-port", "an address without brackets, with a port", "verify", nexthop="<mx>:2525", hosts={"mx": Host(leaf=named(ips=["<mx>"]), port=2525)}),
    Case("bare-ip-parent", "an address without brackets has no parents", nexthop="<mx>", table=((lambda naming: "." + naming.addresses["mx"].partition(".")[2], "none"),)),  # type: ignore[arg-type]
    Case("bare-ip-secure", "an address without brackets, at secure", "secure", nexthop="<mx>", leaf=named(ips=["<mx>"])),
    Case("sasl-fresh", "credentials, and a fresh message", "may", script=ALERT, main_cf=CREDENTIALS),
    Case("sasl-plain", "credentials and no STARTTLS: plaintext", "may", script=NO_STARTTLS, main_cf=CREDENTIALS),
    Case("sasl-off", "smtp_sasl_auth_enable = no", "may", script=ALERT, age=600, main_cf={**CREDENTIALS, "smtp_sasl_auth_enable": "no"}),
    Case("age-exact", "as old as minimal_backoff_time is aged", "may", script=ALERT, age=300),
    Case("age-below", "a little younger is fresh", "may", script=ALERT, age=270),
    Case("bind-enforce-ours", "smtp_bind_address_enforce, and an address of ours", V,
         main_cf={"smtp_bind_address": "198.18.255.1", "smtp_bind_address_enforce": "yes"}),
    Case("bind-enforce", "smtp_bind_address_enforce, and an address that is not ours", V,
         main_cf={"smtp_bind_address": "198.51.100.1", "smtp_bind_address_enforce": "yes"}),
    Case("sasl-aged", "credentials: an aged message is not sent in plaintext", "may", script=ALERT, age=600, main_cf=CREDENTIALS),
    Case("pin-shake", "a digest without a length of its own", "fingerprint match=<pin>", releases=("3.7",), open=SHAKE,
         main_cf={"smtp_tls_fingerprint_digest": "shake128"}),
    Case("pin-shake-may", "a digest without a length of its own, at may", "may", releases=("3.7",), open=SHAKE,
         main_cf={"smtp_tls_fingerprint_digest": "shake128"}),
    Case("date-9999", "a leaf without an end", V, leaf=named("mx.@", not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))),
    Case("mapped", "an IPv4-mapped address", V, dns=("@ MX 10 mx", "mx AAAA ::ffff:<mx>"), open=MAPPED),
    Case("mapped-inet-4", "an IPv4-mapped address, and inet_protocols = ipv4", V, dns=("@ MX 10 mx", "mx AAAA ::ffff:<mx>"),
         main_cf={"inet_protocols": "ipv4"}),
    Case("mapped-literal", "an IPv4-mapped address in brackets", "encrypt", nexthop="[ipv6:::ffff:<mx>]", open=MAPPED),
    Case("early-reply", "smtp_tls_block_early_mail_reply", V, main_cf={"smtp_tls_block_early_mail_reply": "yes"}),
    Case("requiretls", "a server that offers REQUIRETLS", V, script=Script(ehlo=("SIZE", "REQUIRETLS"))),
)
