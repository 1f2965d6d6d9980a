"""Two or three oddities at once, as a stranger would put them together: lookup, names, chains, pins and hosts."""

# fmt: off
import hashlib
import ssl
from datetime import timedelta
from functools import cache

from tests.kit.ca import Certificate, bundle, cross_signed
from tests.kit.script import CLOSE, CLOSING_421, Script
from tests.oracle.case import FUTURE, PAST, Case, Host, Naming, alone, named, root, rsa_root, stranger
from tests.oracle.cases.chain import below, own_root, with_ca
from tests.oracle.cases.hosts import ALERT, NO_STARTTLS, TWO, at, of

V, TA = "verify", "tafile=<file:ta.pem>"
AGED = 600
WRONG = named("elsewhere.example")
TLS12, TLS13 = {"maximum": ssl.TLSVersion.TLSv1_2}, {"minimum": ssl.TLSVersion.TLSv1_3}
ONLY_10 = {"minimum": ssl.TLSVersion.TLSv1, "maximum": ssl.TLSVersion.TLSv1, "ciphers": "ALL:@SECLEVEL=0"}
U, A = "bücher", "xn--bcher-kva"
V4, V6 = {"smtp_address_preference": "ipv4"}, {"smtp_address_preference": "ipv6"}
THREE = (*TWO, "@ MX 30 mx3")


def mixed(name: str, shows: str, policy: object = None, **rest: object) -> Case:
    """Return a case of this module."""
    return Case(f"mix-{name}", shows, policy, **rest)  # type: ignore[arg-type]


@cache
def bridged() -> tuple[Certificate, ...]:
    """A CA of the stranger's, the same certified by the lab's root, and twice more by it with an end in the past."""
    new = stranger().intermediate("Mixed bridge", path_length=0)
    return new, cross_signed(new, by=root()), cross_signed(new, by=root(), not_after=PAST), cross_signed(new, by=root(), not_after=PAST + timedelta(hours=2))


def under_bridge(naming: Naming) -> Certificate:
    return bridged()[0].leaf(naming.fill("mx.@"), naming.fill("@"))


def sends(*numbers: int) -> dict[str, object]:
    return {"chain": lambda leaf: (leaf, *(bridged()[number] for number in numbers))}


def pins(*words: str, joint: str = "|") -> str:
    return "fingerprint match=" + joint.join(words)


def anchor_pem(naming: Naming) -> str:
    return naming.leaf.anchor.pem


def stranger_pem(_naming: Naming) -> str:
    return stranger().pem


BY_STRANGER = named("mx.@", by=stranger)
NAME_OF_MX = named("mx.<name>.test")
OUTSIDE = ("@ MX 10 mx.<name>.test.", "test: mx A <mx>")  # an MX host of another domain

