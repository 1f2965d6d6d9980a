"""Cases that nobody thought of: entry, peer, DNS and relay drawn at random, each seed the same cases.

What Postfix itself draws by lot is left out: hosts have distinct preferences and one address each.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
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
NAMES = ("@", "mx.@", "*.@", "mx2.@", "other.example", "sub.mx.@", "MX.@", "*.mx.@", "x*.@")
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
MAIN_CF: tuple[Mapping[str, Text], ...] = (
    {}, {}, DNSSEC, DNSSEC, {**DNSSEC, "smtp_tls_dane_insecure_mx_policy": "dane"},
    {**DNSSEC, "smtp_tls_dane_insecure_mx_policy": "encrypt"}, {"smtp_tls_CAfile": ""},
    {**DNSSEC, "smtp_tls_security_level": "dane"}, {"smtp_tls_security_level": "secure"},
    {"smtp_tls_scert_verifydepth": "1"}, {"smtp_tls_mandatory_protocols": ">=TLSv1.3"},
    {"smtp_mx_address_limit": "1"}, {"smtp_tls_verify_cert_match": "nexthop", "smtp_tls_secure_cert_match": "hostname"},
    {"smtp_tls_fingerprint_digest": "sha1"}, {"minimal_backoff_time": "2000s"},
)  # fmt: skip
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
    return [_case(Random(f"{seed}-{number}"), f"r{seed}-{number}") for number in range(count)]


def _case(dice: Random, name: str) -> Case:
    level = dice.choice(LEVELS)
    signed = level.startswith("dane") or dice.random() < 0.2
    labels = ("mx", "mx2", "mx3")[: dice.choice((1, 1, 1, 2, 2, 3))]
    hosts = {label: _host(dice) for label in labels}
    settings = dice.choice(MAIN_CF)
    policy, files = _policy(dice, level)
    direct = dice.random() < 0.15
    return Case(
        name,
        f"drawn by lot: seed and number are {name}",
        policy,
        hosts=hosts,
        dns=tuple(f"@ MX {10 * at} {label}" for at, label in enumerate(labels)),
        tlsa=_tlsa(dice, labels) if signed else (),
        signed=signed,
        nexthop=dice.choice(("[mx.@]", "[mx.@]:25", "@:25", "[mx.@]:smtp")) if direct else "@",
        main_cf=settings,
        files=files,
        age=dice.choice((0, 0, 0, 600)),
        headers=("TLS-Required: no",) if dice.random() < 0.05 else (),
    )


def _host(dice: Random) -> Host:
    script = Script()
    lot = dice.random()
    if lot < 0.07:
        script = Script(starttls_offered=False)
    elif lot < 0.15:
        script = Script(handshake=dice.choice(("alert", "close", "garbage", "reset")))
    elif lot < 0.3:
        script = Script(replies=dice.choice(REPLIES))
    version = 6 if dice.random() < 0.2 else 4
    return Host(leaf=_leaf(dice), script=script, tls=dice.choice(TLS), version=version, listens=dice.random() > 0.06)


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
    if dice.random() < 0.3:
        words += dice.sample(ATTRIBUTES, dice.choice((1, 1, 2)))
    if dice.random() < 0.03:
        words.append("match=hostname")
    return " ".join(str(word) for word in words), files


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
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            usage, selector = dice.choice((3, 3, 3, 2, 2, 1, 0, 9)), dice.choice((0, 1, 1, 1, 2))
            matching = dice.choice((0, 1, 1, 1, 2, 2, 255))
            of = dice.choice(("leaf", "leaf", "leaf", "root", "other"))
            content = f"{label}.{of}" if matching in {0, 1, 2} and selector in {0, 1} else "00" * 32
            records.append(f"{label} {usage} {selector} {matching} {content}")
    return tuple(dict.fromkeys(records))
