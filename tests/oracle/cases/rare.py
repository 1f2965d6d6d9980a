"""Two or three oddities at once: DNSSEC, settings of the relay, slow peers, client certificates, replies."""

# fmt: off
import hashlib
import ssl
from functools import cache

from tests.kit.ca import Certificate, bundle
from tests.kit.script import CLOSE, CLOSING_421, Say, Script
from tests.oracle.case import FUTURE, PAST, Case, Host, Naming, alone, named, root, rsa_root, stranger
from tests.oracle.cases.chain import below, leaf_only, own_root
from tests.oracle.cases.dane import DNSSEC, OTHER, WITH_ROOT, dane, insecure, spoil
from tests.oracle.cases.hosts import ALERT, NO_STARTTLS, TWO, at, of

V, AGED = "verify", 600
WRONG = named("elsewhere.example")
TLS12 = {"maximum": ssl.TLSVersion.TLSv1_2}
CNAME_MX = ("@ MX 10 mx", "mx CNAME real", "real A <mx>")
FORCED = {**DNSSEC, "smtp_tls_force_insecure_host_tlsa_lookup": "yes"}
CURVES, FILTERS = "unknown: groups of the key exchange are not followed", "unknown: smtp(8) is told to see or to say something else"
IMPATIENT = {"smtp_helo_timeout": "3s", "smtp_starttls_timeout": "3s"}


def rare(name: str, shows: str, policy: object = None, **rest: object) -> Case:
    """Return a case of this module."""
    return Case(f"rare-{name}", shows, policy, **rest)  # type: ignore[arg-type]


def cf(name: str, shows: str, policy: object, rest: dict[str, object] | None = None, **main_cf: str) -> Case:
    """Return a case about main.cf; *rest* is of the case."""
    return Case(f"rare-{name}", shows, policy, main_cf=main_cf, **(rest or {}))  # type: ignore[arg-type]


def rdane(name: str, shows: str, *tlsa: str, **rest: object) -> Case:
    return dane(f"rare-{name}", shows, *tlsa, **rest)  # type: ignore[arg-type]


def client_pem(_naming: Naming) -> str:
    leaf = root().leaf("relay.example", eku=("client", "server"))
    return bundle(*leaf.chain) + leaf.key_pem


def key_first() -> str:
    leaf = root().leaf("relay.example", eku=("client", "server"))
    return leaf.key_pem + bundle(*leaf.chain)


def alone_pem() -> str:
    leaf = stranger().leaf("relay.example", eku=("client", "server"))
    return bundle(*leaf.chain) + leaf.key_pem


@cache
def kept() -> Certificate:
    """The same leaf each time."""
    return root().leaf("kept.example")


def kept_leaf(_naming: Naming) -> Certificate:
    return kept()


def key_and_more() -> str:
    return f"3 1 0 {kept().spki_der.hex()}00"


def certificate_and_more() -> str:
    return f"3 0 0 {kept().der.hex()}00"


