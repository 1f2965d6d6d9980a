"""Cases drawn from a wider field than those of random_cases.py: what a stranger may put together, two oddities and more.

Aliases and zones of both kinds, TLSA anywhere, parents and several tables, odd words in every attribute, certificates of
all sorts, servers by SNI, curve and client certificate. Again, what Postfix itself draws by lot is left out.
"""

# fmt: off
import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

from tests.kit.ca import Certificate, cross_signed
from tests.kit.script import CLOSE, Say, Script
from tests.kit.zones import Zone
from tests.oracle.case import FUTURE, PAST, QUEUE, Case, Host, Maker, Naming, Text, alone, root, rsa_root, stranger
from tests.oracle.random_cases import (
    DNSSEC,
    IMPATIENT,
    INSECURE_MX,
    LEVELS,
    MAIN_CF,
    REPLIES,
    TLS,
    V10,
    V12,
    V13,
    babble,
    issuers,
)

ZONES = ("test", "example")  # signed, not signed
MATCHES = (
    "nexthop", "dot-nexthop", "hostname", "@", ".@", "mx.@", "other.example", ".example", ".test", "*.@", ".", "NextHop", "HOSTNAME", "next-hop",
    "mx.<name>.test", ".<name>.test", "mx.<name>.example", "real.<name>.test", "<mx>", "192.0.2.9", "@.", ".mx.@", "mx..@", "..@", "dot-hostname",
)
NAMES: tuple[str | bytes, ...] = (
    "@", "mx.@", "*.@", "mx2.@", "mx.<name>.test", "mx.<name>.example", "real.<name>.test", "real.<name>.example", "*.<name>.test", "*.test",
    "other.example", "MX.@", "*.mx.@", "x*.@", "*x.@", "mx.*.test", "*.*.@", "@.", ".@", "a.b.mx.@", "<mx>", "*", "xn--bcher-kva.@", "m_x.@", b"mx\0.example", b"\xff",
)
PROTOCOLS = (
    "TLSv1.2", ">=TLSv1.3", "!TLSv1.3", "TLSv9", "", "!SSLv2:!SSLv3", ">=TLSv1.2:<=TLSv1.2", "<=0303", ">=0303", "SSLv3", "!TLSv1.2:!TLSv1.3", "tlsv1.2",
    "TLSv1:TLSv1.3", ">TLSv1.2", "TLSv1.3:!TLSv1.3", "<=TLSv1.1", ">=0304", ">=", "!", "TLSv1.2:TLSv1.2", ">=TLSv1.3:<=TLSv1.2", ">=0305", "!>=TLSv1",
)
EXCLUDES = (
    "aNULL", "aECDSA", "SHA1:AES128", "kRSA", "RSA", "aRSA", "AESGCM", "SHA384", "kECDHE", "ALL", "DEFAULT", "MD5:DES", "AES256+SHA", "eNULL", "", "-RSA", "!aNULL",
    "TLS_AES_256_GCM_SHA384", "AECDH-AES256-SHA", "nonsense", "ECDHE", "aecdsa", "TLSv1.2", "SSLv3", "CHACHA20", "@STRENGTH", "kDHE",
)
SERVERNAMES = ("hostname", "nexthop", "sni.example", "Hostname", "mx.@", "<mx>", "-x", "a..b", "x_y.example", "@.", "1234", "bücher.example")
OTHERS = (
    "connection_reuse=yes", "connection_reuse=no", "connection_reuse=maybe", "enable_rpk=no", "ciphers=high", "ciphers=medium", "ciphers=low", "ciphers=export", "ciphers=null",
    "ciphers=HIGH", "ciphers=odd", "ciphers=", "colour=blue", "match", "=x", "policy_type=sts policy_domain=@ policy_ttl=86400", "{ ciphers = high }", "tafile=",
)
RELAY: Mapping[str, Sequence[Text]] = {
    **MAIN_CF,
    "smtp_tls_mandatory_protocols": PROTOCOLS,
    "smtp_tls_protocols": PROTOCOLS,
    "smtp_tls_exclude_ciphers": EXCLUDES,
    "smtp_tls_mandatory_exclude_ciphers": EXCLUDES,
    "smtp_tls_ciphers": ("high", "low", "export", "null", "odd", "MEDIUM"),
    "smtp_tls_mandatory_ciphers": ("high", "low", "null", "odd"),
    "smtp_tls_servername": SERVERNAMES,
    "smtp_tls_verify_cert_match": ("nexthop", "hostname, dot-nexthop", ".example", "mx.@", "*.@", "hostname:nexthop"),
    "smtp_tls_secure_cert_match": ("hostname", "nexthop:hostname", "dot-nexthop", ".test .example", "other.example"),
    "smtp_tls_fingerprint_digest": ("sha1", "md5", "sha512", "sha384", "sha224", "SHA256", "ripemd160", "sha3-256", "blake2s256"),
    "smtp_tls_fingerprint_cert_match": ("<pin>", "<pkey>", "xyz", "<pin.sha1>, <pin>", "<pin>|<pin.md5>"),
    "smtp_tls_trust_anchor_file": ("<file:ta.pem>", "<file:ta.pem>, <file:none.pem>"),
    "soft_bounce": ("yes",),
    "smtp_never_send_ehlo": ("yes",),
    "smtp_always_send_ehlo": ("no",),
    "smtp_host_lookup": ("dns, native", "native, dns"),
    "ignore_mx_lookup_error": ("yes",),
    "smtp_defer_if_no_mx_address_found": ("yes",),
    "smtp_balance_inet_protocols": ("no",),
    "smtp_tls_enforce_peername": ("no",),
    "smtp_use_tls": ("no",),
    "smtp_enforce_tls": ("yes",),
    "tls_ssl_options": ("NO_TICKET", "NO_COMPRESSION", "0x20000000"),
    "tls_disable_workarounds": ("0xFFFFFFFF",),
    "smtp_tls_note_starttls_offer": ("yes",),
    "smtp_tls_block_early_mail_reply": ("yes",),
    "smtp_helo_name": ("other.example",),
    "smtp_tls_session_cache_timeout": ("0s",),
    "smtp_address_preference": ("ipv4", "ipv6"),
    "lmtp_tls_security_level": ("secure",),
    "tls_wildcard_matches_multiple_labels": ("no",),
    "smtp_pix_workarounds": ("",),
    "tls_high_cipherlist": ("ECDHE+AES256",),
    "tls_preempt_cipherlist": ("yes",),
    "smtp_skip_quit_response": ("no",),
    INSECURE_MX: ("dane", "encrypt", "may", "Dane"),
}
_WIDE_REPLIES: tuple[Mapping[str, Any], ...] = (
    *REPLIES, {"GREETING": "220-mx\n220-two\n220 three ESMTP"}, {"GREETING": "421 4.7.0 later"}, {"GREETING": "450 no"}, {"GREETING": "220 ESMTP **** "}, {"GREETING": "2200 x"},
    {"GREETING": Say("220 mx ESMTP", fragment=2, pause=0.05)}, {"GREETING": Say("220 mx ESMTP", delay=1.0)}, {"GREETING": "250 mx"}, {"GREETING": "354 mx"}, {"GREETING": CLOSE},
    {"GREETING": "554-5.7.1 a\n554 4.7.1 b"}, {"EHLO": "250-mx\n250-STARTTLS x y\n250 HELP"}, {"EHLO": "250 STARTTLS"}, {"EHLO": "250-mx\n250-starttls=\n250 X"},
    {"EHLO": "250-mx\n250-X-STARTTLS\n250 AUTH PLAIN"}, {"EHLO": "502 5.5.1 no", "HELO": "502 no"}, {"EHLO": "550 5.7.1 no", "HELO": "250 mx"}, {"EHLO": "450 4.7.1 no", "HELO": "450 4.7.1 no"},
    {"EHLO": b"250-mx\n250 STARTTLS\n"}, {"EHLO": "250-relay.example\n250 STARTTLS"}, {"EHLO": "220-mx\n220 STARTTLS"}, {"EHLO": "350-mx\n350 STARTTLS"},
    {"STARTTLS": "502 5.5.1 what"}, {"STARTTLS": "250 go"}, {"STARTTLS": "220-a\n220 go"}, {"STARTTLS": "354 go"}, {"STARTTLS": "454"}, {"STARTTLS": "501 4.1.1 x"},
    {"STARTTLS": Say("220 go", fragment=1)}, {"STARTTLS": Say("454 4.7.0 no", then="close")}, {"STARTTLS": Say("554 5.7.0 no", then="close")}, {"STARTTLS": "999 x"},
    {"TLS EHLO": "502 5.5.1 x", "TLS HELO": "502 5.5.1 x"}, {"TLS EHLO": "554 5.7.1 x", "TLS HELO": "250 mx"}, {"TLS EHLO": "250 relay.example"}, {"TLS EHLO": "450 4.7.1 x"},
)
_WIDE_TLS: tuple[Mapping[str, Any], ...] = (
    *TLS, {"minimum": V10, "maximum": ssl.TLSVersion.TLSv1_1, "ciphers": "ALL:@SECLEVEL=0"}, {"maximum": V12, "ciphers": "AES128-SHA:AES256-GCM-SHA384:@SECLEVEL=0"},
    {"maximum": V12, "ciphers": "ECDHE+CHACHA20:@SECLEVEL=0"}, {"maximum": V12, "ciphers": "DHE:@SECLEVEL=0", "dh_bits": 1024}, {"maximum": V12, "ciphers": "ECDHE+SHA1:@SECLEVEL=0"},
    {"curve": "secp521r1"}, {"curve": "secp384r1", "maximum": V12}, {"curve": "X448"}, {"curve": "secp256k1"}, {"client_certificate": ssl.CERT_REQUIRED, "anchors": (root(),)},
    {"client_certificate": ssl.CERT_REQUIRED, "anchors": (root(),), "maximum": V12}, {"client_certificate": ssl.CERT_OPTIONAL, "anchors": (root(),)},
    {"also": lambda naming: root().leaf(naming.fill("mx.@"), key="rsa2048")}, {"also": lambda naming: stranger().leaf(naming.fill("@"), key="rsa2048"), "maximum": V12},
    {"sni": {"mx.@": lambda naming: root().leaf(naming.fill("mx.@"), naming.fill("@"))}}, {"sni": {"@": lambda naming: root().leaf(naming.fill("@")), "sni.example": lambda _: root().leaf("other.example")}},
    {"sni": {"mx.@": lambda naming: root().leaf(naming.fill("mx.@"))}, "sni_required": True}, {"minimum": V13, "ciphers": "DEFAULT:@SECLEVEL=0"}, {"minimum": V10, "ciphers": "ALL:COMPLEMENTOFALL:@SECLEVEL=0"},
)


