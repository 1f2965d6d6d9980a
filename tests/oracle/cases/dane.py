"""dane and dane-only: dane_init() in src/smtp/smtp_tls_policy.c, src/tls/tls_dane.c."""

# fmt: off
import ssl

from tests.kit.script import Script
from tests.kit.zones import Zone
from tests.oracle.case import PAST, Case, Host, alone, named, rsa_root, stranger
from tests.oracle.cases.chain import below, leaf_only, own_root

DNSSEC = {"smtp_dns_support_level": "dnssec"}
NO_STARTTLS = Script(starttls_offered=False)
OTHER = "00" * 32
WITH_ROOT = {"chain": lambda leaf: (*leaf.chain, leaf.anchor)}
UNSIGNED_MX = ("@ MX 10 mx.<name>.test.", "test: mx A <mx>")  # the domain below example, its host below test
AGED = 600
UNDER_EXPIRED = named("mx.@", by=lambda: own_root("expired dane", not_after=PAST))


def dane(name: str, shows: str, *tlsa: str, policy: str = "dane", **rest: object) -> Case:
    """Return a case in the signed zone with these TLSA records."""
    rest = {"signed": True, "main_cf": DNSSEC, **rest}
    return Case(f"dane-{name}", shows, policy, tlsa=tlsa, **rest)  # type: ignore[arg-type]


def both(name: str, shows: str, *tlsa: str, **rest: object) -> tuple[Case, ...]:
    """Return the case at dane and at dane-only."""
    return (dane(name, f"{shows}, at dane", *tlsa, **rest),  # type: ignore[arg-type]
            dane(f"{name}-only", f"{shows}, at dane-only", *tlsa, policy="dane-only", **rest))  # type: ignore[arg-type]


def insecure(name: str, shows: str, value: str, *tlsa: str, **rest: object) -> Case:
    """Return a case whose MX record is not signed and whose host is; *value* is the policy for that, "" the default."""
    main_cf = {**DNSSEC, **({"smtp_tls_dane_insecure_mx_policy": value} if value else {}), **rest.pop("settings", {})}  # type: ignore[dict-item]
    rest = {"signed": False, "dns": UNSIGNED_MX, "main_cf": main_cf, "leaf": named("mx.<name>.test"), **rest}
    return dane(f"insecure-{name}", shows, *(f"test: {one}" for one in tlsa), **rest)  # type: ignore[arg-type]


def spoil(owner: str) -> object:
    def tweak(zone: Zone) -> None:
        zone.spoil(owner)

    return tweak


