"""protocols=, ciphers=, exclude= and their parameters; SNI: tls_client_start() in src/tls/tls_client.c, tls_misc.c."""

# fmt: off
import ssl

from tests.oracle.case import Case, alone, named

V10, V11, V12, V13 = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
WEAK = "ALL:@SECLEVEL=0"
ONLY_10 = {"minimum": V10, "maximum": V10, "ciphers": WEAK}
ONLY_11 = {"minimum": V11, "maximum": V11, "ciphers": WEAK}
ONLY_12, ONLY_13 = {"maximum": V12}, {"minimum": V13}
OLD = {"minimum": V10, "maximum": V11, "ciphers": WEAK}
AGED = 600


def spoken(name: str, shows: str, policy: str, tls: dict[str, object] | None = None, **rest: object) -> Case:
    """Return a case whose peer speaks what *tls* says."""
    return Case(f"tls-{name}", shows, policy, tls=tls or {}, **rest)  # type: ignore[arg-type]


def only(cipher: str) -> dict[str, object]:
    return {"maximum": V12, "ciphers": f"{cipher}:@SECLEVEL=0"}


def by_sni(name: str) -> dict[str, object]:
    """Return a server that shows another leaf to who asks for *name*."""
    return {"sni": {name: named("mx.@")}}


WRONG = alone("default.example")