@cache
def odd_issuers() -> tuple[Certificate, ...]:
    """CAs beyond those of random_cases.py."""
    rsa = rsa_root().intermediate("Wide RSA CA", key="rsa2048", digest="sha1")
    twice = stranger().intermediate("Wide crossed CA")
    deep = root()
    for number in range(11):
        deep = deep.intermediate(f"Wide CA {number}")
    return (
        *issuers(), rsa, cross_signed(twice, by=root()), deep, root().intermediate("Wide small CA", key="rsa1024"),
        root().intermediate("Wide Edwards CA", key="ed25519"), root().intermediate("Wide CA no more", ca=False), root().intermediate("Wide bare CA", ca=None, key_usage=()),
        root().intermediate("Wide CA no sign", key_usage=("crl_sign",)), root().intermediate("Wide CA both", eku=("server", "client")), root().intermediate("Wide any CA", eku=("any",)),
        root().intermediate("Wide address CA", permitted=("198.18.0.0/15", "example", "test")), root().intermediate("Wide CA of none", excluded=("test", "example")),
        root().intermediate("Wide critical CA", extra=(("1.2.3.4", b"\x05\x00", True),)), root().intermediate("Wide future CA", not_before=FUTURE),
        root().intermediate("Wide CA without ids", key_ids=False), root().intermediate("Wide broken CA", broken_signature=True),
    )