CASES = (
    *both("ee-key", "3 1 1 of the key", "3 1 1"),
    *both("none", "no TLSA records"),
    *both("other", "a TLSA record of another certificate", "3 1 1 other"),
    *both("no-starttls", "TLSA records and no STARTTLS", "3 1 1", script=NO_STARTTLS),
    *both("none-no-starttls", "no TLSA records and no STARTTLS", script=NO_STARTTLS),
    *both("handshake", "TLSA records and a failing handshake", "3 1 1", script=Script(handshake="alert"), age=AGED),
    dane("none-handshake-aged", "dane that became may lets an aged message go in plaintext",
         script=Script(handshake="alert"), age=AGED),
    dane("ee-key-512", "3 1 2: SHA-512 of the key", "3 1 2"),
    dane("ee-key-full", "3 1 0: the key itself", "3 1 0"),
    dane("ee-cert", "3 0 1: SHA-256 of the certificate", "3 0 1"),
    dane("ee-cert-512", "3 0 2: SHA-512 of the certificate", "3 0 2"),
    dane("ee-cert-full", "3 0 0: the certificate itself", "3 0 0"),
    dane("ee-key-rsa", "3 1 1 of an RSA key", "3 1 1", leaf=named("mx.@", key="rsa2048")),
    dane("ee-self-signed", "usage 3 with a self-signed leaf", "3 1 1", leaf=alone("mx.@")),
    dane("ee-name", "usage 3: names do not count", "3 1 1", leaf=named("other.example")),
    dane("ee-expired", "usage 3: dates do not count", "3 1 1", leaf=named("mx.@", not_after=PAST)),
    dane("ee-client", "usage 3: the EKU does not count", "3 1 1", leaf=named("mx.@", eku=("client",))),
    dane("ee-sha1", "usage 3: the signature's digest does not count", "3 1 1",
         leaf=named("mx.@", by=rsa_root, digest="sha1")),
    dane("ee-of-ca", "usage 3 of the CA does not match", "3 1 1 root", tls=WITH_ROOT),
    dane("ta", "2 0 1 of a root that is sent", "2 0 1 root", tls=WITH_ROOT),
    dane("ta-not-sent", "2 0 1 of a root that is not sent", "2 0 1 root"),
    dane("ta-not-sent-in-cafile", "CAfile does not help there", "2 1 1 root"),
    dane("ta-key", "2 1 1 of a root that is sent", "2 1 1 root", tls=WITH_ROOT),
    dane("ta-512", "2 0 2 of a root that is sent", "2 0 2 root", tls=WITH_ROOT),
    dane("ta-full", "2 0 0 brings its own anchor", "2 0 0 root"),
    dane("ta-key-full", "2 1 0 brings its own anchor", "2 1 0 root"),
    dane("ta-key-full-intermediate", "2 1 0 of an intermediate", "2 1 0 ca", leaf=below({}, by=stranger)),
    dane("ta-full-unknown", "2 0 0 of a root in no CAfile", "2 0 0 root", leaf=named("mx.@", by=stranger)),
    dane("ta-intermediate", "2 0 1 of an intermediate that is sent", "2 0 1 ca", leaf=below({})),
    dane("ta-intermediate-not-sent", "2 0 1 of an intermediate that is not", "2 0 1 ca", leaf=below({}),
         tls={"chain": leaf_only}),
    dane("ta-of-leaf", "usage 2 of the leaf never matches", "2 0 1"),
    dane("ta-of-self-signed", "usage 2 of a self-signed leaf", "2 0 1", leaf=alone("mx.@")),
    dane("ta-of-self-signed-ca", "usage 2 of a self-signed leaf with CA:TRUE", "2 0 1", leaf=alone("mx.@", ca=True)),
    dane("ta-expired-leaf", "usage 2: the dates of the leaf count", "2 0 1 root", tls=WITH_ROOT,
         leaf=named("mx.@", not_after=PAST)),
    dane("ta-expired-intermediate", "usage 2: the dates of an intermediate count", "2 0 1 root", tls=WITH_ROOT,
         leaf=below({"not_after": PAST})),
    dane("ta-expired-anchor", "usage 2: those of an intermediate that is the anchor do not", "2 0 1 ca", leaf=below({"not_after": PAST})),
    dane("ta-expired-full", "usage 2: those of a root do: 2 0 0", "2 0 0 root", leaf=UNDER_EXPIRED),
    dane("ta-expired-full-sent", "2 0 0 of an expired root that is sent", "2 0 0 root", leaf=UNDER_EXPIRED, tls=WITH_ROOT),
    dane("ta-expired-key-full", "2 1 0 of an expired root that is not sent", "2 1 0 root", leaf=UNDER_EXPIRED),
    dane("ta-client", "usage 2: the EKU counts", "2 0 1 root", tls=WITH_ROOT, leaf=named("mx.@", eku=("client",))),
    dane("ta-name", "usage 2: the name counts", "2 0 1 root", tls=WITH_ROOT, leaf=named("other.example")),
    dane("ta-name-nexthop", "usage 2: the nexthop's name suffices", "2 0 1 root", tls=WITH_ROOT, leaf=named("@")),
    dane("ta-name-below", "usage 2: a name below the nexthop does not", "2 0 1 root", tls=WITH_ROOT,
         leaf=named("a.mx.@")),
    dane("ta-name-wildcard", "usage 2: a wildcard does", "2 0 1 root", tls=WITH_ROOT, leaf=named("*.@")),
    dane("ta-name-cn", "usage 2: a CN does", "2 0 1 root", tls=WITH_ROOT, leaf=named(common_name="mx.@")),
    dane("ta-sha1", "usage 2: SHA-1 is too weak", "2 0 1 root", tls=WITH_ROOT,
         leaf=named("mx.@", by=rsa_root, digest="sha1")),
    dane("ta-depth", "usage 2: the depth counts", "2 0 1 root", tls=WITH_ROOT, leaf=below({}, {}),
         main_cf={**DNSSEC, "smtp_tls_scert_verifydepth": "0"}),
    *both("usage-0", "usage 0 is unusable: dane is encrypt", "0 0 1 root"),
    *both("usage-1", "usage 1 is unusable", "1 1 1"),
    *both("usage-4", "usage 4 is unusable", "4 1 1"),
    *both("usage-255", "usage 255 is unusable", "255 1 1"),
    *both("matching-255", "matching type 255 is unusable", "3 1 255 " + OTHER),
    *both("matching-3", "matching type 3 is found unusable in the handshake", "3 1 3 " + OTHER),
    *both("selector-2", "selector 2 is found unusable in the handshake", "3 2 1 " + OTHER),
    *both("length", "a digest of the wrong length", "3 1 1 " + "00" * 31),
    *both("length-512", "a sha256 digest as sha512", "3 1 2 " + OTHER),
    *both("empty-full", "a full certificate that does not parse", "3 0 0 3003020101"),
    *both("ta-bad-full", "a full anchor that does not parse", "2 0 0 3003020101"),
    # Records found unusable in the handshake come too late to take back all that dane asked: aNULL stays excluded, and the
    # names (base domain, nexthop) decide over the word logged; security level 0 and protocols are as at encrypt. The order
    # is that of tls_client_start() in src/tls/tls_client.c.
    *(dane(f"late-{usage}-{name}", f"usage {usage}, unusable in the handshake: {shows}", f"{usage} 2 1 " + OTHER, **rest)
      for usage in (2, 3) for name, shows, rest in (
          ("name", "a wrong name", {"leaf": named("other.example")}),
          ("nexthop", "the name of the nexthop", {"leaf": named("@")}),
          ("expired", "an expired leaf", {"leaf": named("mx.@", not_after=PAST)}),
          ("unknown", "an unknown root", {"leaf": named("mx.@", by=stranger)}),
          ("sha1", "a SHA-1 signature", {"leaf": named("mx.@", by=rsa_root, digest="sha1")}),
          ("anull", "a server that prefers aNULL",
           {"tls": {"ciphers": "aNULL:DEFAULT:@SECLEVEL=0", "maximum": ssl.TLSVersion.TLSv1_2}}),
          ("tls10", "a server of TLS 1.0 alone", {"tls": {"ciphers": "ALL:@SECLEVEL=0", "minimum": ssl.TLSVersion.TLSv1,
                                                         "maximum": ssl.TLSVersion.TLSv1}}),
          ("mandatory", "protocols of the mandatory kind", {"main_cf": {**DNSSEC, "smtp_tls_protocols": "TLSv1.3"}}),
          ("no-starttls", "STARTTLS not offered", {"script": NO_STARTTLS}),
      )),
    *(dane(f"early-{name}", f"usage 1, unusable before it: {shows}", "1 1 1 " + OTHER, **rest)
      for name, shows, rest in (
          ("anull", "a server that prefers aNULL",
           {"tls": {"ciphers": "aNULL:DEFAULT:@SECLEVEL=0", "maximum": ssl.TLSVersion.TLSv1_2}}),
          ("tls10", "a server of TLS 1.0 alone", {"tls": {"ciphers": "ALL:@SECLEVEL=0", "minimum": ssl.TLSVersion.TLSv1,
                                                         "maximum": ssl.TLSVersion.TLSv1}}),
          ("name", "a wrong name", {"leaf": named("other.example")}),
          ("sha1", "a SHA-1 signature", {"leaf": named("mx.@", by=rsa_root, digest="sha1")}),
      )),
    dane("late-both", "usage 2 and 3, both unusable in the handshake, and a wrong name", "2 2 1 " + OTHER, "3 2 1 " + OTHER,
         leaf=named("other.example")),
    dane("usage-1-no-starttls", "unusable records demand TLS", "1 1 1", script=NO_STARTTLS),
    dane("usage-1-anything", "unusable records are content with any certificate", "1 1 1 other", leaf=alone("elsewhere.example")),
    *both("usable-beside", "one usable record beside unusable ones", "1 1 1 other", "3 1 1"),
    *both("usable-wrong-beside", "one usable record that is wrong, beside unusable ones", "1 1 1", "3 1 1 other"),
    dane("bad-selector-beside", "a record of a bad selector beside a right one", "3 2 1 " + OTHER, "3 1 1"),
    *both("bad-selector-wrong-beside", "a record of a bad selector beside a wrong one", "3 2 1 " + OTHER, "3 1 1 other"),
    dane("two", "the second of two records", "3 1 1 other", "3 1 1"),
    dane("two-usages", "usage 2 wrong, usage 3 right", "2 0 1 other", "3 1 1"),
    dane("agility", "agility: 3 1 2 wrong hides 3 1 1 right", "3 1 2 other", "3 1 1"),
    dane("agility-both", "3 1 2 right beside 3 1 1 wrong", "3 1 2", "3 1 1 other"),
    dane("agility-selector", "agility: a record of another selector is not hidden", "3 0 2 other", "3 1 1"),
    dane("agility-usage", "agility: a record of another usage is not hidden", "2 1 2 other", "3 1 1"),
    dane("agility-full", "a full record is not a digest", "3 1 2 other", "3 1 0"),
    dane("agility-bad-length", "an unusable 3 1 2 beside 3 1 1", "3 1 2 " + OTHER, "3 1 1"),
    dane("digests-256", "tls_dane_digests without sha512", "3 1 2 other", "3 1 1",
         main_cf={**DNSSEC, "tls_dane_digests": "sha256"}),
    dane("digests-order", "tls_dane_digests in another order", "3 1 2", "3 1 1 other",
         main_cf={**DNSSEC, "tls_dane_digests": "sha256 sha512"}),
    dane("digests-512-only", "a digest that tls_dane_digests does not name", "3 1 1",
         main_cf={**DNSSEC, "tls_dane_digests": "sha512"}),
    *both("mx-unsigned", "an unsigned domain, an unsigned host", signed=False),
    *both("mx-unsigned-tlsa", "TLSA records that nobody signed", "3 1 1", signed=False),
    *both("host-unsigned", "a signed domain whose MX host is not signed", dns=("@ MX 10 mx.<name>.example.",
          "example: mx A <mx>"), leaf=named("mx.<name>.example")),
    insecure("default-wrong", "insecure MX, TLSA of another key, policy by default", "", "3 1 1 other"),
    insecure("default", "insecure MX, matching TLSA, policy by default", "", "3 1 1"),
    insecure("may", "insecure MX, wrong TLSA, policy may", "may", "3 1 1 other"),
    insecure("may-no-starttls", "insecure MX, policy may, no STARTTLS", "may", "3 1 1", script=NO_STARTTLS),
    insecure("encrypt", "insecure MX, wrong TLSA, policy encrypt", "encrypt", "3 1 1 other"),
    insecure("encrypt-no-starttls", "insecure MX, policy encrypt, no STARTTLS", "encrypt", "3 1 1", script=NO_STARTTLS),
    insecure("encrypt-none", "insecure MX, policy encrypt, no TLSA", "encrypt", script=NO_STARTTLS),
    insecure("dane", "insecure MX, matching TLSA, policy dane: Trusted", "dane", "3 1 1"),
    insecure("dane-wrong", "insecure MX, wrong TLSA, policy dane", "dane", "3 1 1 other"),
    insecure("dane-unusable", "insecure MX, unusable TLSA, policy dane", "dane", "1 1 1"),
    insecure("dane-unusable-no-starttls", "insecure MX, unusable TLSA, policy dane, no STARTTLS", "dane", "1 1 1", script=NO_STARTTLS),
    insecure("dane-only", "insecure MX at dane-only", "dane", "3 1 1", policy="dane-only"),
    insecure("global-dane", "insecure MX, main.cf's level dane", "", "3 1 1 other",
             settings={"smtp_tls_security_level": "dane"}),
    insecure("global-dane-no-entry", "insecure MX, main.cf's level dane and no entry", "", "3 1 1", policy=None,
             settings={"smtp_tls_security_level": "dane"}),
    *both("no-mx", "no MX record, a signed address", "@ 3 1 1", dns=("@ A <mx>",), leaf=named("@")),
    *both("brackets", "[host] has no MX that could be insecure", "3 1 1", nexthop="[mx.@]"),
    dane("brackets-wrong", "[host] with a wrong TLSA", "3 1 1 other", nexthop="[mx.@]"),
    *both("address", "[address] has no TLSA", "3 1 1", nexthop="[<mx>]"),
    dane("port", "the port of the nexthop is that of the TLSA", "_2526._tcp.mx 3 1 1", nexthop="@:2526",
         hosts={"mx": Host(port=2526)}),
    dane("port-25", "TLSA of port 25 do not count at another port", "3 1 1 other", nexthop="@:2526",
         hosts={"mx": Host(port=2526)}),
    dane("alias-target", "TLSA at the target of an alias", "real 3 1 1", dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>"),
         leaf=named("real.@")),
    dane("alias-target-wrong", "wrong TLSA at the target hide right ones at the alias", "real 3 1 1 other", "mx 3 1 1",
         dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>")),
    dane("alias-name", "TLSA at the alias alone", "mx 3 1 1 other", dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>")),
    dane("alias-ta-target-name", "usage 2: the target's name is the base domain's", "real 2 0 1 root", tls=WITH_ROOT,
         dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>"), leaf=named("real.@")),
    dane("alias-ta-alias-name", "usage 2: the alias is not among the names then", "real 2 0 1 root", tls=WITH_ROOT,
         dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>"), leaf=named("mx.@")),
    dane("alias-ta-at-alias", "usage 2: TLSA at the alias bring its name", "mx 2 0 1 root", tls=WITH_ROOT,
         dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>"), leaf=named("mx.@")),
    dane("alias-insecure-target", "a signed alias of an unsigned host: TLSA at the alias", "mx 3 1 1 other",
         dns=("@ MX 10 mx", "mx CNAME real.<name>.example.", "example: real A <mx>")),
    dane("alias-insecure-target-only", "a signed alias of an unsigned host at dane-only, TLSA at the alias", "mx 3 1 1", policy="dane-only",
         dns=("@ MX 10 mx", "mx CNAME real.<name>.example.", "example: real A <mx>")),
    dane("domain-alias", "a mail domain that is an alias within signed zones", "real 3 1 1 other",
         dns=("@ CNAME other", "other MX 10 real", "real A <mx>"), leaf=named("real.@")),
    dane("domain-alias-ta", "usage 2: its target's name suffices", "real 2 0 1 root", tls=WITH_ROOT,
         dns=("@ CNAME other", "other MX 10 real", "real A <mx>"), leaf=named("other.@")),
    *both("domain-alias-insecure", "an unsigned alias to a signed domain", "test: real 3 1 1 other", signed=False,
          dns=("@ CNAME other.<name>.test.", "test: other MX 10 real", "test: real A <mx>"), leaf=named("real.<name>.test")),
    dane("tlsa-alias", "a TLSA record that is an alias is followed", "_other 3 1 1 other",
         dns=("@ MX 10 mx", "_25._tcp.mx CNAME _other")),
    dane("tlsa-alias-right", "a TLSA record that is an alias, to the right one", "_other 3 1 1", policy="dane-only",
         dns=("@ MX 10 mx", "_25._tcp.mx CNAME _other")),
    *both("tlsa-alias-insecure", "an alias to an unsigned TLSA record counts as none", "example: _other 3 1 1 other",
          dns=("@ MX 10 mx", "_25._tcp.mx CNAME _other.<name>.example.")),
    dane("tlsa-wildcard", "a wildcard TLSA record", "*.mx 3 1 1", policy="dane-only", dns=("@ MX 10 mx",)),
    *both("bogus-tlsa", "TLSA records with a wrong signature: lookup error", "3 1 1", own=True,
          tweak=spoil("_25._tcp.mx TLSA")),
    *both("bogus-address", "a host's address with a wrong signature", "3 1 1", own=True, tweak=spoil("mx A")),
    *both("bogus-mx", "MX records with a wrong signature", "3 1 1", own=True, tweak=spoil("@ MX")),
    dane("bogus-tlsa-second", "after a lookup error the next host is tried", "mx2 3 1 1 mx2.leaf", "mx 3 1 1", own=True,
         dns=("@ MX 10 mx", "@ MX 20 mx2"), tweak=spoil("_25._tcp.mx TLSA"),
         hosts={"mx": Host(), "mx2": Host(leaf=named("mx2.@"))}),
    dane("first-wrong-second-right", "a host that does not match is passed over", "mx 3 1 1 other", "mx2 3 1 1 mx2.leaf",
         dns=("@ MX 10 mx", "@ MX 20 mx2"), hosts={"mx": Host(), "mx2": Host(leaf=named("mx2.@"))}),
    dane("first-wrong-second-none", "the next host without TLSA gets plaintext", "mx 3 1 1 other",
         dns=("@ MX 10 mx", "@ MX 20 mx2"), hosts={"mx": Host(), "mx2": Host(script=NO_STARTTLS)}),
    *both("first-none-second-right", "the first host has no TLSA", "mx2 3 1 1 mx2.leaf", dns=("@ MX 10 mx", "@ MX 20 mx2"),
          hosts={"mx": Host(), "mx2": Host(leaf=named("mx2.@"))}),
    dane("servername", "servername= is ignored: SNI is the base domain", "3 1 1", policy="dane servername=other.example",
         tls={"sni": {"other.example": alone("other.example")}}),
    dane("match", "match= stops mail", "3 1 1", policy="dane match=nexthop"),
    dane("tafile", "tafile= stops mail", "3 1 1", policy="dane-only tafile=/x"),
    dane("anonymous-12", "protocols= at dane", "3 1 1", policy="dane protocols=TLSv1.2"),
    dane("mandatory", "smtp_tls_mandatory_protocols holds at dane", "3 1 1",
         main_cf={**DNSSEC, "smtp_tls_mandatory_protocols": "TLSv1.3"}, tls={"maximum": ssl.TLSVersion.TLSv1_2}),
    dane("none-protocols", "smtp_tls_protocols holds at dane that became may",
         main_cf={**DNSSEC, "smtp_tls_mandatory_protocols": "TLSv1.3"}, tls={"maximum": ssl.TLSVersion.TLSv1_2}),
    *both("lookup-native", "smtp_host_lookup without dns: dane is may, dane-only invalid", "3 1 1 other",
          main_cf={**DNSSEC, "smtp_host_lookup": "native"}),
    dane("lookup-both", "smtp_host_lookup with dns among others: dane holds", "3 1 1 other",
         main_cf={**DNSSEC, "smtp_host_lookup": "native, dns"}),
    dane("ignore-mx-error", "ignore_mx_lookup_error: dane is may", "3 1 1 other",
         main_cf={**DNSSEC, "ignore_mx_lookup_error": "yes"}),
    dane("ipv6", "a host with an IPv6 address alone", "3 1 1", policy="dane-only", hosts={"mx": Host(version=6)}),
    dane("late-null", "unusable in the handshake, ciphers=null: settled at dane, TLS 1.3 has ciphers", "3 2 1 " + OTHER, policy="dane ciphers=null"),
    dane("late-null-12", "the same with a server of TLS 1.2", "3 2 1 " + OTHER, policy="dane ciphers=null", tls={"maximum": ssl.TLSVersion.TLSv1_2}),
    dane("early-null", "unusable before it, ciphers=null", "1 1 1", policy="dane ciphers=null"),
    dane("null", "TLSA that fits, ciphers=null", "3 1 1", policy="dane ciphers=null"),
)