REQUIRES = {"client_certificate": ssl.CERT_REQUIRED, "anchors": (root(),)}
DANES = (
    rdane("cname-tafile", "dane of an aliased MX: TLSA at neither, no STARTTLS: may", dns=CNAME_MX, script=NO_STARTTLS),
    rdane("cname-only", "dane-only of an aliased MX: TLSA at the alias alone, of another", "mx 3 1 1 other", dns=CNAME_MX, policy="dane-only"),
    rdane("cname-both-ta", "TLSA at both: the target's counts, and its name too", "real 2 1 1 root", "mx 3 1 1", dns=CNAME_MX, tls=WITH_ROOT, leaf=named("real.@")),
    rdane("cname-servername", "an aliased MX with TLSA at its target: SNI is the target", "real 3 1 1 other", dns=CNAME_MX,
          tls={"sni": {"real.@": alone("real.@")}}),
    rdane("rollover", "five records of a rollover, the last one fits", "3 1 1 " + "01" * 32, "3 1 1 " + "02" * 32, "3 1 1 " + "03" * 32, "3 0 1 " + "04" * 32, "3 1 1"),
    rdane("many", "forty records: an answer too long for UDP", *(f"3 1 2 {number:02d}{'00' * 63}" for number in range(40)), "3 1 2"),
    rdane("agility-ta", "2 1 2 of another hides 2 1 1, and 3 0 1 fits", "2 1 2 other", "2 1 1 root", "3 0 1", tls=WITH_ROOT),
    rdane("agility-ta-hidden", "2 1 2 of another hides 2 1 1 of the root that is sent", "2 1 2 other", "2 1 1 root", tls=WITH_ROOT),
    rdane("agility-unsound", "an unusable 2 1 2 by length beside 2 1 1", "2 1 2 " + OTHER, "2 1 1 root", tls=WITH_ROOT),
    rdane("malformed-mix", "every kind of unsound record, and a usage 1", "3 0 3 " + OTHER, "3 9 1 " + OTHER, "3 1 1 " + "00" * 8, "1 1 1", script=NO_STARTTLS),
    rdane("malformed-mix-only", "the same at dane-only", "3 0 3 " + OTHER, "3 9 1 " + OTHER, "3 1 1 " + "00" * 8, "1 1 1", policy="dane-only"),
    rdane("one-octet", "a digest of one octet", "3 1 1 aa"),
    rdane("ta-full-leaf", "2 0 0 of the leaf itself", "2 0 0", leaf=alone("mx.@", ca=True)),
    rdane("ta-key-leaf", "2 1 0 of the leaf's own key", "2 1 0", leaf=alone("mx.@", ca=True)),
    rdane("ta-full-intermediate", "2 0 0 of an intermediate that is not sent", "2 0 0 ca", leaf=below({}, by=stranger), tls={"chain": leaf_only}),
    rdane("ta-constraint", "2 0 1 of an intermediate whose constraints exclude the name", "2 0 1 ca", leaf=below({"excluded": ("example", "test")})),
    rdane("ta-eku", "2 0 1 of an intermediate for clients", "2 0 1 ca", leaf=below({"eku": ("client",)})),
    rdane("ta-path", "2 0 1 of the root, and a path length below it", "2 0 1 root", leaf=below({"path_length": 0}, {}), tls=WITH_ROOT),
    rdane("ta-future", "2 1 1 of the root, and a leaf not yet valid", "2 1 1 root", leaf=named("mx.@", not_before=FUTURE), tls=WITH_ROOT),
    rdane("ta-key-rsa", "2 1 0 of an RSA key, the root not sent", "2 1 0 root", leaf=named("mx.@", by=rsa_root)),
    rdane("key-junk-ta", "2 1 0 that is no key", "2 1 0 " + "01" * 31, leaf=alone("x.example")),
    rdane("key-junk-ee", "3 1 0 that is no key, no STARTTLS", "3 1 0 30020500", script=NO_STARTTLS),
    rdane("key-behind", "3 1 0 with an octet behind the key", key_and_more(), leaf=kept_leaf),
    rdane("certificate-behind", "3 0 0 with an octet behind the certificate", certificate_and_more(), leaf=kept_leaf),
    rdane("ta-key-ed25519", "2 1 0 of an Ed25519 key, the root not sent", "2 1 0 root", leaf=named("mx.@", by=lambda: own_root("rare ed", key="ed25519"))),
    rdane("ta-key-leaf-expired", "2 1 0 of the key of a self-signed leaf that has expired", "2 1 0", leaf=alone("mx.@", not_after=PAST)),
    rdane("ta-key-leaf-issued", "2 1 0 of the key of a leaf that another CA issued", "2 1 0"),
    rdane("ta-key-leaf-name", "2 1 0 of the key of a self-signed leaf, wrong name", "2 1 0", leaf=alone("other.example")),
    rdane("ta-name-dns-only", "usage 2: a CN beside another dNSName does not count", "2 0 1 root", leaf=named("other.example", common_name="mx.@"), tls=WITH_ROOT),
    rdane("ta-and-ee-expired", "usage 2 fails by date, usage 3 of the key fits", "2 0 1 root", "3 1 1", leaf=named("mx.@", not_after=PAST), tls=WITH_ROOT),
    rdane("two-mixed", "the first host's TLSA are unusable, the second's are wrong, both without STARTTLS", "mx 1 1 1", "mx2 3 1 1 other", dns=TWO,
          hosts={"mx": of("mx", script=NO_STARTTLS), "mx2": of("mx2", script=NO_STARTTLS)}),
    rdane("two-mixed-only", "dane-only: the first host has none, the second's fit", "mx2 3 1 1 mx2.leaf", policy="dane-only", dns=TWO, hosts={"mx": of("mx", script=ALERT), "mx2": of("mx2")}),
    rdane("two-skip-last", "dane-only: the first does not fit, the last has none", "mx 3 1 1 other", policy="dane-only", dns=TWO, hosts={"mx": of("mx"), "mx2": of("mx2")}),
    rdane("two-none-aged", "both hosts without TLSA, the first handshake fails, aged", age=AGED, dns=TWO, hosts={"mx": of("mx", script=ALERT), "mx2": of("mx2")}),
    rdane("two-wrong-plain-aged", "the first host's TLSA are wrong, the second has none and a failing handshake, aged", "mx 3 1 1 other", age=AGED, dns=TWO,
          hosts={"mx": of("mx"), "mx2": of("mx2", script=ALERT)}),
    rdane("dual-address", "TLSA and both kinds of address, IPv6 with another key", "3 1 1", dns=("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>"),
          hosts={"mx": Host(), "mx6": Host(version=6, leaf=alone("mx.@"))}, main_cf={**DNSSEC, "smtp_address_preference": "ipv6"}),
    rdane("aaaa-bogus", "a bogus AAAA beside a good A with TLSA", "3 1 1 other", own=True, dns=("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>"),
          hosts={"mx": Host(), "mx6": Host(version=6)}, tweak=spoil("mx AAAA")),
    rdane("bogus-tlsa-only-two", "dane-only: a bogus TLSA at the first, none at the second", "3 1 1", policy="dane-only", own=True, dns=TWO, hosts={"mx": of("mx"), "mx2": of("mx2")},
          tweak=spoil("_25._tcp.mx TLSA")),
    rdane("protocols-bad", "malformed protocols= at dane with TLSA", "3 1 1", policy="dane protocols=TLSv8", age=AGED),
    rdane("protocols-bad-may", "malformed protocols= at dane without TLSA, aged: plaintext", policy="dane protocols=TLSv8", age=AGED),
    rdane("protocols-12", "protocols=TLSv1.2 at dane, unusable TLSA and a server of 1.2", "1 1 1", policy="dane protocols=TLSv1.2 exclude=AES256", tls=TLS12),
    rdane("reuse", "dane through tlsproxy(8): a wrong TLSA", "3 1 1 other", policy="dane connection_reuse=yes"),
    rdane("reuse-good", "dane through tlsproxy(8): a right TLSA", "3 1 1", policy="dane-only connection_reuse=yes"),
    rdane("parent", "dane by a parent key, dane-only by the exact one", "3 1 1 other", domain="a.dane-rare-parent.test", policy=None,
          table=((".dane-rare-parent.test", "dane"), ("a.dane-rare-parent.test", "dane-only"))),
    rdane("tls-required", "TLS-Required: no at dane-only without TLSA, no STARTTLS", policy="dane-only", headers=("TLS-Required: no",), script=NO_STARTTLS),
    rdane("brackets-port", "[host]:port at dane-only with TLSA of that port", "_2525._tcp.mx 3 1 1", policy="dane-only", nexthop="[mx.@]:2525", hosts={"mx": Host(port=2525)}),
    rdane("wrapper", "dane-only in wrapper mode", "_465._tcp.mx 3 1 1", policy="dane-only", nexthop="[mx.@]:465", hosts={"mx": Host(port=465, script=Script(implicit_tls=True))},
          main_cf={**DNSSEC, "smtp_tls_wrappermode": "yes"}),
    rdane("wrapper-none", "dane in wrapper mode without TLSA: may is too little", policy="dane", nexthop="[mx.@]:465", hosts={"mx": Host(port=465, script=Script(implicit_tls=True))},
          main_cf={**DNSSEC, "smtp_tls_wrappermode": "yes"}),
    rdane("anchor-file", "dane and smtp_tls_trust_anchor_file: it does not count", "3 1 1 other", main_cf={**DNSSEC, "smtp_tls_trust_anchor_file": "/nowhere"}),
    rdane("digests-none", "tls_dane_digests empty: digests count for nothing", "3 1 1", main_cf={**DNSSEC, "tls_dane_digests": "sha512"}, policy="dane-only"),
    rdane("forced", "an unsigned host whose TLSA are signed, looked up by force", "3 1 1 other", main_cf=FORCED, open=FILTERS, dns=("@ MX 10 mx.<name>.example.", "example: mx A <mx>"),
          leaf=named("mx.<name>.example")),
    insecure("rare-cname", "insecure MX to an alias in a signed zone, TLSA of another at its target", "dane", "real 3 1 1 other",
             dns=("@ MX 10 mx.<name>.test.", "test: mx CNAME real", "test: real A <mx>")),
    insecure("rare-ta-name", "insecure MX, usage 2: the nexthop's own name suffices", "dane", "2 1 1 root", leaf=named("@"), tls=WITH_ROOT),
    insecure("rare-mismatch", "insecure MX, usage 2 and a wrong name", "dane", "2 1 1 root", leaf=named("other.example"), tls=WITH_ROOT),
    insecure("rare-encrypt-aged", "insecure MX, policy encrypt, a failing handshake, aged", "encrypt", "3 1 1", script=ALERT, age=AGED),
    insecure("rare-upper", "the policy in upper case", "ENCRYPT", "3 1 1 other", script=NO_STARTTLS),
    insecure("rare-may-aged", "insecure MX, policy may, a failing handshake, aged", "may", "3 1 1", script=ALERT, age=AGED),
)
SETTINGS = (
    cf("client-certificate", "a client certificate that the server requires", "encrypt", {"files": {"client.pem": client_pem}, "tls": REQUIRES},
       smtp_tls_chain_files="<file:client.pem>"),
    cf("client-certificate-old", "the same by smtp_tls_cert_file, its key within", V, {"files": {"client.pem": client_pem}, "tls": REQUIRES}, smtp_tls_cert_file="<file:client.pem>"),
    cf("client-certificate-ec", "the same by smtp_tls_eccert_file", "may", {"files": {"client.pem": client_pem}, "tls": {**REQUIRES, **TLS12}}, smtp_tls_eccert_file="<file:client.pem>"),
    cf("client-certificate-chain", "a client certificate in smtp_tls_chain_files, its key first", V, {"files": {"client.pem": lambda _: key_first()}, "tls": REQUIRES}, smtp_tls_chain_files="<file:client.pem>"),
    cf("client-certificate-mismatch", "a client certificate beside another key disables TLS", "may", {"files": {"client.pem": client_pem, "key.pem": lambda _: stranger().key_pem}, "tls": REQUIRES},
       smtp_tls_cert_file="<file:client.pem>", smtp_tls_key_file="<file:key.pem>"),
    cf("client-certificate-unknown", "a client certificate of an unknown CA where one is required", "encrypt", {"files": {"client.pem": lambda _: alone_pem()}, "tls": {**REQUIRES, **TLS12}}, smtp_tls_cert_file="<file:client.pem>"),
    cf("client-certificate-asked", "a client certificate that the server asks for", "secure", {"files": {"client.pem": client_pem}, "tls": {**REQUIRES, "client_certificate": ssl.CERT_OPTIONAL}},
       smtp_tls_cert_file="<file:client.pem>"),
    cf("level-upper", "main.cf's level in upper case", None, {"leaf": WRONG}, smtp_tls_security_level="SECURE"),
    cf("digest-dashes", "smtp_tls_fingerprint_digest = sha512-256", lambda naming: "fingerprint match=" + hashlib.new("sha512_256", naming.leaf.der).hexdigest(), smtp_tls_fingerprint_digest="sha512-256"),
    cf("mandatory-old-style", "mandatory protocols in the old style, by commas", "encrypt", {"tls": TLS12}, smtp_tls_mandatory_protocols="!SSLv2,!SSLv3,!TLSv1,!TLSv1.1"),
    cf("session-cache", "a session cache does not change the first delivery", V, smtp_tls_session_cache_database="btree:${data_directory}/smtp_scache"),
    cf("reply-filter", "smtp_reply_filter turns 250 STARTTLS into nothing", "may", {"open": FILTERS}, smtp_reply_filter="inline:{ {250 STARTTLS = 250 XSTARTTLS} }"),
    cf("discard-maps", "smtp_discard_ehlo_keyword_address_maps", "may", {"open": FILTERS}, smtp_discard_ehlo_keyword_address_maps="static:starttls"),
    cf("status-filter", "smtp_delivery_status_filter changes the code", "encrypt", {"open": FILTERS, "script": NO_STARTTLS}, smtp_delivery_status_filter="inline:{ {4.7.4 TLS is required = 5.7.4 TLS is required} }"),
    cf("dns-filter", "smtp_dns_reply_filter", "encrypt", {"open": FILTERS}, smtp_dns_reply_filter="inline:{ {nothing = ignore} }"),
    cf("per-site", "smtp_tls_per_site without a policy map", None, {"open": FILTERS, "table": ()}, smtp_tls_per_site="inline:{ {@ = NONE} }", smtp_tls_policy_maps=""),
    cf("ssl-option-13", "tls_ssl_options = NO_TLSV1_3 is no name that is known", "encrypt", tls_ssl_options="NO_TLSV1_3"),
    cf("ssl-option-hex", "tls_ssl_options in hex: no TLS 1.3", "encrypt", {"tls": {"minimum": ssl.TLSVersion.TLSv1_3}}, tls_ssl_options="0x20000000"),
    cf("ffdhe", "tls_ffdhe_auto_groups that is empty", "encrypt", {"open": CURVES}, tls_ffdhe_auto_groups=""),
    cf("curves-default", "tls_eecdh_auto_curves of one's own that the server has", V, {"open": CURVES}, tls_eecdh_auto_curves="prime256v1, X25519"),
    cf("curves-order", "tls_eecdh_auto_curves in another order, and a server of one curve", "encrypt", {"open": CURVES, "tls": {"curve": "secp384r1"}}, tls_eecdh_auto_curves="secp384r1 X25519 prime256v1"),
    cf("curves-13", "tls_eecdh_auto_curves that the server has not, TLS 1.3", "may", {"open": CURVES, "tls": {"curve": "prime256v1", "minimum": ssl.TLSVersion.TLSv1_3}}, tls_eecdh_auto_curves="secp521r1"),
    cf("curves-aged", "the same, aged: plaintext", "may", {"open": CURVES, "tls": {"curve": "prime256v1", "minimum": ssl.TLSVersion.TLSv1_3}, "age": AGED}, tls_eecdh_auto_curves="secp521r1"),
    cf("line-limit-small", "line_length_limit 1024 hides STARTTLS", "may", {"script": Script(replies={"EHLO": "250-mx\n" + "\n".join("250-" + "y" * 60 for _ in range(16)) + "\n250 STARTTLS"})},
       line_length_limit="1024"),
    cf("line-limit-long", "line_length_limit and a long line", "encrypt", {"script": Script(replies={"EHLO": "250-mx\n250-STARTTLS\n250 " + "y" * 1500})}, line_length_limit="1024"),
    cf("tcp-service", "smtp_tcp_port by its name", "encrypt", {"hosts": {"mx": Host(port=587)}}, smtp_tcp_port="submission"),
    cf("helo-fast", "a greeting that comes later than smtp_helo_timeout", "encrypt", {"script": at("GREETING", Say("220 mx ESMTP", delay=5.0))}, **IMPATIENT),
    cf("helo-slow", "a greeting that comes after five seconds, in time", "encrypt", {"script": at("GREETING", Say("220 mx ESMTP", delay=5.0))}),
    cf("ehlo-fast", "an EHLO reply later than smtp_helo_timeout", "encrypt", {"script": at("EHLO", Say("250-mx\n250 STARTTLS", delay=5.0))}, **IMPATIENT),
    cf("starttls-fast", "a STARTTLS reply later than smtp_starttls_timeout", "may", {"script": at("STARTTLS", Say("220 go", delay=5.0))}, **IMPATIENT),
    cf("fragments", "a greeting in single bytes, within smtp_helo_timeout for each", "encrypt", {"script": at("GREETING", Say("220 mx ESMTP", fragment=2, pause=0.2))}, **IMPATIENT),
    cf("drip", "a greeting whose bytes take five seconds in all, each within smtp_helo_timeout", "encrypt", {"script": at("GREETING", Say("220 mx ESMTP", fragment=2, pause=0.8))}, **IMPATIENT),
    cf("tls-ehlo-fast", "an EHLO reply under TLS later than smtp_helo_timeout, fresh", "may", {"script": at("TLS EHLO", Say("250 mx", delay=5.0))}, **IMPATIENT),
    cf("handshake-fast", "a handshake that hangs", "encrypt", {"script": Script(handshake="hang")}, **IMPATIENT),
    cf("second-host-fast", "a slow first host, a good second", "encrypt", {"dns": TWO, "hosts": {"mx": of("mx", script=at("GREETING", Say("220 mx ESMTP", delay=5.0))), "mx2": of("mx2")}}, **IMPATIENT),
    cf("sasl-inline", "credentials for another host: an aged message goes in plaintext", "may", {"script": ALERT, "age": AGED}, smtp_sasl_auth_enable="yes", smtp_sasl_security_options="",
       smtp_sasl_password_maps="inline:{ {other.example = user:secret} }"),
    cf("sasl-inline-ours", "credentials for the nexthop: it does not", "may", {"script": ALERT, "age": AGED}, smtp_sasl_auth_enable="yes", smtp_sasl_security_options="",
       smtp_sasl_password_maps="inline:{ {@ = user:secret} }"),
    cf("sasl-host", "credentials for the MX host", "may", {"script": ALERT, "age": AGED}, smtp_sasl_auth_enable="yes", smtp_sasl_security_options="", smtp_sasl_password_maps="inline:{ {mx.@ = user:secret} }"),
    cf("sasl-verify", "credentials at verify: no difference", V, smtp_sasl_auth_enable="yes", smtp_sasl_security_options="", smtp_sasl_password_maps="inline:{ {mx.@ = user:secret} }"),
    cf("bind-6-foreign", "an address of nobody for IPv6, which is not used", V, smtp_bind_address6="2001:db8::dead", smtp_bind_address_enforce="yes"),
    cf("bind-second-kind", "an address of nobody for IPv4: the host's IPv6 address", V, {"dns": ("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>"), "hosts": {"mx": Host(), "mx6": Host(version=6)}},
       smtp_bind_address="198.51.100.1", smtp_bind_address_enforce="yes", smtp_address_preference="ipv4"),
    cf("bind-last", "…and nobody listens at that: the last reason is told", V, {"dns": ("@ MX 10 mx", "mx A <mx>", "mx AAAA <mx6>"), "hosts": {"mx": Host(), "mx6": Host(version=6, listens=False)}},
       smtp_bind_address="198.51.100.1", smtp_bind_address_enforce="yes", smtp_address_preference="ipv6"),
    rare("421-open", "421 to STARTTLS and the connection stays open, at may: plaintext", "may", script=at("STARTTLS", "421 4.3.0 Later")),
    rare("421-open-encrypt", "the same at encrypt, a good second host", "encrypt", dns=TWO, hosts={"mx": of("mx", script=at("STARTTLS", "421 4.3.0 Later")), "mx2": of("mx2")}),
    rare("421-open-tls", "421 to EHLO under TLS and the connection stays open", V, script=at("TLS EHLO", "421 4.3.0 Later")),
    rare("ehlo-then-helo", "EHLO refused and the connection closed at HELO", "may", script=Script(replies={"EHLO": "502 What", "HELO": CLOSE})),
    rare("ehlo-then-helo-554", "EHLO and HELO refused, at encrypt", "encrypt", script=Script(replies={"EHLO": "502 What", "HELO": "554 5.5.1 Nor that"})),
    rare("ehlo-421-helo", "EHLO 421 with a connection that stays open, second host", "may", dns=TWO, hosts={"mx": of("mx", script=at("EHLO", "421 4.3.2 Later")), "mx2": of("mx2", script=at("GREETING", CLOSING_421))}),
    rare("closed-after-tls-aged", "the connection ends after the handshake, aged, second host good", "may", age=AGED, dns=TWO, hosts={"mx": of("mx", script=at("TLS EHLO", CLOSE)), "mx2": of("mx2")}),
    rare("closed-after-tls-secure", "the same at secure: the second host", "secure", age=AGED, dns=TWO, hosts={"mx": of("mx", script=at("TLS EHLO", CLOSE)), "mx2": of("mx2")}),
    rare("garbage-aged", "garbage instead of a handshake, aged", "may", age=AGED, script=Script(handshake="garbage")),
    rare("plaintext-handshake", "a second reply instead of a handshake", "encrypt", script=Script(handshake="plaintext")),
    rare("starttls-pipelined", "bytes behind the reply to STARTTLS", V, script=at("STARTTLS", b"220 go\r\n250 injected\r\n")),
    rare("rpk-verify", "enable_rpk=yes at verify, the certificate expired", "verify enable_rpk=yes", leaf=named("mx.@", not_after=PAST)),
    rare("sts-mixed", "mx_host_pattern and a wrong name at the only host within", "secure match=mx.@ policy_type=sts policy_domain=@ policy_ttl=86400 mx_host_pattern=mx2.@",
         dns=TWO, hosts={"mx": of("mx"), "mx2": of("mx2", WRONG)}),
    rare("sts-braces", "attributes in braces, with STS of another domain", "secure { match = mx.@ } policy_type=sts policy_domain=other.example policy_ttl=1 { mx_host_pattern = *.@ }"),
)
LISTS = (
    rare("list-dane", "a list: dane-only without TLSA, then secure with a wrong name, then may", nexthop="one.@, two.@, three.@", signed=True, main_cf=DNSSEC, dns=(
         "one MX 10 a", "two MX 10 b", "three MX 10 c"), table=(("one.@", "dane-only"), ("two.@", "secure"), ("three.@", "may")),
         hosts={"a": of("a"), "b": of("b", WRONG), "c": of("c", script=NO_STARTTLS)}),
    rare("list-dane-tlsa", "a list whose second next-hop is in brackets and has TLSA", nexthop="one.@, [b.@]", signed=True, main_cf=DNSSEC, dns=("one MX 10 a",),
         table=(("one.@", "dane-only"), ("[b.@]", "dane-only")), hosts={"a": of("a"), "b": of("b")}, tlsa=("b 3 1 1 b.leaf",)),
    rare("list-tafile", "a list: the first is invalid by its tafile, the second has another", nexthop="[a.@], [b.@]", hosts={"a": of("a"), "b": of("b", named("b.@", by=stranger))},
         dns=("@ TXT x",), table=(("[a.@]", "verify tafile=/nowhere"), ("[b.@]", "verify tafile=<file:ta.pem>")), files={"ta.pem": lambda _: stranger().pem}),
    rare("list-aged-first", "a list, aged: a wrong handshake at may at the first", nexthop="[a.@] [b.@]", age=AGED, hosts={"a": of("a", script=ALERT), "b": of("b")},
         dns=("@ TXT x",), table=(("[a.@]", "may ciphers=high"), ("[b.@]", "secure"))),
    rare("fallback-dane", "dane-only without TLSA and a fallback relay with a pin", "dane-only", signed=True, main_cf={**DNSSEC, "smtp_fallback_relay": "[b.@]"}, dns=("@ MX 10 a",),
         hosts={"a": of("a"), "b": of("b")}, table=(("@", "dane-only"), ("[b.@]", lambda naming: "fingerprint match=" + naming.leaves["b"].pkey_fingerprint()))),
    rare("fallback-starttls-454", "454 at encrypt, and a fallback relay without STARTTLS at main.cf's encrypt", "encrypt", main_cf={"smtp_fallback_relay": "[b.@]", "smtp_tls_security_level": "encrypt"},
         dns=("@ MX 10 a",), hosts={"a": of("a", script=at("STARTTLS", "454 4.7.0 Later")), "b": of("b", script=NO_STARTTLS)}),
    rare("relayhost-shape", "a nexthop with MX records and a port, all hosts there", "verify", nexthop="@:587", dns=TWO, hosts={"mx": of("mx", port=587, listens=False), "mx2": of("mx2", port=587)}),
    rare("secure-cname-chain", "an alias of an alias as mail domain, secure by the first name", "secure match=nexthop", dns=("@ CNAME one", "one CNAME two", "two MX 10 mx"), leaf=named("@")),
    rare("mx-to-domain-cname", "an MX record that names an alias of the domain itself", "secure", dns=("@ MX 10 alias", "alias CNAME @", "@ A <mx>"), leaf=named("alias.@")),
    rare("mx-many-one-good", "six MX hosts of which four do not resolve", "verify", dns=("@ MX 1 g1", "@ MX 2 g2", "@ MX 3 g3", "@ MX 4 g4", "@ MX 5 mx", "@ MX 6 mx2"), hosts={"mx": of("mx", WRONG), "mx2": of("mx2")}),
    rare("limit-address-cname", "an address limit of 1 and a first host that does not resolve", "verify", dns=("@ MX 1 gone", "@ MX 5 mx", "@ MX 6 mx2"), hosts={"mx": of("mx", WRONG), "mx2": of("mx2")},
         main_cf={"smtp_mx_address_limit": "1"}),
    rare("limit-session-tls", "session limit 1: the first host closes after the handshake, aged at secure", "secure", dns=TWO, hosts={"mx": of("mx", script=at("TLS EHLO", CLOSE)), "mx2": of("mx2")},
         main_cf={"smtp_mx_session_limit": "1"}),
    rare("limit-session-421-tls", "session limit 1 and 421 under TLS", "encrypt", dns=TWO, hosts={"mx": of("mx", script=at("TLS EHLO", CLOSING_421)), "mx2": of("mx2")}, main_cf={"smtp_mx_session_limit": "1"}),
    rare("encrypt-anon-pin", "encrypt of an anonymous server, aNULL excluded by main.cf for mandatory levels", "encrypt", leaf=None, tls={**TLS12, "ciphers": "aNULL:@SECLEVEL=0"},
         main_cf={"smtp_tls_mandatory_exclude_ciphers": "aNULL"}),
    rare("may-anon-protocols", "may with protocols=>=TLSv1.3 and an anonymous server of 1.2, aged", "may protocols=>=TLSv1.3", age=AGED, leaf=None, tls={**TLS12, "ciphers": "aNULL:@SECLEVEL=0"}),
    rare("sni-brackets", "servername=nexthop of a host in brackets", "verify servername=nexthop", nexthop="[mx.@]:25", leaf=WRONG, tls={"sni": {"mx.@": named("mx.@")}}),
    rare("sni-address", "servername=nexthop of an address", "encrypt servername=nexthop", nexthop="[<mx>]"),
    rare("sni-address-host", "servername=hostname where an MX record names an address", "encrypt servername=hostname", dns=("@ MX 10 <mx>.",)),
    rare("sni-two-hosts", "servername=hostname differs from host to host", "verify servername=hostname", dns=TWO, hosts={"mx": of("mx", WRONG, tls={"sni": {"mx2.@": named("mx.@")}}),
         "mx2": of("mx2", WRONG, tls={"sni": {"mx2.@": named("mx2.@")}})}),
    rare("key-ipv6-case", "an IPv6 key in upper case", nexthop="[ipv6:2001:db8::beef]", table=(("[IPv6:2001:DB8::BEEF]", "strict"),), hosts={"mx": Host()}),
    rare("empty-map-default", "an empty table and main.cf's dane-only without dnssec", table=(), main_cf={"smtp_tls_security_level": "dane-only"}),
    rare("per-level-verify-depth", "verifydepth 0, a tafile of an intermediate two below the root", "verify tafile=<file:ta.pem>", leaf=below({}, {}, by=stranger), main_cf={"smtp_tls_scert_verifydepth": "0"},
         files={"ta.pem": lambda naming: naming.leaf.issuer.pem if naming.leaf.issuer else ""}),
    rare("tafile-depth", "verifydepth 0 and three CAs below a tafile's root", "verify tafile=<file:ta.pem>", leaf=below({}, {}, {}, by=stranger), main_cf={"smtp_tls_scert_verifydepth": "0"},
         files={"ta.pem": lambda _: stranger().pem}),
    rare("default-tafile-secure", "main.cf's secure and its trust anchor file, no entry", leaf=named("a.@", by=stranger), main_cf={"smtp_tls_security_level": "secure", "smtp_tls_trust_anchor_file": "<file:ta.pem>"},
         files={"ta.pem": lambda _: stranger().spki_pem}),
)
CASES = (*DANES, *SETTINGS, *LISTS)