_LEAVES: tuple[dict[str, Any], ...] = (
    {"not_after": PAST}, {"not_before": FUTURE}, {"eku": ("client",)}, {"eku": ()}, {"eku": ("any",)}, {"eku": ("server", "any")}, {"eku": ("email", "code")}, {"ca": True}, {"ca": None},
    {"key": "rsa2048"}, {"key": "rsa1024"}, {"key": "p384"}, {"key": "p521"}, {"key": "ed25519"}, {"key_usage": ()}, {"key_usage": ("key_agreement",)}, {"key_usage": ("crl_sign",)},
    {"broken_signature": True}, {"extra": (("1.2.3.4", b"\x05\x00", True),)}, {"key_ids": False}, {"emails": ("x@y.example",)}, {"ips": ("192.0.2.9",)}, {"ips": ("<mx>",)}, {"san_critical": True},
    {"permitted": ("example",)}, {"path_length": 0, "ca": True, "key_usage": ("digital_signature", "key_cert_sign")}, {"common_name": ("other.example", "mx.@")}, {"common_name": "müller.example"}, {"san_der": b"0\0"},
)


def draw(seed: int, count: int) -> list[Case]:
    """Return *count* cases; the same for the same seed."""
    relays = [_relay(Random(f"wide relay {seed}-{number}")) for number in range(40)]
    return [_case(Random(f"wide {seed}-{number}"), f"w{seed}-{number}", relays) for number in range(count)]