LOOKUP = (
    mixed("parent-upper", "a parent key in upper case covers a domain in mixed case", table=((".MIX-PARENT-UPPER.example", "none"),),
          domain="a.mix-parent-upper.example", nexthop="A.Mix-Parent-Upper.Example", rcpt="A.Mix-Parent-Upper.Example"),
    mixed("nexthop-upper-secure", "nexthop in upper case, matched without case", "secure match=nexthop", leaf=named("@"),
          nexthop="MIX-NEXTHOP-UPPER-SECURE.EXAMPLE", rcpt="MIX-NEXTHOP-UPPER-SECURE.EXAMPLE"),
    mixed("brackets-upper", "a key in brackets in upper case", nexthop="[mx.@]", table=(("[MX.mix-brackets-upper.EXAMPLE]", "none"),)),
    mixed("brackets-upper-nexthop", "a nexthop in brackets in upper case", "none", nexthop="[MX.Mix-Brackets-Upper-Nexthop.example]"),
    mixed("brackets-secure", "secure at [host]: the host itself and what is below", "secure", nexthop="[mx.@]", leaf=named("a.mx.@")),
    mixed("brackets-secure-sibling", "secure at [host] does not take the domain", "secure", nexthop="[mx.@]", leaf=named("@")),
    mixed("port-named-key", "domain:smtp is a key of its own", nexthop="@:smtp", table=(("@", "secure"), ("@:smtp", "none"))),
    mixed("port-zeros", "a port with leading zeros", nexthop="[mx.@]:0025", table=(("[mx.@]:25", "secure"), ("[mx.@]:0025", "none"))),
    mixed("ipv6-bare", "an IPv6 address in brackets without its prefix", "encrypt", nexthop="[<mx>]", hosts={"mx": Host(version=6)}),
    mixed("ipv6-port", "an IPv6 address with a port, matched by address", "verify match=nexthop", nexthop="[ipv6:<mx>]:2525",
          hosts={"mx": Host(version=6, port=2525, leaf=named(ips=["<mx>"]))}),
    mixed("ipv6-upper-prefix", "IPv6: in upper case in nexthop, lower in the key", nexthop="[IPv6:<mx>]", table=(("[ipv6:<mx>]", "none"),),
          hosts={"mx": Host(version=6)}),
    mixed("exact-invalid-parent-good", "a good parent does not help an invalid key in upper case", domain="a.mix-eip.example",
          table=(("A.MIX-EIP.EXAMPLE", "secure match="), (".mix-eip.example", "none"))),
    mixed("value-blanks", "blanks around the value", "  encrypt   ciphers=high  "),
    mixed("transport-parent-secure", "a transport nexthop found by its parent: nexthop is the whole name", nexthop="hub.@",
          table=((".@", "secure match=nexthop"),), dns=("hub MX 10 mx",), leaf=named("hub.@")),
    mixed("transport-parent-dot", "…and dot-nexthop is below the whole name, not below the key", nexthop="hub.@",
          table=((".@", "secure match=dot-nexthop"),), dns=("hub MX 10 mx",)),
    mixed("two-tables-invalid", "an invalid entry in the first table hides a good one in the second", main_cf={
          "smtp_tls_policy_maps": "inline:{ {@ = strict} }, inline:{ {@ = none} }"}),
    mixed("three-tables-parents", "the nearest parent in the last table beats a farther one in the first", domain="a.b.mix-ttp.example",
          main_cf={"smtp_tls_policy_maps": "inline:{ {.mix-ttp.example = secure} }, inline:{ {.example = secure} }, inline:{ {.b.mix-ttp.example = none} }"}),
    mixed("table-then-fail", "a key found in the first table: the failing second is not asked", main_cf={
          "smtp_tls_policy_maps": "inline:{ {@ = none} }, fail:second"}),
    mixed("fail-after-miss", "a key in the parent's form alone: the failing second is asked before", domain="a.mix-fam.example", main_cf={
          "smtp_tls_policy_maps": "inline:{ {.mix-fam.example = none} }, fail:second"}),
    mixed("static-brackets", "a static table with a level and attributes in braces", main_cf={
          "smtp_tls_policy_maps": "static:{secure match=hostname}"}),
    mixed("idn-parent-a", "an A-label recipient below a U-label parent key", nexthop=f"a.{A}.mix-ipa.example", rcpt=f"a.{A}.mix-ipa.example",
          domain=f"a.{A}.mix-ipa.example", table=((f".{U}.mix-ipa.example", "none"),)),
    mixed("idn-parent-u", "a U-label recipient below a U-label parent key", nexthop=f"a.{U}.mix-ipu.example", rcpt=f"a.{U}.mix-ipu.example",
          domain=f"a.{A}.mix-ipu.example", table=((f".{U}.mix-ipu.example", "none"),)),
    mixed("idn-dot-nexthop", "dot-nexthop of a U-label recipient, and a wildcard", nexthop=f"{U}.mix-idn.example", rcpt=f"{U}.mix-idn.example",
          domain=f"{A}.mix-idn.example", table=((f"{U}.mix-idn.example", "secure match=dot-nexthop"),), leaf=named(f"*.{A}.mix-idn.example")),
    mixed("idn-servername", "servername=nexthop of a U-label recipient", nexthop=f"{U}.mix-sni.example", rcpt=f"{U}.mix-sni.example",
          domain=f"{A}.mix-sni.example", table=((f"{U}.mix-sni.example", "verify servername=nexthop"),), leaf=WRONG,
          tls={"sni": {f"{A}.mix-sni.example": named(f"mx.{A}.mix-sni.example")}}),
    mixed("idn-suffix-u", "a U-label suffix in match= beside nexthop", nexthop=f"{A}.mix-isu.example", rcpt=f"{A}.mix-isu.example",
          domain=f"{A}.mix-isu.example", table=((f"{A}.mix-isu.example", f"secure match=nexthop:.{U.upper()}.mix-isu.example"),),
          leaf=named(f"a.b.{A}.mix-isu.example")),
)
NAMES = (
    mixed("both-words-below", "nexthop:dot-nexthop and a wildcard below a sub-domain", "secure match=nexthop:dot-nexthop", leaf=named("*.sub.@")),
    mixed("both-words-other", "nexthop:dot-nexthop and an MX host elsewhere", "secure match=nexthop:dot-nexthop", dns=OUTSIDE, leaf=NAME_OF_MX),
    mixed("all-words", "nexthop:dot-nexthop:hostname and an MX host elsewhere", "secure match=nexthop:dot-nexthop:hostname", dns=OUTSIDE, leaf=NAME_OF_MX),
    mixed("word-hyphen", "nexthop-dot is no word", "secure match=nexthop-dot"),
    mixed("word-nested", ".nexthop is a suffix named so", "secure match=.nexthop"),
    mixed("cname-mx-override", "an alias as MX host, its target's name, and match=hostname:nexthop", "secure match=hostname:nexthop",
          dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>"), leaf=named("real.@"), main_cf={"smtp_cname_overrides_servername": "yes"}),
    mixed("cname-mx-sni", "servername=hostname is the alias, not its target", "verify servername=hostname", dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>"),
          leaf=WRONG, tls={"sni": {"mx.@": named("mx.@")}}),
    mixed("cname-override-sni", "…and the target with smtp_cname_overrides_servername", "verify servername=hostname",
          dns=("@ MX 10 mx", "mx CNAME real", "real A <mx>"), leaf=WRONG, tls={"sni": {"real.@": named("real.@")}},
          main_cf={"smtp_cname_overrides_servername": "yes"}),
    mixed("cname-domain-secure", "an aliased mail domain at secure: names below the alias' target do not count", "secure",
          dns=("@ CNAME real.<name>.test.", "test: real MX 10 mx", "test: mx.real A <mx>"), leaf=named("mx.real.<name>.test")),
    mixed("san-case-wild", "a wildcard in upper case", V, leaf=named("*.MIX-SAN-CASE-WILD.EXAMPLE")),
    mixed("cn-two-wild", "two CNs, the second a wildcard, and an address as SAN", "secure match=mx.@", leaf=named(common_name=("x.example", "*.@"), ips=["<mx>"])),
    mixed("cn-suffix-email", "a CN below dot-nexthop beside an e-mail SAN", "secure", leaf=named(common_name="a.b.@", emails=["x@y.example"])),
    mixed("literal-wild-below", "match=*.dom beside a leaf for *.dom and another name", "secure match=*.@", leaf=named("other.example", "*.@")),
    mixed("match-three", "three match=, one of them with a dot alone", "secure match=. match=other.example:: match=.@"),
    mixed("ip-hostname-mx-literal", "an MX record that names an address, and match=hostname", "secure match=hostname", dns=("@ MX 10 <mx>.",), leaf=named(ips=["<mx>"])),
    mixed("ip-two", "two addresses in match=: the second is refused", "secure match=<mx>:192.0.2.7", leaf=named(ips=["192.0.2.7"])),
    mixed("ip-two-first", "…and the first counts", "secure match=<mx>:192.0.2.7", leaf=named(ips=["<mx>"])),
    mixed("ip-verify-list", "an address nexthop, main.cf's verify list with hostname and a name", "verify", nexthop="[<mx>]", leaf=named("a.example", ips=["<mx>"]),
          main_cf={"smtp_tls_verify_cert_match": "hostname, a.example"}),
    mixed("expired-wrong-parent", "expired, a wrong name, found by a parent key", domain="a.mix-ewp.example", table=((".mix-ewp.example", "secure"),),
          leaf=named("other.example", not_after=PAST)),
    mixed("default-secure-list", "main.cf's secure with its own list and no entry", leaf=named("mail.partner.example"),
          main_cf={"smtp_tls_security_level": "secure", "smtp_tls_secure_cert_match": ".partner.example, nexthop"}),
    mixed("default-verify-nexthop", "main.cf's verify and match by nexthop, nexthop in brackets with a port", nexthop="[mx.@]:2525",
          hosts={"mx": Host(port=2525)}, main_cf={"smtp_tls_security_level": "verify", "smtp_tls_verify_cert_match": "nexthop"}),
)
CHAINS = (
    mixed("cross-good", "a CA of an unknown root and the same key certified by ours", V, leaf=under_bridge, tls=sends(1)),
    mixed("cross-both", "both are sent, the unknown one first", V, leaf=under_bridge, tls=sends(0, 1)),
    mixed("cross-both-reversed", "both are sent, ours first", V, leaf=under_bridge, tls=sends(1, 0)),
    mixed("cross-expired-first", "an expired cross-certificate before the good one", V, leaf=under_bridge, tls=sends(2, 1)),
    mixed("cross-expired-last", "an expired cross-certificate behind the good one", V, leaf=under_bridge, tls=sends(1, 2)),
    mixed("cross-expired-only", "an expired cross-certificate alone, at encrypt", "encrypt", leaf=under_bridge, tls=sends(2)),
    mixed("cross-tafile", "the unknown root as tafile, the cross-certificate sent beside", f"verify {TA}", leaf=under_bridge, tls=sends(1, 0), files={"ta.pem": stranger_pem}),
    mixed("cross-tafile-ca", "the cross-certificate as tafile, the other is sent", f"verify {TA}", leaf=under_bridge, tls=sends(0), files={
          "ta.pem": lambda _: bridged()[1].pem}),
    mixed("cross-tafile-expired", "an expired cross-certificate as tafile, the good one sent", f"verify {TA}", leaf=under_bridge, tls=sends(1), files={
          "ta.pem": lambda _: bridged()[2].pem}),
    mixed("cross-tafile-key", "the common key as tafile, an expired certificate of it sent", f"verify {TA}", leaf=under_bridge, tls=sends(2), files={
          "ta.pem": lambda _: bridged()[0].spki_pem}),
    mixed("twin-tafile", "of an intermediate sent twice the one in its time is taken below a tafile's root, the expired one first", f"verify {TA}", leaf=under_bridge,
          tls=sends(2, 1), files={"ta.pem": lambda _: root().pem}),
    mixed("twin-dane", "the same at dane: 2 0 0 of the root", "dane", leaf=under_bridge, tls=sends(2, 1), signed=True, tlsa=("2 0 0 " + root().der.hex(),),
          main_cf={"smtp_dns_support_level": "dnssec"}),
    mixed("twin-dane-expired", "2 0 1 of the expired one, which is passed over", "dane", leaf=under_bridge, tls=sends(2, 1), signed=True,
          tlsa=("2 0 1 " + hashlib.sha256(bridged()[2].der).hexdigest(),), main_cf={"smtp_dns_support_level": "dnssec"}),
    mixed("twin-dane-key", "2 1 1 of the key that all have", "dane", leaf=under_bridge, tls=sends(2, 1), signed=True,
          tlsa=("2 1 1 " + hashlib.sha256(bridged()[2].spki_der).hexdigest(),), main_cf={"smtp_dns_support_level": "dnssec"}),
    mixed("twin-dane-both-expired", "two expired ones: the one that ends last is taken", f"verify {TA}", leaf=under_bridge, tls=sends(2, 3), files={"ta.pem": lambda _: bridged()[2].pem}),
    mixed("twin-dane-other-expired", "…which is an anchor whose dates do not count", f"verify {TA}", leaf=under_bridge, tls=sends(2, 3), files={"ta.pem": lambda _: bridged()[3].pem}),
    mixed("cross-dane-digest", "2 0 1 of ours, and the one of an unknown root is sent before", "dane", leaf=under_bridge, tls=sends(0, 1), signed=True,
          tlsa=("2 0 1 " + hashlib.sha256(bridged()[1].der).hexdigest(),), main_cf={"smtp_dns_support_level": "dnssec"}),
    mixed("cross-dane-full", "2 0 0 of ours, and the one of an unknown root is sent", "dane", leaf=under_bridge, tls=sends(0), signed=True,
          tlsa=("2 0 0 " + bridged()[1].der.hex(),), main_cf={"smtp_dns_support_level": "dnssec"}),
    mixed("path-wild", "pathlen 0 exceeded and a wildcard name, at encrypt", "encrypt", leaf=below({"path_length": 0}, {})),
    mixed("path-three", "pathlen 1 above two CAs", V, leaf=below({"path_length": 1}, {}, {})),
    mixed("path-one", "pathlen 1 above one CA", V, leaf=below({"path_length": 1}, {})),
    mixed("constraint-secure-other", "a permitted sub-tree and a second name outside of it", V, leaf=lambda naming: root().intermediate(
          permitted=["mix-constraint-secure-other.example"]).leaf(naming.fill("mx.@"), "elsewhere.test")),
    mixed("constraint-tafile", "a constraint of an intermediate below a tafile's root", f"verify {TA}", leaf=below({"excluded": ("example",)}, by=stranger), files={"ta.pem": stranger_pem}),
    mixed("constraint-pin", "a broken constraint, an expired CA, and a pin of the key", "fingerprint match=<pkey>", leaf=below({"excluded": ("example",), "not_after": PAST})),
    mixed("eku-ca-tafile", "an intermediate for clients as tafile, and a leaf for both", f"secure {TA}", leaf=below({"eku": ("client",)}, by=stranger), files={
          "ta.pem": lambda naming: naming.leaf.issuer.pem if naming.leaf.issuer else ""}),
    mixed("eku-any-server", "anyExtendedKeyUsage beside serverAuth, below a CA with any alone", V, leaf=below({"eku": ("any",)}, eku=("any", "server"))),
    mixed("sha1-tafile-leaf", "a SHA-1 leaf that is its own tafile", f"verify {TA}", leaf=named("mx.@", by=rsa_root, digest="sha1"), files={"ta.pem": lambda naming: naming.leaf.pem}),
    mixed("sha1-tafile-root", "a SHA-1 leaf below a tafile", f"verify {TA}", leaf=named("mx.@", by=rsa_root, digest="sha1"), files={"ta.pem": lambda _: rsa_root().pem}),
    mixed("sha1-tls10", "SHA-1 and TLS 1.0 at encrypt", "encrypt", leaf=named("mx.@", by=rsa_root, digest="sha1", key="rsa2048"), tls=ONLY_10),
    mixed("rsa1024-sha1-may", "RSA 1024 and SHA-1 at may", "may", leaf=named("mx.@", by=rsa_root, digest="sha1", key="rsa1024")),
    mixed("rsa1024-tafile", "RSA 1024 below a tafile with a name by CN", f"secure {TA}", leaf=named(common_name="mx.@", by=stranger, key="rsa1024"), files={"ta.pem": stranger_pem}),
    mixed("expired-intermediate-12", "an expired intermediate in TLS 1.2, at encrypt", "encrypt", leaf=below({"not_after": PAST}), tls=TLS12),
    mixed("expired-intermediate-twin", "an expired intermediate sent, its valid twin in CAfile", V, leaf=below({"not_after": PAST}),
          main_cf={"smtp_tls_CAfile": "<file:ca.pem>"}, files={"ca.pem": lambda naming: bundle(root(), cross_signed(
              naming.leaf.issuer, by=root()) if naming.leaf.issuer else root())}),
    mixed("future-intermediate", "an intermediate that is not valid yet", "secure", leaf=below({"not_before": FUTURE})),
    mixed("tafile-two-expired", "two tafiles: an expired root, and the leaf itself", "verify tafile=<file:a.pem> tafile=<file:b.pem>", leaf=named("mx.@", by=lambda: own_root("mixed old", not_after=PAST)),
          files={"a.pem": anchor_pem, "b.pem": lambda naming: naming.leaf.pem}),
    mixed("tafile-match-word", "tafile= with dot-nexthop, found by a parent key", domain="a.mix-tmw.example", leaf=BY_STRANGER,
          table=((".mix-tmw.example", "secure match=dot-nexthop tafile=<file:ta.pem>"),), files={"ta.pem": stranger_pem}),
    mixed("tafile-main-fallback", "tafile= with a private key alone: main.cf's anchor file applies", f"verify {TA}", leaf=BY_STRANGER,
          main_cf={"smtp_tls_trust_anchor_file": "<file:main.pem>"}, files={"ta.pem": lambda naming: naming.leaf.key_pem, "main.pem": stranger_pem}),
    mixed("tafile-invalid-two", "an unreadable tafile: neither host is tried, aged or not", "verify tafile=/nowhere/x.pem", dns=TWO, hosts={"mx": of("mx"), "mx2": of("mx2")}, age=AGED),
    mixed("tafile-brackets", "tafile= for a nexthop in brackets with a port", "verify tafile=<file:ta.pem>", nexthop="[mx.@]:2525", hosts={"mx": Host(leaf=BY_STRANGER, port=2525)}, files={"ta.pem": stranger_pem}),
    mixed("tafile-crlf", "a tafile with CR LF", f"verify {TA}", leaf=BY_STRANGER, files={"ta.pem": lambda _: stranger().pem.replace("\n", "\r\n")}),
    mixed("tafile-indented", "a tafile whose PEM is indented", f"verify {TA}", leaf=BY_STRANGER, files={"ta.pem": lambda _: "".join(f"  {line}\n" for line in stranger().pem.splitlines())}),
    mixed("tafile-one-line", "a tafile with its base64 on one line", f"verify {TA}", leaf=BY_STRANGER, files={"ta.pem": lambda _: "-----BEGIN CERTIFICATE-----\n" + "".join(
          stranger().pem.splitlines()[1:-1]) + "\n-----END CERTIFICATE-----\n"}),
    mixed("tafile-headers", "PEM with headers before its base64", f"verify {TA}", leaf=BY_STRANGER, files={"ta.pem": lambda _: stranger().pem.replace(
          "-----\n", "-----\nComment: ours\n\n", 1)}),
    mixed("tafile-blanks-behind", "blanks behind the first line of the PEM", f"verify {TA}", leaf=BY_STRANGER, files={"ta.pem": lambda _: stranger().pem.replace("-----\n", "-----  \n", 1)}),
    mixed("tafile-no-newline", "a tafile without a last line feed", f"verify {TA}", leaf=BY_STRANGER, files={"ta.pem": lambda _: stranger().pem.rstrip()}),
    mixed("tafile-bom", "a tafile with a byte order mark", f"verify {TA}", leaf=BY_STRANGER, files={"ta.pem": lambda _: "\ufeff" + stranger().pem}),
    mixed("tafile-key-rsa-word", "a tafile of RSA PUBLIC KEY", f"verify {TA}", leaf=BY_STRANGER, files={"ta.pem": lambda _: stranger().spki_pem.replace("PUBLIC", "RSA PUBLIC")}),
    with_ca("mix-cafile-crlf", "a CAfile with CR LF", V, lambda _: root().pem.replace("\n", "\r\n")),
    with_ca("mix-cafile-indented", "a CAfile whose PEM is indented disables TLS", V, lambda _: "".join(f"  {line}\n" for line in root().pem.splitlines())),
    with_ca("mix-cafile-key-and-root", "a private key before the root in CAfile", V, lambda naming: naming.leaf.key_pem + root().pem),
    with_ca("mix-cafile-no-newline", "two roots without a line feed between", V, lambda _: stranger().pem.rstrip() + root().pem),
)
PINS = (
    mixed("pins-three", "three pins, of which the second is short and the third is the key's", pins("11" * 32, "<pin.sha1>", "<pkey>")),
    mixed("pins-repeat-mixed", "match= repeated, malformed first", "fingerprint match=zz match=<pin>|zz"),
    mixed("pins-case-mixed", "a pin in mixed case without colons, expired, no name", lambda naming: pins(
          naming.leaf.cert_fingerprint().replace(":", "").swapcase()), leaf=named(not_after=PAST)),
    mixed("pins-tls10", "a pin and a server of TLS 1.0", pins("<pin>"), tls=ONLY_10),
    mixed("pins-anonymous-pref", "a pin and a server that prefers aNULL", pins("<pkey>"), tls={"ciphers": "aNULL:DEFAULT:@SECLEVEL=0", **TLS12}),
    mixed("pins-two-hosts", "the pin of the second host alone", lambda naming: pins(naming.leaves["mx2"].pkey_fingerprint()), dns=TWO,
          hosts={"mx": of("mx"), "mx2": of("mx2", alone("mx2.@", not_after=PAST))}),
    mixed("pins-sni", "a pin of the certificate that SNI brings", lambda naming: "fingerprint servername=nexthop match=" + naming.leaf.cert_fingerprint(),
          tls={"sni": {"@": named("@")}}),
    mixed("pins-md5-sha1", "md5 by compatibility_level and a sha1 pin beside", pins("<pin.sha1>", "<pkey.md5>"), main_cf={"compatibility_level": "3.5"}),
    mixed("pins-digest-upper", "smtp_tls_fingerprint_digest = SHA256 in upper case", pins("<pin>"), main_cf={"smtp_tls_fingerprint_digest": "SHA256"}),
    mixed("pins-sha224", "smtp_tls_fingerprint_digest = sha224", pins("<pkey.sha224>"), main_cf={"smtp_tls_fingerprint_digest": "sha224"}),
    mixed("pins-sha3", "smtp_tls_fingerprint_digest = sha3-256", pins("<pin.sha3_256>"), main_cf={"smtp_tls_fingerprint_digest": "sha3-256"}),
    mixed("pins-wrong-no-ca", "a wrong pin and a certificate that CAfile vouches for", pins("22" * 32), leaf=named("mx.@", "@")),
    mixed("pins-default-level", "main.cf's fingerprint level, its list, and a domain in brackets", nexthop="[mx.@]",
          main_cf={"smtp_tls_security_level": "fingerprint", "smtp_tls_fingerprint_cert_match": "zz, <pkey>"}),
    mixed("pins-global-malformed", "main.cf's fingerprint level with nothing but a malformed value",
          main_cf={"smtp_tls_security_level": "fingerprint", "smtp_tls_fingerprint_cert_match": "zz"}),
    mixed("pins-ed25519-12", "the key of an Ed25519 leaf in TLS 1.2", pins("<pkey>"), leaf=alone("x", key="ed25519"), tls=TLS12),
    mixed("pins-trailing-pipe", "a pipe at the end, tabs and commas around", "fingerprint\tmatch=<pin>|,"),
)
HOSTS = (
    mixed("three-outcomes", "no STARTTLS, a wrong name, 4xx: the last tells", "secure", dns=THREE, hosts={
          "mx": of("mx", script=NO_STARTTLS), "mx2": of("mx2", WRONG), "mx3": of("mx3", script=at("GREETING", "450 4.3.2 Busy"))}),
    mixed("three-name-last", "4xx, no STARTTLS, a wrong name", "secure", dns=THREE, hosts={
          "mx": of("mx", script=at("GREETING", "450 4.3.2 Busy")), "mx2": of("mx2", script=NO_STARTTLS), "mx3": of("mx3", WRONG)}),
    mixed("three-alert-aged", "at may, aged: a wrong handshake behind two dead hosts", "may", age=AGED, dns=THREE, hosts={
          "mx": of("mx", listens=False), "mx2": of("mx2", listens=False), "mx3": of("mx3", script=ALERT)}),
    mixed("alert-aged-6", "at may, aged: the handshake fails on IPv6, plaintext there and not on IPv4", "may", age=AGED, dns=("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>"),
          hosts={"mx": Host(), "mx6": Host(version=6, script=ALERT)}, main_cf=V6),
    mixed("alert-fresh-6", "…fresh: IPv4 under TLS", "may", dns=("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>"), hosts={"mx": Host(), "mx6": Host(version=6, script=ALERT)}, main_cf=V6),
    mixed("close-aged", "STARTTLS and then silence closed, aged, second host 5xx", "may", age=AGED, dns=TWO, hosts={"mx": of("mx", script=at("STARTTLS", CLOSE)), "mx2": of("mx2", script=at("GREETING", "554 No"))}),
    mixed("421-then-plain", "421 at STARTTLS that closes, then a host without STARTTLS, at may", "may", dns=TWO, hosts={
          "mx": of("mx", script=at("STARTTLS", CLOSING_421)), "mx2": of("mx2", script=NO_STARTTLS)}),
    mixed("session-limit-may", "two sessions lost in transfer use up the limit", "may", dns=THREE, hosts={
          "mx": of("mx", script=at("STARTTLS", CLOSING_421)), "mx2": of("mx2", script=at("STARTTLS", CLOSING_421)), "mx3": of("mx3")}),
    mixed("session-limit-1-may", "smtp_mx_session_limit 1 and a lost session", "may", dns=TWO, main_cf={"smtp_mx_session_limit": "1"},
          hosts={"mx": of("mx", script=at("STARTTLS", CLOSING_421)), "mx2": of("mx2")}),
    mixed("address-limit-6", "the limit counts addresses of both kinds of one host", V, main_cf={"smtp_mx_address_limit": "2", **V6}, dns=(
          "@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>", "@ MX 20 mx2"), hosts={"mx": Host(leaf=WRONG), "mx6": Host(version=6, leaf=WRONG), "mx2": of("mx2")}),
    mixed("balance-limit-3", "balance within a limit of 3: the third IPv4 gives way to IPv6", "encrypt", main_cf={"smtp_mx_address_limit": "3"},
          dns=("@ MX 1 a", "@ MX 2 b", "@ MX 3 c", "@ MX 4 mx"), hosts={"a": of("a", listens=False), "b": of("b", listens=False), "c": of("c", listens=False), "mx": of("mx", version=6)}),
    mixed("balance-limit-2", "balance within a limit of 2", "encrypt", main_cf={"smtp_mx_address_limit": "2"},
          dns=("@ MX 1 a", "@ MX 2 b", "@ MX 4 mx"), hosts={"a": of("a", version=6, listens=False), "b": of("b", version=6, listens=False), "mx": of("mx")}),
    mixed("balance-limit-1", "a limit of 1 has nothing to balance", "encrypt", main_cf={"smtp_mx_address_limit": "1"},
          dns=("@ MX 1 a", "@ MX 4 mx"), hosts={"a": of("a", version=6, listens=False), "mx": of("mx")}),
    mixed("null-beside-servfail", "a null MX in a domain at dane", "dane-only", signed=True, dns=("@ MX 0 .",), main_cf={"smtp_dns_support_level": "dnssec"}),
    mixed("mx-case", "an MX record in mixed case: the log tells it as the DNS does", "encrypt", dns=("@ MX 10 Mx", "mx A <mx>")),
    mixed("mx-case-verify", "…and match=hostname and servername=hostname do not mind", "verify servername=hostname", dns=("@ MX 10 MX", "mx A <mx>"), leaf=WRONG,
          tls={"sni": {"MX.@": named("mx.@"), "mx.@": named("mx.@")}}),
    mixed("mx-own-and-good", "an MX host that does not resolve, one of another domain, at secure match=hostname", "secure match=hostname", dns=("@ MX 1 gone", *OUTSIDE), leaf=NAME_OF_MX),
    mixed("loop-second", "our own name at the second host, the first without STARTTLS", "encrypt", dns=TWO, hosts={
          "mx": of("mx", script=NO_STARTTLS), "mx2": of("mx2", script=at("EHLO", "250-relay.example\n250 STARTTLS"))}),
    mixed("soft-bounce-two", "soft_bounce and 5xx to STARTTLS: the second host", "encrypt", dns=TWO, main_cf={"soft_bounce": "yes"}, hosts={
          "mx": of("mx", script=at("STARTTLS", "554 5.7.0 Never")), "mx2": of("mx2")}),
    mixed("5xx-greeting-two", "smtp_skip_5xx_greeting = no: a 5xx greeting bounces before the good host", "encrypt", dns=TWO, main_cf={"smtp_skip_5xx_greeting": "no"},
          hosts={"mx": of("mx", script=at("GREETING", "554 5.7.1 No")), "mx2": of("mx2")}),
    mixed("wrapper-two", "wrapper mode: the first host's name is wrong, the second is good", "verify", dns=TWO, nexthop="@:465", main_cf={"smtp_tls_wrappermode": "yes"}, hosts={
          "mx": Host(leaf=WRONG, port=465, script=Script(implicit_tls=True)), "mx2": of("mx2", port=465, script=Script(implicit_tls=True))}),
    mixed("wrapper-pin", "wrapper mode and a pin", "fingerprint match=<pkey>", nexthop="[mx.@]:465", main_cf={"smtp_tls_wrappermode": "yes"}, hosts={
          "mx": Host(leaf=alone("x"), port=465, script=Script(implicit_tls=True))}),
    mixed("wrapper-greeting", "wrapper mode and a 4xx greeting under TLS", "encrypt", nexthop="[mx.@]:465", main_cf={"smtp_tls_wrappermode": "yes"}, hosts={
          "mx": Host(port=465, script=Script(implicit_tls=True, replies={"GREETING": CLOSING_421, "TLS GREETING": CLOSING_421}))}),
    mixed("tls-required-two", "TLS-Required: no with a wrong handshake at the first host", "dane-only", headers=("TLS-Required: no",), dns=TWO, hosts={
          "mx": of("mx", script=ALERT), "mx2": of("mx2", WRONG)}),
    mixed("tls-required-secure-aged", "TLS-Required: no at secure with a tafile that is not there, aged", "secure tafile=/nowhere", headers=("TLS-Required: no",), script=ALERT, age=AGED),
    mixed("protocols-wrong-two", "malformed protocols= at may, aged: plaintext to the first", "may protocols=TLSv1.2:nonsense", age=AGED, dns=TWO, hosts={"mx": of("mx"), "mx2": of("mx2")}),
    mixed("protocols-negated-bound", "protocols=!>=TLSv1.2 is malformed", "encrypt protocols=!>=TLSv1.2"),
    mixed("protocols-both-kinds", "an included and an excluded name", "encrypt protocols=TLSv1.3:!TLSv1.2", tls=TLS12),
    mixed("protocols-empty-range", "bounds that leave nothing between", "encrypt protocols=>=TLSv1.3:<=TLSv1.2"),
    mixed("protocols-blank-equals", "a bound with a blank becomes another attribute", "encrypt protocols=>= TLSv1.2"),
    mixed("protocols-none-word", "the word TLSv1.0 is no name, TLSv1 is", "encrypt protocols=TLSv1.0"),
    mixed("exclude-and-ciphers", "ciphers=high and an exclude= that leaves one suite", "verify ciphers=high exclude=AES256:CHACHA20", tls={**TLS12, "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"}),
    mixed("exclude-kx", "exclude=kRSA and a server of RSA key exchange", "verify exclude=kRSA", leaf=named("mx.@", key="rsa2048"), tls={**TLS12, "ciphers": "AES128-GCM-SHA256"}),
)
CASES = (*LOOKUP, *NAMES, *CHAINS, *PINS, *HOSTS)
