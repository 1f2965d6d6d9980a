"""Cases that nobody thought of: entry, peer, DNS and relay drawn at random, each seed the same cases.

What Postfix itself draws by lot is left out: hosts have distinct preferences, and addresses of one kind each.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from tests.kit.ca import Certificate
from tests.kit.script import CLOSE, CLOSING_421, Reply, Script
from tests.oracle.case import FUTURE, PAST, Case, Host, Maker, Naming, Text, alone, root, rsa_root, stranger

LEVELS = (
    "none",
    "may",
    "may",
    "encrypt",
    "verify",
    "verify",
    "secure",
    "secure",
    "fingerprint",
    "dane",
    "dane",
    "dane-only",
)
MATCHES = ("nexthop", "dot-nexthop", "hostname", "@", ".@", "mx.@", "other.example", ".example", "*.@", "sub.mx.@", ".")
NAMES = ("@", "mx.@", "*.@", "mx2.@", "other.example", "sub.mx.@", "MX.@", "*.mx.@", "x*.@", "real.@")
ATTRIBUTES = (
    "protocols=TLSv1.2", "protocols=>=TLSv1.3", "protocols=!TLSv1.3", "protocols=TLSv9", "ciphers=high", "ciphers=odd",
    "exclude=aNULL", "exclude=aECDSA", "exclude=SHA1:AES128", "servername=hostname", "servername=sni.example",
    "servername=nexthop", "connection_reuse=yes", "enable_rpk=no", "ciphers=", "colour=blue",
)  # fmt: skip
REPLIES: tuple[Mapping[str, Reply], ...] = (
    {"GREETING": CLOSING_421}, {"GREETING": "554 5.7.1 No"}, {"GREETING": "220"}, {"GREETING": "999 odd"},
    {"EHLO": "500 5.5.1 What?"}, {"EHLO": CLOSING_421}, {"EHLO": "250-mx\n250 STARTTLSX"}, {"EHLO": CLOSE},
    {"STARTTLS": "454 4.7.0 Later"}, {"STARTTLS": "554 5.7.0 Never"}, {"STARTTLS": CLOSE}, {"STARTTLS": CLOSING_421},
    {"TLS EHLO": CLOSE}, {"TLS EHLO": CLOSING_421}, {"TLS EHLO": "500 What?"},
)  # fmt: skip
DNSSEC = {"smtp_dns_support_level": "dnssec"}
IMPATIENT = {"smtp_helo_timeout": "5s", "smtp_starttls_timeout": "5s"}
INSECURE_MX = "smtp_tls_dane_insecure_mx_policy"
# What a relay may have set, one value of each; a relay is a draw of some of them.
MAIN_CF: Mapping[str, Sequence[Text]] = {
    "smtp_tls_CAfile": ("", "<file:nothing.pem>"),
    "smtp_tls_security_level": ("dane", "secure", "encrypt", "none", "fingerprint", "dane-only", "verify"),
    INSECURE_MX: ("dane", "encrypt", "may"),
    "smtp_tls_scert_verifydepth": ("0", "1", "2"),
    "smtp_tls_mandatory_protocols": (">=TLSv1.3", "!TLSv1.3", "TLSv1.2"),
    "smtp_tls_protocols": (">=TLSv1.2", "!TLSv1.3"),
    "smtp_tls_exclude_ciphers": ("aNULL", "SHA1, AES128"),
    "smtp_tls_mandatory_exclude_ciphers": ("aECDSA",),
    "smtp_tls_mandatory_ciphers": ("high",),
    "smtp_mx_address_limit": ("1", "2", "0"),
    "smtp_mx_session_limit": ("1",),
    "smtp_tls_verify_cert_match": ("nexthop", "hostname, dot-nexthop", ".example"),
    "smtp_tls_secure_cert_match": ("hostname", "nexthop:hostname"),
    "smtp_tls_fingerprint_digest": ("sha1", "md5", "sha512"),
    "smtp_tls_servername": ("hostname", "nexthop", "sni.example"),
    "minimal_backoff_time": ("2000s", "10s"),
    "compatibility_level": ("2", "3.5"),
    "inet_protocols": ("ipv4",),
    "smtp_skip_5xx_greeting": ("no",),
    "smtp_cname_overrides_servername": ("yes",),
    "smtp_discard_ehlo_keywords": ("starttls", "size"),
    "smtp_tls_trust_anchor_file": ("<file:ta.pem>",),
    "tls_dane_digests": ("sha256", "sha256 sha512"),
    "tls_required_enable": ("no",),
    "smtp_tls_connection_reuse": ("yes",),
    "smtp_tls_enable_rpk": ("yes",),
}
RELAYS = 30  # each is an smtp(8) transport
V10, V12, V13 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
TLS: tuple[Mapping[str, Any], ...] = (
    {}, {}, {}, {"maximum": V12}, {"minimum": V13}, {"minimum": V10, "maximum": V10, "ciphers": "ALL:@SECLEVEL=0"},
    {"maximum": V12, "ciphers": "ECDHE+AES128:@SECLEVEL=0"}, {"maximum": V12, "ciphers": "aNULL:DEFAULT:@SECLEVEL=0"},
    {"chain": lambda leaf: (leaf,)}, {"chain": lambda leaf: (*leaf.chain, leaf.anchor)},
    {"chain": lambda leaf: (leaf, *reversed(leaf.chain[1:]), stranger())},
)  # fmt: skip


@cache
def issuers() -> tuple[Certificate, ...]:
    """The CAs below which leaves are drawn; good ones more often."""
    good = root().intermediate("Random CA")
    odd = (
        root().intermediate("Random expired CA", not_after=PAST),
        root().intermediate("Random client CA", eku=("client",)),
        root().intermediate("Random short CA", path_length=0).intermediate("Random CA too far"),
        root().intermediate("Random constrained CA", excluded=("example",)),
        root().intermediate("Random CA of few", permitted=("example",)),
        stranger(),
        stranger().intermediate("Random strange CA"),
        rsa_root(),
    )
    return (root(), root(), good, good, good.intermediate("Random CA below"), *odd)


def draw(seed: int, count: int) -> list[Case]:
    """Return *count* cases; the same for the same seed."""
    relays = [_relay(Random(f"relay {seed}-{number}")) for number in range(RELAYS)]
    return [_case(Random(f"{seed}-{number}"), f"r{seed}-{number}", relays) for number in range(count)]


def _relay(dice: Random) -> dict[str, Text]:
    """Draw up to four settings; most relays believe in DNSSEC."""
    settings = dice.sample(list(MAIN_CF), dice.choice((0, 1, 1, 2, 3, 4)))
    drawn = {name: dice.choice(MAIN_CF[name]) for name in settings}
    return {**IMPATIENT, **drawn, **(DNSSEC if dice.random() < 0.6 else {})}


def _case(dice: Random, name: str, relays: Sequence[Mapping[str, Text]]) -> Case:
    level = dice.choice(LEVELS)
    signed = level.startswith("dane") or dice.random() < 0.2
    labels = ("mx", "mx2", "mx3")[: dice.choice((1, 1, 1, 2, 2, 3))]
    hosts = {label: _host(dice) for label in labels}
    settings, dns = dice.choice(relays), _dns(dice, hosts)
    if len(labels) == 1 and dice.random() < 0.3:
        settings, dns = _shape_of_one(dice, hosts, settings)
    policy, files = _policy(dice, level)
    files.setdefault("ta.pem", dice.choice(_ANCHORS))
    direct = dice.random() < 0.15
    return Case(
        name,
        f"drawn by lot: seed and number are {name}",
        policy,
        hosts=hosts,
        dns=dns,
        tlsa=_tlsa(dice, labels) if signed else (),
        signed=signed,
        nexthop=dice.choice(("[mx.@]", "[mx.@]:25", "@:25", "[mx.@]:smtp")) if direct else "@",
        main_cf=settings,
        files=files,
        age=dice.choice((0, 0, 0, 600)),
        headers=("TLS-Required: no",) if dice.random() < 0.05 else (),
    )


def _dns(dice: Random, hosts: Mapping[str, Host]) -> tuple[str, ...]:
    """Draw the shape of the DNS: mostly MX records, each of another preference."""
    labels = tuple(hosts)
    records = tuple(f"@ MX {10 * at} {label}" for at, label in enumerate(labels))
    lot = dice.random()
    if lot < 0.05:
        kind = "A" if hosts["mx"].version == 4 else "AAAA"
        return (f"@ {kind} <mx>", f"mx {kind} <mx>") if len(labels) == 1 else records
    if lot < 0.12:
        return ("@ CNAME real", *(record.replace("@", "real") for record in records))
    if lot < 0.2:
        return ("@ MX 5 nowhere", *records)
    if lot < 0.22:
        return ("@ MX 0 .", *records)
    return records


def _shape_of_one(
    dice: Random, hosts: dict[str, Host], settings: Mapping[str, Text]
) -> tuple[Mapping[str, Text], tuple[str, ...]]:
    """Draw one MX host that is an alias, or has an address of both kinds, which are tried in an order that is set."""
    kind, other = ("A", "AAAA") if hosts["mx"].version == 4 else ("AAAA", "A")
    if dice.random() < 0.5:
        return settings, ("@ MX 10 mx", "mx CNAME real", f"real {kind} <mx>")
    hosts["second"] = replace(_host(dice), version=6 if hosts["mx"].version == 4 else 4)
    preference = {"smtp_address_preference": dice.choice(("ipv4", "ipv6"))}
    return {**settings, **preference}, ("@ MX 10 mx", f"mx {kind} <mx>", f"mx {other} <second>")


def _host(dice: Random) -> Host:
    script = Script()
    lot = dice.random()
    if lot < 0.07:
        script = Script(starttls_offered=False)
    elif lot < 0.15:
        script = Script(handshake=dice.choice(("alert", "close", "garbage", "reset")))
    elif lot < 0.3:
        script = Script(replies=dice.choice(REPLIES))
    elif lot < 0.4:
        step = dice.choice(("GREETING", "EHLO", "EHLO", "STARTTLS", "TLS EHLO"))
        script = Script(replies={step: babble(dice, step)})
    version = 6 if dice.random() < 0.2 else 4
    return Host(leaf=_leaf(dice), script=script, tls=dice.choice(TLS), version=version, listens=dice.random() > 0.06)


def babble(dice: Random, step: str) -> bytes:
    """Draw a reply of up to four lines, each right or wrong in code, separator, text and end."""
    good = b"220" if step in {"GREETING", "STARTTLS"} else b"250"
    count = dice.choice((1, 2, 2, 3, 4))
    lines = []
    for number in range(count):
        code = dice.choice((good,) * 12 + (b"250", b"220", b"354", b"421", b"454", b"554", b"999", b"25", b"", b" "))
        between = b" " if number == count - 1 else b"-"
        if number == count - 1:  # an end before that answers the next command as well, which is another story
            between = dice.choice((between,) * 12 + (b"", b"\t", b"-"))
        text = b" ".join(dice.choice(_BABBLE) for _ in range(dice.choice((0, 1, 1, 2, 3))))
        lines.append(code + between + text + dice.choice((b"\r\n",) * 15 + (b"\n", b"\r\r\n", b" \r\n", b"\0\r\n")))
    return b"".join(lines)


_BABBLE = (
    b"mx", b"mx.example.com", b"ESMTP", b"STARTTLS", b"STARTTLS", b"STARTTLS", b"starttls", b"SIZE 1000", b"relay.example",
    b"4.7.0", b"5.7.1", b"2.0.0", b"****", b"x" * 600, b"\xff\xfe", b"a\0b", b"=", b"AUTH=LOGIN", b"PIPELINING", b"-", b"",
)  # fmt: skip


def _leaf(dice: Random) -> Maker:
    names = tuple(dice.sample(NAMES, dice.choice((1, 1, 2, 3)))) if dice.random() > 0.1 else ()
    odd: dict[str, Any] = {}
    if not names or dice.random() < 0.2:
        odd["common_name"] = dice.choice(NAMES)
    lot = dice.random()
    if lot < 0.35:
        choices: Sequence[dict[str, Any]] = (
            {"not_after": PAST}, {"not_before": FUTURE}, {"eku": ("client",)}, {"eku": ()}, {"eku": ("any",)},
            {"ca": True}, {"key": "rsa2048"}, {"key": "rsa1024"}, {"key": "p384"}, {"key_usage": ()},
        )  # fmt: skip
        odd |= dice.choice(choices)
    issuer = dice.randrange(len(issuers()) + 2)
    if issuer >= len(issuers()):
        return alone(*names, **odd)

    def make(naming: Naming) -> Certificate:
        by = issuers()[issuer]
        weak = {"digest": "sha1"} if by is rsa_root() else {}
        named = {**odd, "common_name": naming.fill(odd["common_name"])} if "common_name" in odd else odd
        return by.leaf(*(naming.fill(name) for name in names), **named, **weak)

    return make


def _policy(dice: Random, level: str) -> tuple[Text | None, dict[str, Text]]:
    if dice.random() < 0.08:
        return None, {}
    files: dict[str, Text] = {}
    words: list[Text] = [level]
    if level in {"verify", "secure"} and dice.random() < 0.6:
        words.append(f"match={':'.join(dice.sample(MATCHES, dice.choice((1, 1, 2, 3))))}")
    if level in {"verify", "secure"} and dice.random() < 0.25:
        words.append("tafile=<file:ta.pem>")
        files["ta.pem"] = dice.choice(_ANCHORS)
    if level == "fingerprint":
        pins = dice.sample(("<pin>", "<pkey>", "<pin.sha1>", "AA:BB", "xyz", "11" * 32), dice.choice((1, 2, 3)))
        words.append(f"match={'|'.join(pins)}")
    if dice.random() < 0.35:
        words += dice.sample(ATTRIBUTES, dice.choice((1, 1, 2)))
    if dice.random() < 0.03:
        words.append("match=hostname")
    if dice.random() < 0.1:
        dice.shuffle(words)
    return _joined(dice, [str(word) for word in words]), files


def _joined(dice: Random, words: Sequence[str]) -> str:
    """Write *words* as a careless hand does."""
    text = words[0]
    for word in words[1:]:
        text += dice.choice((" ",) * 9 + (", ", "\t", "  ", ",,")) + (
            word.upper() if dice.random() < 0.03 and "<" not in word else word
        )
    return text + dice.choice(("",) * 15 + (" ", ",", " x", " =", ";"))


def _its(find: Callable[[Certificate], Certificate | None], *, key: bool = False) -> Callable[[Naming], str]:
    def text(naming: Naming) -> str:
        found = find(naming.leaf) or naming.leaf
        return found.spki_pem if key else found.pem

    return text


_ANCHORS: tuple[Text, ...] = (
    _its(lambda leaf: leaf.anchor),
    _its(lambda leaf: leaf.issuer),
    _its(lambda leaf: leaf),
    _its(lambda leaf: leaf.anchor, key=True),
    _its(lambda leaf: leaf.issuer, key=True),
    _its(lambda leaf: leaf, key=True),
    _its(lambda _leaf: stranger()),
    "no certificate here\n",
)


def _tlsa(dice: Random, labels: Sequence[str]) -> tuple[str, ...]:
    records = []
    for label in labels:
        owner = dice.choice((label, label, label, "real"))
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            usage, selector = dice.choice((3, 3, 3, 2, 2, 1, 0, 9)), dice.choice((0, 1, 1, 1, 2))
            matching = dice.choice((0, 1, 1, 1, 2, 2, 255))
            of = dice.choice(("leaf", "leaf", "leaf", "root", "other"))
            content = f"{label}.{of}" if matching in {0, 1, 2} and selector in {0, 1} else "00" * 32
            records.append(f"{owner} {usage} {selector} {matching} {content}")
    return tuple(dict.fromkeys(records))