def _relay(dice: Random) -> dict[str, Text]:
    settings = dice.sample(list(RELAY), dice.choice((0, 1, 2, 3, 5)))
    drawn: dict[str, Text] = {name: dice.choice(RELAY[name]) for name in settings}
    if "tls_dane_digests" in drawn:  # of the transport alone: tlsproxy(8) has main.cf's
        drawn.pop("smtp_tls_connection_reuse", None)
    return {**IMPATIENT, "smtp_address_preference": "ipv4", **drawn, **(DNSSEC if dice.random() < 0.65 else {})}


def _case(dice: Random, name: str, relays: Sequence[Mapping[str, Text]]) -> Case:
    level, signed, settings = dice.choice(LEVELS), dice.random() < 0.55, dict(dice.choice(relays))
    hosts: dict[str, Host] = {}
    dns: list[str] = []
    tlsa: list[str] = []
    for number in range(dice.choice((1, 1, 1, 2, 2, 3))):
        _add_host(dice, f"mx{number + 1 if number else ''}", hosts, dns, tlsa, signed=signed)
    _add_oddities(dice, dns)
    own, tweak = (True, _spoiled(dice, signed=signed)) if dice.random() < 0.08 else (False, None)
    policy, files = _policy(dice, level, settings)
    chroot = dice.random() < 0.08
    domain, table = _table(dice, name, signed=signed, policy=policy)
    home = "test" if signed else "example"
    return Case(
        name, f"drawn by lot from the wide field: seed and number are {name}", policy if table is None else None,
        hosts=hosts, dns=tuple(dns), tlsa=tuple(dict.fromkeys(tlsa)), signed=signed, own=own, tweak=tweak, domain=domain, table=table,
        nexthop=dice.choice((f"[mx.<name>.{home}]", f"[mx.<name>.{home}]:25", "@:25", "[<mx>]", "@:smtp")) if dice.random() < 0.15 and not domain else "@",
        main_cf=settings, files=files, chroot=chroot, age=dice.choice((0, 0, 0, 600)), headers=_headers(dice),
    )


def _headers(dice: Random) -> tuple[str, ...]:
    if dice.random() > 0.06:
        return ()
    return dice.choice((("TLS-Required: no",), ("TLS-Required: No",), ("tls-required:no",), ("TLS-Required: yes",), ("TLS-Required:\n no",), ("X-TLS-Required: no",), ("TLS-Required: no x",), ("TLS-Required: yes", "TLS-Required: no")))


def _add_host(dice: Random, label: str, hosts: dict[str, Host], dns: list[str], tlsa: list[str], *, signed: bool) -> None:
    """Add an MX host: here or in the other zone, maybe an alias, maybe of both kinds of address, and its TLSA."""
    here = "test" if signed else "example"
    zone = here if dice.random() < 0.75 else dice.choice(ZONES)
    hosts[label] = _host(dice, version=6 if dice.random() < 0.15 else 4)
    kind = "A" if hosts[label].version == 4 else "AAAA"
    dns.append(f"@ MX {10 * len(hosts)} {label}.<name>.{zone}.")
    places = [f"{zone}: {label}"]
    if dice.random() < 0.25:
        end = dice.choice((zone, zone, *ZONES))
        dns += [f"{zone}: {label} CNAME real-{label}.<name>.{end}.", f"{end}: real-{label} {kind} <{label}>"]
        places.append(f"{end}: real-{label}")
    else:
        dns.append(f"{zone}: {label} {kind} <{label}>")
        if dice.random() < 0.1 and kind == "A":
            hosts[f"{label}six"] = _host(dice, version=6)
            dns.append(f"{zone}: {label} AAAA <{label}six>")
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        _add_tlsa(dice, label, dice.choice(places), dns, tlsa)