CASES = (
    spoken("10-may", "a server of TLS 1.0 alone, at may", "may", ONLY_10),
    spoken("10-encrypt", "a server of TLS 1.0 alone, at encrypt", "encrypt", ONLY_10),
    spoken("10-verify", "levels that must match refuse TLS 1.0", "verify", ONLY_10),
    spoken("10-fingerprint", "fingerprint does so too", "fingerprint match=<pin>", ONLY_10),
    spoken("11-may", "a server of TLS 1.1 alone, at may", "may", ONLY_11),
    spoken("11-secure", "levels that must match refuse TLS 1.1", "secure", ONLY_11),
    spoken("12", "a server of TLS 1.2 alone", "verify", ONLY_12),
    spoken("13", "a server of TLS 1.3 alone", "verify", ONLY_13),
    spoken("only-12", "protocols=TLSv1.2", "verify protocols=TLSv1.2"),
    spoken("only-12-of-13", "protocols=TLSv1.2 and a server of TLS 1.3 alone", "verify protocols=TLSv1.2", ONLY_13),
    spoken("only-13-of-12", "protocols=TLSv1.3 and a server of TLS 1.2 alone", "encrypt protocols=TLSv1.3", ONLY_12),
    spoken("only-13-of-12-may", "protocols=TLSv1.3 at may: mail waits", "may protocols=TLSv1.3", ONLY_12),
    spoken("only-13-of-12-aged", "protocols=TLSv1.3 at may: an aged message goes in plaintext", "may protocols=TLSv1.3", ONLY_12, age=AGED),
    spoken("two-named", "protocols= with two names", "encrypt protocols=TLSv1.2:TLSv1.3", ONLY_12),
    spoken("not-13", "protocols=!TLSv1.3 and a server of TLS 1.3 alone", "encrypt protocols=!TLSv1.3", ONLY_13),
    spoken("not-13-of-12", "protocols=!TLSv1.3 and a server of TLS 1.2 alone", "encrypt protocols=!TLSv1.3", ONLY_12),
    spoken("at-least-12", "protocols=>=TLSv1.2", "encrypt protocols=>=TLSv1.2", ONLY_12),
    spoken("at-least-12-of-10", "protocols=>=TLSv1.2 and a server of TLS 1.0", "encrypt protocols=>=TLSv1.2", ONLY_10),
    spoken("at-least-13-of-12", "protocols=>=TLSv1.3 and a server of TLS 1.2", "encrypt protocols=>=TLSv1.3", ONLY_12),
    spoken("at-most-12-of-13", "protocols=<=TLSv1.2 and a server of TLS 1.3", "encrypt protocols=<=TLSv1.2", ONLY_13),
    spoken("range", "protocols= with both bounds", "encrypt protocols=>=TLSv1.2:<=TLSv1.2", ONLY_12),
    spoken("range-of-13", "a range and a server outside", "encrypt protocols=>=TLSv1.2:<=TLSv1.2", ONLY_13),
    spoken("hex", "a bound in hex", "encrypt protocols=>=0303", ONLY_12),
    spoken("hex-of-12", "a bound in hex above the server", "encrypt protocols=>=0304", ONLY_12),
    spoken("mixed", "a name and a bound", "encrypt protocols=>=TLSv1.2:!TLSv1.3", ONLY_13),
    spoken("gap", "a hole in the middle: OpenSSL speaks one range", "encrypt protocols=TLSv1:TLSv1.3", ONLY_12),
    spoken("ssl3", "protocols=SSLv3 leaves nothing", "encrypt protocols=SSLv3"),
    spoken("ssl2", "protocols=!SSLv2:!SSLv3", "encrypt protocols=!SSLv2:!SSLv3", ONLY_12),
    spoken("all-excluded", "every protocol excluded", "encrypt protocols=!TLSv1:!TLSv1.1:!TLSv1.2:!TLSv1.3"),
    spoken("empty-of-10", "protocols= empty allows TLS 1.0", "encrypt protocols=", ONLY_10),
    spoken("main-may", "smtp_tls_protocols at may", "may", ONLY_12, main_cf={"smtp_tls_protocols": ">=TLSv1.3"}),
    spoken("main-may-aged", "smtp_tls_protocols at may, aged", "may", ONLY_12, age=AGED,
           main_cf={"smtp_tls_protocols": ">=TLSv1.3"}),
    spoken("main-encrypt", "smtp_tls_protocols does not count at encrypt", "encrypt", ONLY_12,
           main_cf={"smtp_tls_protocols": ">=TLSv1.3"}),
    spoken("main-mandatory", "smtp_tls_mandatory_protocols does", "encrypt", ONLY_12,
           main_cf={"smtp_tls_mandatory_protocols": ">=TLSv1.3"}),
    spoken("main-mandatory-may", "smtp_tls_mandatory_protocols does not count at may", "may", ONLY_12, main_cf={"smtp_tls_mandatory_protocols": ">=TLSv1.3"}),
    spoken("main-replaced", "protocols= replaces it", "encrypt protocols=TLSv1.2", ONLY_12,
           main_cf={"smtp_tls_mandatory_protocols": ">=TLSv1.3"}),
    spoken("main-list", "smtp_tls_mandatory_protocols as a list of exclusions", "encrypt", ONLY_13,
           main_cf={"smtp_tls_mandatory_protocols": "!SSLv2, !SSLv3, !TLSv1.3"}),
    spoken("main-bad", "smtp_tls_mandatory_protocols that is wrong", "encrypt",
           main_cf={"smtp_tls_mandatory_protocols": "TLSv7"}),
    spoken("main-bad-may", "smtp_tls_mandatory_protocols that is wrong does not count at may", "may", main_cf={"smtp_tls_mandatory_protocols": "TLSv7"}),
    spoken("ciphers-high", "ciphers=high and a strong server", "encrypt ciphers=high", only("ECDHE-ECDSA-AES256-GCM-SHA384")),
    spoken("ciphers-high-aes128", "ciphers=high and AES-128", "encrypt ciphers=high", only("ECDHE-ECDSA-AES128-GCM-SHA256")),
    spoken("ciphers-high-camellia", "ciphers=high and Camellia", "encrypt ciphers=high", only("ECDHE-ECDSA-CAMELLIA256-SHA384")),
    spoken("ciphers-medium", "ciphers=medium", "encrypt ciphers=medium", only("ECDHE-ECDSA-AES128-SHA")),
    spoken("ciphers-low", "ciphers=low means medium with OpenSSL 3", "encrypt ciphers=low", only("ECDHE-ECDSA-AES128-SHA")),
    spoken("ciphers-export", "ciphers=export too", "encrypt ciphers=export", only("ECDHE-ECDSA-AES128-SHA")),
    spoken("ciphers-null", "ciphers=null fails", "encrypt ciphers=null"),
    spoken("ciphers-null-12", "ciphers=null and a server of TLS 1.2", "encrypt ciphers=null", ONLY_12),
    spoken("ciphers-null-server", "ciphers=null and a server with a NULL cipher", "encrypt ciphers=null",
           only("ECDHE-ECDSA-NULL-SHA")),
    spoken("server-null", "a server with nothing but a NULL cipher", "encrypt", only("ECDHE-ECDSA-NULL-SHA")),
    spoken("server-null-may", "a server with nothing but a NULL cipher, at may", "may", only("ECDHE-ECDSA-NULL-SHA")),
    spoken("exclude", "exclude= of the one cipher of a server", "encrypt exclude=ECDHE-ECDSA-AES128-SHA",
           only("ECDHE-ECDSA-AES128-SHA")),
    spoken("exclude-other", "exclude= of another", "encrypt exclude=ECDHE-ECDSA-AES256-SHA", only("ECDHE-ECDSA-AES128-SHA")),
    spoken("exclude-group", "exclude= of a group", "encrypt exclude=SHA1", only("ECDHE-ECDSA-AES128-SHA")),
    spoken("exclude-combined", "exclude= with a plus", "encrypt exclude=ECDHE+AES128", only("ECDHE-ECDSA-AES128-SHA")),
    spoken("exclude-all", "exclude=ALL leaves nothing for TLS 1.2", "encrypt exclude=ALL", ONLY_12),
    spoken("exclude-13", "exclude= cannot touch TLS 1.3", "encrypt exclude=TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
           ONLY_13),
    spoken("exclude-aes-13", "exclude=AES and a server of TLS 1.3", "encrypt exclude=AES", ONLY_13),
    spoken("exclude-may-aged", "exclude= at may, aged", "may exclude=AES", only("ECDHE-ECDSA-AES128-SHA"), age=AGED),
    spoken("exclude-main", "smtp_tls_exclude_ciphers", "encrypt", only("ECDHE-ECDSA-AES128-SHA"),
           main_cf={"smtp_tls_exclude_ciphers": "AES128"}),
    spoken("exclude-main-mandatory", "smtp_tls_mandatory_exclude_ciphers adds", "encrypt", only("ECDHE-ECDSA-AES128-SHA"),
           main_cf={"smtp_tls_mandatory_exclude_ciphers": "AES128"}),
    spoken("exclude-main-mandatory-may", "smtp_tls_mandatory_exclude_ciphers does not count at may", "may", only("ECDHE-ECDSA-AES128-SHA"),
           main_cf={"smtp_tls_mandatory_exclude_ciphers": "AES128"}),
    spoken("exclude-replaces", "exclude= replaces both lists", "encrypt exclude=", only("ECDHE-ECDSA-AES128-SHA"),
           main_cf={"smtp_tls_exclude_ciphers": "AES128", "smtp_tls_mandatory_exclude_ciphers": "SHA1"}),
    spoken("grade-main", "smtp_tls_mandatory_ciphers that is wrong", "encrypt",
           main_cf={"smtp_tls_mandatory_ciphers": "strong"}),
    spoken("grade-main-may", "smtp_tls_ciphers that is wrong, at may", "may", main_cf={"smtp_tls_ciphers": "strong"}),
    spoken("grade-main-replaced", "ciphers= replaces it", "encrypt ciphers=high",
           main_cf={"smtp_tls_mandatory_ciphers": "strong"}),
    spoken("sha1-suite", "a suite with SHA-1 at verify", "verify", only("ECDHE-ECDSA-AES128-SHA")),
    spoken("rsa-kx", "RSA key exchange", "encrypt", only("AES128-SHA"), leaf=named("mx.@", key="rsa2048")),
    spoken("rsa-kx-verify", "RSA key exchange at verify", "verify", only("AES128-GCM-SHA256"), leaf=named("mx.@", key="rsa2048")),
    spoken("rsa-1024-kx", "RSA 1024 key exchange at verify", "verify", only("AES128-GCM-SHA256"),
           leaf=named("mx.@", key="rsa1024")),
    spoken("two-keys", "a server with an EC and an RSA certificate", "verify", {"also": named("mx.@", key="rsa2048")}),
    spoken("two-keys-wrong", "two certificates, the RSA one with another name", "verify",
           {"also": named("other.example", key="rsa2048")}),
    spoken("two-keys-12", "two certificates in TLS 1.2, the RSA one with another name", "verify", {"also": named("other.example", key="rsa2048"), **ONLY_12}),
    spoken("sni-none", "no server name is sent without servername=", "verify", by_sni("mx.@"), leaf=WRONG),
    spoken("sni-name", "servername= of the MX host", "verify servername=mx.@", by_sni("mx.@"), leaf=WRONG),
    spoken("sni-hostname", "servername=hostname", "verify servername=hostname", by_sni("mx.@"), leaf=WRONG),
    spoken("sni-nexthop", "servername=nexthop", "verify servername=nexthop", by_sni("@"), leaf=WRONG),
    spoken("sni-other", "servername= of another name", "verify servername=other.example", by_sni("mx.@"), leaf=WRONG),
    spoken("sni-case", "HostName is a literal name", "verify servername=HostName", by_sni("mx.@"), leaf=WRONG),
    spoken("sni-not-verified", "servername= itself is not verified", "verify servername=other.example"),
    spoken("sni-main", "smtp_tls_servername", "verify", by_sni("mx.@"), leaf=WRONG,
           main_cf={"smtp_tls_servername": "hostname"}),
    spoken("sni-main-replaced", "servername= replaces it", "verify servername=nexthop", by_sni("mx.@"), leaf=WRONG,
           main_cf={"smtp_tls_servername": "hostname"}),
    spoken("sni-encrypt", "at encrypt it decides the status alone", "encrypt servername=hostname", by_sni("mx.@"), leaf=WRONG),
    spoken("sni-pin", "with a fingerprint", lambda naming: "fingerprint servername=hostname match="  # type: ignore[arg-type]
           + naming.leaf.cert_fingerprint(), by_sni("other.example")),
    spoken("ssl-options", "tls_ssl_options = NO_TICKET", "verify", main_cf={"tls_ssl_options": "NO_TICKET"}),
    spoken("renegotiation", "tls_ssl_options = NO_RENEGOTIATION", "verify", main_cf={"tls_ssl_options": "NO_RENEGOTIATION"}),
    *(Case(f"protocols-hole-{number}-{level}", f"versions with a gap at {level}: {words}", f"{level} protocols={words}")
      for number, words in enumerate(("TLSv1:TLSv1.3", "TLSv1.1:TLSv1.3", "TLSv1:TLSv1.1:TLSv1.3", "TLSv1:TLSv1.2", "!TLSv1.2")) for level in ("encrypt", "verify")),
)
