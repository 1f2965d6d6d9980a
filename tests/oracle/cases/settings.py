"""Parameters of main.cf that reach further than one would think, and servers that answer by what they are asked."""

# fmt: off
import ssl
from functools import cache

from tests.kit.ca import Certificate, bundle
from tests.kit.script import Script
from tests.kit.zones import Zone
from tests.oracle.case import FUTURE, PAST, QUEUE, Case, Host, Naming, alone, named, root, stranger
from tests.oracle.cases.chain import below, own_root, the_leaf, with_ca

NO_STARTTLS = Script(starttls_offered=False)
WRONG = named("elsewhere.example")
TLS12 = ssl.TLSVersion.TLSv1_2
NATIVE = "unknown: how getaddrinfo() fails depends on both lookups"
TWO = ("@ MX 10 mx", "@ MX 20 mx2")
EQUAL = ("@ MX 10 mx", "@ MX 10 mx2")


def main(name: str, shows: str, policy: str | None = "encrypt", /, *, rest: dict[str, object] | None = None, **cf: str) -> Case:
    """Return a case of parameters of main.cf."""
    return Case(f"cf-{name}", shows, policy, main_cf=cf, **(rest or {}))  # type: ignore[arg-type]


def equal(name: str, shows: str, policy: str, first: Host, second: Host) -> Case:
    """Return a case of two hosts of equal preference: whichever comes first, the outcome is the same."""
    return Case(f"equal-{name}", shows, policy, dns=EQUAL, hosts={"mx": first, "mx2": second})


def good(label: str, **rest: object) -> Host:
    return Host(leaf=named(f"{label}.@"), **rest)  # type: ignore[arg-type]


def many(kind: Host, count: int, last: Host) -> dict[str, object]:
    """Return *count* hosts of one kind and then another, by preference."""
    hosts = {**{f"mx{number}": kind for number in range(count)}, "last": last}
    return {"hosts": hosts, "dns": tuple(f"@ MX {number} {label}" for number, label in enumerate(hosts))}


def root_pem(_naming: Naming) -> str:
    return root().pem


def spoil(owner: str) -> object:
    def tweak(zone: Zone) -> None:
        zone.spoil(owner)

    return tweak


@cache
def twin() -> tuple[Certificate, Certificate]:
    """Two certificates of one CA, the first expired."""
    valid = root().intermediate("Oracle twin")
    return root().intermediate("Oracle twin", key=valid.key, not_after=PAST), valid


def twins(first: str) -> tuple[Certificate, ...]:
    return twin() if first == "expired" else twin()[::-1]


def under_twin(naming: Naming) -> Certificate:
    return twin()[1].leaf(naming.fill("mx.@"))


CAPATH = {"capath/<root>": root_pem}