def _add_tlsa(dice: Random, label: str, place: str, dns: list[str], tlsa: list[str]) -> None:
    usage, selector, matching = dice.choice((3, 3, 3, 2, 2, 1, 0, 9)), dice.choice((0, 1, 1, 1, 2)), dice.choice((0, 1, 1, 1, 2, 2, 255))
    of = dice.choice(("leaf", "leaf", "leaf", "root", "other"))
    content = f"{label}.{of}" if matching in {0, 1, 2} and selector in {0, 1} else dice.choice(("00" * 32, "00", "ff" * 64))
    zone, _, owner = place.partition(": ")
    has_alias = any(record.startswith(f"{zone}: _25._tcp.{owner} CNAME") for record in dns)
    has_records = any(record.startswith(f"{zone}: {owner} ") for record in tlsa)
    if has_alias or (dice.random() < 0.12 and not has_records):
        if not has_alias:
            dns.append(f"{zone}: _25._tcp.{owner} CNAME _dane-{owner}.<name>.{dice.choice((zone, *ZONES))}.")
        end = next(record for record in dns if record.startswith(f"{zone}: _25._tcp.{owner} CNAME"))
        zone, owner = end.rstrip(".").rpartition(".")[2], f"_dane-{owner}"
    tlsa.append(f"{zone}: {owner} {usage} {selector} {matching} {content}")


def _add_oddities(dice: Random, dns: list[str]) -> None:
    """Add MX records that lead nowhere, or make an alias of the domain itself."""
    if dice.random() < 0.15:
        dns.append(dice.choice(("@ MX 5 nowhere", "@ MX 50 nowhere.invalid.", "@ MX 5 text", "@ MX 50 text", "@ MX 0 .", "@ MX 7 loop", "@ MX 70 dangling", "@ MX 10 localhost.", "@ MX 5 198.51.100.77.")))
        dns += {"text": ["text TXT hello"], "loop": ["loop CNAME pool", "pool CNAME loop"], "dangling": ["dangling CNAME nowhere"]}.get(dns[-1].split()[-1], [])
    if dice.random() < 0.08:
        records = [record.replace("@ MX", "far MX", 1) for record in dns]
        dns[:] = [*records, *dice.choice((["@ CNAME far"], ["@ CNAME near", "near CNAME far"]))]


def _spoiled(dice: Random, *, signed: bool) -> Any:
    owner = dice.choice(("@ MX", "@ MX", "_none TXT"))

    def tweak(zone: Zone) -> None:
        zone.spoil(owner)

    return tweak if signed else None


def _host(dice: Random, *, version: int) -> Host:
    script, lot = Script(), dice.random()
    if lot < 0.07:
        script = Script(starttls_offered=False)
    elif lot < 0.14:
        script = Script(handshake=dice.choice(("alert", "close", "garbage", "reset", "plaintext")))
    elif lot < 0.27:
        script = Script(replies=dice.choice(_WIDE_REPLIES))
    elif lot < 0.32:
        step = dice.choice(("GREETING", "EHLO", "TLS EHLO"))
        script = Script(replies={step: babble(dice, step)})
    return Host(leaf=_leaf(dice), script=script, tls=dice.choice(_WIDE_TLS) if dice.random() < 0.5 else {}, version=version, listens=dice.random() > 0.05)