CASES = (
    main("discard-starttls", "smtp_discard_ehlo_keywords = starttls: no TLS", smtp_discard_ehlo_keywords="starttls"),
    main("discard-starttls-may", "at may mail goes in plaintext then", "may", smtp_discard_ehlo_keywords="STARTTLS"),
    main("discard-other", "other keywords do not matter", smtp_discard_ehlo_keywords="chunking, silent-discard"),
    main("never-ehlo", "smtp_never_send_ehlo: HELO, and no TLS", smtp_never_send_ehlo="yes"),
    main("never-ehlo-may", "smtp_never_send_ehlo at may: plaintext", "may", smtp_never_send_ehlo="yes"),
    main("not-always-ehlo", "smtp_always_send_ehlo = no and ESMTP in the greeting", smtp_always_send_ehlo="no"),
    main("not-always-ehlo-plain", "smtp_always_send_ehlo = no and no ESMTP in the greeting",
         rest={"script": Script(replies={"GREETING": "220 mx"})}, smtp_always_send_ehlo="no"),
    main("tcp-port", "smtp_tcp_port is the port of nexthops without one", rest={"hosts": {"mx": Host(port=2527)}},
         smtp_tcp_port="2527"),
    main("line-limit", "line_length_limit bounds what of EHLO counts", line_length_limit="4096", rest={
        "script": Script(
        replies={"EHLO": "250-mx\n" + "\n".join("250-" + "y" * 60 for _ in range(40)) + "\n250 STARTTLS"})}),
    main("no-mx-lookup", "disable_dns_lookups: no MX, the name itself", "verify",
         rest={"dns": ("@ MX 10 other", "@ A <mx>"), "leaf": named("@")}, disable_dns_lookups="yes"),
    main("dns-disabled", "smtp_dns_support_level = disabled", "verify",
         rest={"dns": ("@ MX 10 other", "@ A <mx>"), "leaf": named("@")}, smtp_dns_support_level="disabled"),
    main("dns-enabled", "smtp_dns_support_level = enabled", "verify", smtp_dns_support_level="enabled"),
    main("host-native", "smtp_host_lookup = native", "verify", smtp_host_lookup="native"),
    main("ignore-mx-error", "ignore_mx_lookup_error and a bogus MX: the address", "encrypt", ignore_mx_lookup_error="yes",
         rest={"own": True, "signed": True, "dns": ("@ MX 10 other", "@ A <mx>"), "tweak": spoil("@ MX")}),
    main("defer-no-address", "smtp_defer_if_no_mx_address_found", smtp_defer_if_no_mx_address_found="yes",
         rest={"dns": ("@ MX 10 nothing",)}),
    main("defer-no-address-domain", "smtp_defer_if_no_mx_address_found without MX", smtp_defer_if_no_mx_address_found="yes",
         rest={"dns": ("@ TXT x",)}),
    main("defer-no-address-nx", "smtp_defer_if_no_mx_address_found and no such domain", smtp_defer_if_no_mx_address_found="yes",
         rest={"dns": ("@ TXT x",), "nexthop": "gone.@"}),
    main("resolve-error", "a null MX bounces with smtp_defer_if_no_mx_address_found too", rest={"dns": ("@ MX 0 .",)},
         smtp_defer_if_no_mx_address_found="yes"),
    main("balance", "smtp_balance_inet_protocols brings the other kind of address among the first five",
         rest=many(Host(listens=False), 6, Host(version=6))),
    main("balance-off", "smtp_balance_inet_protocols = no", rest=many(Host(listens=False), 6, Host(version=6)),
         smtp_balance_inet_protocols="no"),
    main("balance-6", "smtp_balance_inet_protocols with IPv4 behind IPv6", rest=many(Host(listens=False, version=6), 6, Host())),
    main("reuse", "smtp_tls_connection_reuse", "verify", smtp_tls_connection_reuse="yes"),
    main("enforce-no-peername", "smtp_enforce_tls without smtp_tls_enforce_peername is encrypt", None,
         rest={"leaf": WRONG}, smtp_tls_security_level="", smtp_enforce_tls="yes", smtp_tls_enforce_peername="no"),
    main("per-site", "smtp_tls_per_site beside a policy map is ignored", "verify", rest={"leaf": WRONG},
         smtp_tls_per_site="static:none"),
    main("early-reply", "smtp_tls_block_early_mail_reply", "verify", smtp_tls_block_early_mail_reply="yes"),
    main("note-offer", "smtp_tls_note_starttls_offer", "none", smtp_tls_note_starttls_offer="yes"),
    main("high-list", "tls_high_cipherlist of one's own", "encrypt ciphers=high", tls_high_cipherlist="ECDHE-ECDSA-AES256-GCM-SHA384",
         rest={"tls": {"maximum": TLS12, "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}}),
    main("medium-list", "tls_medium_cipherlist of one's own", "encrypt", tls_medium_cipherlist="ECDHE-ECDSA-AES256-GCM-SHA384",
         rest={"tls": {"maximum": TLS12, "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}}),
    main("medium-list-ok", "tls_medium_cipherlist of one's own that the server has", "encrypt", tls_medium_cipherlist="ECDHE-ECDSA-AES256-GCM-SHA384",
         rest={"tls": {"maximum": TLS12, "ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"}}),
    main("chain-files", "smtp_tls_chain_files that is not there is only complained of", smtp_tls_chain_files="<file:nothing.pem>"),
    main("key-missing", "a client certificate without its key disables TLS", smtp_tls_cert_file="<file:cert.pem>",
         rest={"files": {"cert.pem": root_pem}}),
    main("enhanced-status", "the host's own hostname in other words", myhostname="other.example",
         rest={"script": Script(replies={"EHLO": "250-relay.example\n250 STARTTLS"})}),
    main("myhostname-loop", "the loop is found by myhostname", myhostname="other.example",
         rest={"script": Script(replies={"EHLO": "250-other.example\n250 STARTTLS"})}),
    main("helo-name", "smtp_helo_name does not count there", smtp_helo_name="helo.example",
         rest={"script": Script(replies={"EHLO": "250-helo.example\n250 STARTTLS"})}),
    main("capath", "CApath with the root under its hash", "verify", rest={"files": CAPATH}, smtp_tls_CAfile="",
         smtp_tls_CApath="<file:capath>"),
    main("capath-other-name", "CApath with the root under another name", "verify",
         rest={"files": {"capath/root.pem": root_pem}}, smtp_tls_CAfile="", smtp_tls_CApath="<file:capath>"),
    main("capath-and-file", "CApath beside a CAfile that does not know the root", "verify", smtp_tls_CApath="<file:capath>",
         rest={"files": {**CAPATH, "ca.pem": lambda _naming: stranger().pem}}, smtp_tls_CAfile="<file:ca.pem>"),
    main("capath-chroot", "CApath is searched inside the chroot", "verify", smtp_tls_CAfile="", smtp_tls_CApath="/capath",
         rest={"files": {f"{QUEUE}capath/<root>": root_pem}, "chroot": True}),
    main("capath-outside", "CApath outside the chroot is not searched", "verify", rest={"files": CAPATH, "chroot": True}, smtp_tls_CAfile="",
         smtp_tls_CApath="<file:capath>"),
    Case("ta-unreadable", "a tafile that root alone may read stops mail: smtp(8) is the user postfix", private=True,
         policy="verify tafile=<file:ta.pem>", leaf=named("mx.@", by=stranger), files={"ta.pem": lambda _naming: stranger().pem}),
    Case("cf-cafile-private", "a CAfile that root alone may read is read before", "verify", private=True,
         files={"ca.pem": root_pem}, main_cf={"smtp_tls_CAfile": "<file:ca.pem>"}),
    with_ca("cafile-no-pem", "a CAfile without PEM disables TLS", "verify", "our roots\n"),
    with_ca("cafile-no-pem-may", "a CAfile without PEM, at may: plaintext", "may", "our roots\n"),
    with_ca("cafile-broken-second", "a broken certificate behind a good one", "verify", root_pem,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    with_ca("cafile-expired-twin", "an expired root before its renewed twin", "verify",
            lambda _naming: bundle(own_root("twin", not_after=PAST, key=root().key, subject=root().subject), root())),
    with_ca("cafile-expired-twin-last", "an expired root behind its renewed twin", "verify",
            lambda _naming: bundle(root(), own_root("twin", not_after=PAST, key=root().key, subject=root().subject))),
    with_ca("cafile-expired-leaf", "an expired self-signed leaf in CAfile", "verify", the_leaf,
            leaf=alone("mx.@", not_after=PAST)),
    with_ca("cafile-future-leaf", "a self-signed leaf in CAfile that is not yet valid", "verify", the_leaf, leaf=alone("mx.@", not_before=FUTURE)),
    with_ca("cafile-client-leaf", "a self-signed leaf in CAfile for clients", "verify", the_leaf, leaf=alone("mx.@", eku=("client",))),
    with_ca("cafile-wrong-leaf", "a self-signed leaf in CAfile of another name", "verify", the_leaf, leaf=alone("other.example")),
    equal("refused", "equal preference, one refuses: the other", "encrypt", good("mx", listens=False), good("mx2")),
    equal("no-starttls", "equal preference, one without STARTTLS at encrypt: the other", "encrypt",
          good("mx", script=NO_STARTTLS), good("mx2")),
    equal("name", "equal preference, one of another name: the other", "verify", Host(leaf=WRONG), good("mx2")),
    equal("421", "equal preference, one puts off: the other", "encrypt",
          good("mx", script=Script(replies={"GREETING": "421 4.3.2 Later"})), good("mx2")),
    Case("equal-addresses", "two addresses of one host, one refuses: the other", "encrypt",
         hosts={"mx": Host(), "b": Host(listens=False)}, dns=("@ MX 10 mx", "mx A <mx>", "mx A <b>")),
    Case("aaaa-bogus", "a bogus AAAA beside a good A", "encrypt", own=True, signed=True, tweak=spoil("mx AAAA"),
         hosts={"mx": Host(), "mx6": Host(version=6)}, dns=("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>")),
    Case("a-bogus", "a bogus A beside a good AAAA", "encrypt", own=True, signed=True, tweak=spoil("mx A"),
         hosts={"mx": Host(), "mx6": Host(version=6)}, dns=("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>")),
    Case("mx-sixty", "sixty MX records, an answer too long for UDP", "encrypt",
         dns=("@ MX 0 mx", *(f"@ MX {number} a-rather-long-name-of-a-host-{number}" for number in range(1, 60)))),
    Case("sni-required", "a server that ends the handshake without SNI", "verify",
         tls={"sni": {"mx.@": named("mx.@")}, "sni_required": True}),
    Case("sni-required-may", "a server that ends the handshake without SNI, at may", "may", tls={"sni": {"mx.@": named("mx.@")}, "sni_required": True}),
    Case("sni-required-aged", "an aged message goes in plaintext there", "may", age=600,
         tls={"sni": {"mx.@": named("mx.@")}, "sni_required": True}),
    Case("sni-required-name", "servername= lets it in", "verify servername=hostname",
         tls={"sni": {"mx.@": named("mx.@")}, "sni_required": True}),
    Case("sni-required-dane", "dane sends SNI by itself", "dane", signed=True, tlsa=("3 1 1 other",),
         main_cf={"smtp_dns_support_level": "dnssec"}, tls={"sni": {"mx.@": named("mx.@")}, "sni_required": True}),
    Case("sni-required-dane-none", "without TLSA records dane sends none", "dane", signed=True,
         main_cf={"smtp_dns_support_level": "dnssec"}, tls={"sni": {"mx.@": named("mx.@")}, "sni_required": True}),
    *(Case(f"two-keys-exclude-{kind.lower()}", f"exclude={kind} decides which certificate is shown, TLS 1.2",
           f"verify exclude={kind}", tls={"also": named("other.example", key="rsa2048"), "maximum": TLS12})
      for kind in ("aECDSA", "aRSA")),
    *(Case(f"dh-{bits}-{policy}", f"a DH group of {bits} bits, at {policy}", policy, leaf=named("mx.@", key="rsa2048"),
           tls={"maximum": TLS12, "ciphers": "DHE-RSA-AES128-SHA:@SECLEVEL=0", "dh_bits": bits})
      for bits in (1024, 2048) for policy in ("may", "encrypt", "verify")),
    *(Case(f"curve-{curve}-{policy}", f"a server with {curve} alone, at {policy}", policy,
           tls={"maximum": TLS12, "curve": curve})
      for curve in ("secp521r1", "secp224r1", "secp256k1", "brainpoolP256r1") for policy in ("encrypt", "verify")),
    main("curves", "tls_eecdh_auto_curves that the server has not", "encrypt", tls_eecdh_auto_curves="secp384r1",
         rest={"open": "unknown: tls_eecdh_auto_curves is not followed", "tls": {"curve": "prime256v1", "maximum": TLS12}}),
    *(Case(f"key-{key}-{policy}", f"a key of {key}, at {policy}", policy, leaf=named("mx.@", key=key))
      for key in ("p521", "rsa4096") for policy in ("encrypt", "verify")),
    Case("netscape-client", "a Netscape certificate type of clients alone", "verify",
         leaf=named("mx.@", extra=(("2.16.840.1.113730.1.1", b"\x03\x02\x07\x80", False),))),
    Case("netscape-server", "a Netscape certificate type of servers", "verify",
         leaf=named("mx.@", extra=(("2.16.840.1.113730.1.1", b"\x03\x02\x06\x40", False),))),
    Case("ku-crl-sign", "a leaf whose KU is for nothing in TLS", "verify", leaf=named("mx.@", key_usage=("crl_sign",))),
    Case("ku-encipherment", "a leaf whose KU is keyEncipherment alone", "verify", leaf=named("mx.@", key="rsa2048",
         key_usage=("key_encipherment",))),
    Case("eku-sgc", "a leaf for server-gated cryptography alone", "verify", leaf=named("mx.@", eku=("2.16.840.1.113730.4.1",))),
    Case("eku-code", "a leaf for code signing", "verify", leaf=named("mx.@", eku=("code",))),
    Case("eku-unknown", "a leaf for an unknown purpose", "verify", leaf=named("mx.@", eku=("1.2.3.4",))),
    Case("constraint-wildcard", "an excluded name and a wildcard", "secure match=mx.@", leaf=lambda naming: root().intermediate(
        excluded=["example"]).leaf(naming.fill("*.@"))),
    Case("constraint-ip", "permitted addresses and a dNSName", "verify", leaf=below({"permitted": ("192.0.2.0/24",)})),
    Case("constraint-ip-excluded", "an excluded address in the SAN", "verify", leaf=lambda naming: root().intermediate(
        excluded=["198.18.0.0/15"]).leaf(naming.fill("mx.@"), ips=[naming.addresses["mx"]])),
    Case("constraint-leading-dot", "a permitted name with a leading dot", "verify", leaf=below({"permitted": (".example",)})),
    Case("constraint-two", "one constraint above another", "verify", leaf=below({"permitted": ("example",)}, {"excluded": ("example",)})),
    Case("wild-underscore", "a wildcard above a label with an underscore", "secure match=mx.a_b.@", leaf=named("*.a_b.@")),
    Case("wild-hyphen", "a wildcard above a label that ends with a hyphen", "secure match=mx.a-.@", leaf=named("*.a-.@")),
    Case("wild-digits", "a wildcard above digits", "secure match=mx.12.@", leaf=named("*.12.@")),
    Case("wild-nexthop-suffix", "a wildcard and a suffix of its own", "secure match=.b.@", leaf=named("*.b.@")),
    Case("match-star", "match=* is a literal name", "secure match=*"),
    Case("match-upper-keyword", "keywords beside names", "secure match=NEXTHOP:DOT-NEXTHOP", leaf=named("@")),
    Case("match-suffix-two-dots", "two leading dots", "secure match=..@"),
    Case("match-brackets", "an address in brackets is no address", "secure match=[<mx>]", leaf=named(ips=["<mx>"])),
    *(Case(f"chain-twin-{which}-first", f"of two issuers with one key the first sent is taken: the {which} one first", "verify",
           leaf=under_twin, tls={"chain": lambda leaf, which=which: (leaf, *twins(which))}) for which in ("expired", "valid")),
    *(main(f"lookup-{word}-{kind}", f"smtp_host_lookup = {value}: the one MX host {shows}", smtp_host_lookup=value,
           rest={**rest, "open": NATIVE if word == "native" and kind in {"loop", "bogus"} else ""})  # type: ignore[dict-item]
      for word, value in (("dns-native", "dns, native"), ("native-dns", "native, dns"), ("native", "native"))
      for kind, shows, rest in (
          ("nx", "does not exist", {"dns": ("@ MX 10 nowhere",)}), ("none", "has no address", {"dns": ("@ MX 10 text", "text TXT x")}),
          ("alias", "is an alias of nothing", {"dns": ("@ MX 10 alias", "alias CNAME nowhere")}), ("loop", "is an alias of itself", {"dns": ("@ MX 10 loop", "loop CNAME pool", "pool CNAME loop")}),
          ("bogus", "is bogus", {"signed": True, "own": True, "tweak": spoil("mx A"), "dns": ("@ MX 10 mx", "mx A <mx>")}),
          ("two", "has no address, nor does the second exist", {"dns": ("@ MX 10 text", "text TXT x", "@ MX 20 nowhere")}),
          ("domain", "is the domain itself, without an address", {"dns": ("@ TXT x",)}), ("no-domain", "is a domain that does not exist", {"dns": ("text TXT x",)}),
          ("brackets", "in brackets does not exist", {"dns": ("@ MX 10 mx",), "nexthop": "[nowhere.@]"}),
                )),
    main("lookup-native-soft", "a host whose lookup fails, and one without an address behind it", smtp_host_lookup="dns, native",
         rest={"dns": ("@ MX 5 loop", "loop CNAME pool", "pool CNAME loop", "@ MX 10 text", "text TXT x")}),
    main("lookup-native-6", "an IPv6 address that is not wanted", smtp_host_lookup="dns, native", inet_protocols="ipv4", rest={"hosts": {"mx": Host(version=6)}}),
    main("lookup-native-defer", "smtp_defer_if_no_mx_address_found and a host without an address", smtp_host_lookup="dns, native",
         smtp_defer_if_no_mx_address_found="yes", rest={"dns": ("@ MX 10 text", "text TXT x")}),
)