def _leaf(dice: Random) -> Maker:
    names = tuple(dice.sample(NAMES, dice.choice((1, 1, 2, 3)))) if dice.random() < 0.9 else ()
    odd: dict[str, Any] = {} if names and dice.random() > 0.2 else {"common_name": dice.choice([name for name in NAMES if isinstance(name, str)])}
    for _ in range(dice.choice((0, 0, 1, 2))):
        odd |= dice.choice(_LEAVES)
    issuer = dice.randrange(len(odd_issuers()) + 3) if dice.random() < 0.7 else 0

    def filled(naming: Naming, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(filled(naming, one) for one in value)
        return naming.fill(value) if isinstance(value, str) else value

    def make(naming: Naming) -> Certificate:
        named = {key: filled(naming, value) if key in {"common_name", "ips"} else value for key, value in odd.items()}
        wanted = filled(naming, names)
        if issuer >= len(odd_issuers()):
            return alone(*wanted, **named)(naming)
        by = odd_issuers()[issuer]
        is_rsa = by is rsa_root() and "not_before" not in odd
        named.pop("key", None) if by is rsa_root() and named.get("key") == "ed25519" else None
        return by.leaf(*wanted, **{**named, **({"digest": "sha1"} if is_rsa else {})})

    return make


def _policy(dice: Random, level: str, settings: Mapping[str, Text]) -> tuple[Text | None, dict[str, Text]]:
    files: dict[str, Text] = {"ta.pem": dice.choice(_ANCHORS)}
    if dice.random() < 0.08:
        return None, files
    words = [dice.choice((level,) * 30 + (level.upper(), "half-dane", "strict", f"{level}:"))]
    if level in {"verify", "secure"}:
        words += [f"match={_joined(dice, (':', ':', '|', '::'), MATCHES)}" for _ in range(dice.choice((0, 1, 1, 2)))]
        if dice.random() < 0.25:
            words += dice.choice((["tafile=<file:ta.pem>"], ["tafile=<file:tb.pem>", "tafile=<file:ta.pem>"], ["tafile=<name>.pem"], ["tafile=/<name>.pem"]))
            files |= {"tb.pem": dice.choice(_ANCHORS)} | ({f"{QUEUE}<name>.pem": dice.choice(_ANCHORS)} if "<name>" in words[-1] else {})
    if level == "fingerprint":
        words += [f"match={_joined(dice, ('|', '|', '||', ':'), _PINS)}" for _ in range(dice.choice((1, 1, 1, 2, 0)))]
    if dice.random() < 0.4:
        pools = ((PROTOCOLS, "protocols="), (EXCLUDES, "exclude="), (SERVERNAMES, "servername="), (OTHERS, ""), (OTHERS, ""))
        for pool, attribute in dice.sample(pools, dice.choice((1, 1, 2))):
            words.append(attribute + dice.choice(pool))
    if "tls_dane_digests" in settings:
        words = [word for word in words if not word.startswith("connection_reuse=y")]
    if dice.random() < 0.04:
        words.append(dice.choice(("match=hostname", "protocols=TLSv1.2", words[-1])))
    return dice.choice((" ",) * 8 + (", ", "\t")).join(words), files


def _joined(dice: Random, joints: Sequence[str], words: Sequence[str]) -> str:
    return dice.choice(joints).join(dice.sample(words, dice.choice((1, 1, 2, 3))))


def _table(dice: Random, name: str, *, signed: bool, policy: Text | None) -> tuple[str, tuple[tuple[str, Text], ...] | None]:
    """Draw a domain with parents, and a table that holds some of them; none in most cases."""
    if dice.random() > 0.12 or policy is None:
        return "", None
    top = f"{name}.{'test' if signed else 'example'}"
    keys = ["@", f".b.{top}", f".{top}", f"b.{top}", top, f"*.{top}", f"A.b.{top}", ".@"]
    rows: list[tuple[str, Text]] = [(key, dice.choice((policy, "none", "encrypt", "secure match="))) for key in dice.sample(keys, dice.choice((1, 2, 3)))]
    return f"a.b.{top}", tuple(rows)


def _pem(naming: Naming, of: str) -> str:
    leaf = naming.leaf
    found = {"anchor": leaf.anchor, "issuer": leaf.issuer or leaf, "leaf": leaf}
    return found[of].pem


_PINS = ("<pin>", "<pkey>", "<pin.sha1>", "<pkey.sha1>", "<pin.sha512>", "AA:BB", "xyz", "11" * 32, "SHA256:<pin>", "<pin>:", "00" * 20)
_ANCHORS: tuple[Text, ...] = (
    lambda naming: _pem(naming, "anchor"), lambda naming: _pem(naming, "issuer"), lambda naming: _pem(naming, "leaf"), lambda naming: naming.leaf.anchor.spki_pem,
    lambda naming: (naming.leaf.issuer or naming.leaf).spki_pem, lambda naming: naming.leaf.spki_pem, lambda _: stranger().pem, "no certificate here\n", "",
    lambda naming: f"text before\n{_pem(naming, 'anchor')}text behind\n{stranger().pem}", lambda naming: naming.leaf.key_pem, lambda naming: _pem(naming, "anchor").replace("\n", "\r\n"),
    lambda naming: _pem(naming, "issuer").replace("CERTIFICATE", "X509 CERTIFICATE"), lambda naming: _pem(naming, "issuer").replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
    lambda naming: _pem(naming, "anchor") + "-----BEGIN CERTIFICATE-----\nAAAA\n", lambda naming: _pem(naming, "anchor") + stranger().spki_pem,
)
