"""What the client side of a handshake offers: lists of protocols, cipher grades and exclusions as Postfix reads them.

A list that Postfix cannot use is noticed at the handshake alone, which then fails. In a list of versions the highest
is a number: 0x0303 is TLS 1.2.
Source: tls_proto_mask_lims(), tls_set_ciphers() in src/tls/tls_misc.c; ssl_set_version_bound() in OpenSSL.
"""

import re

from partners.core.relay import PostfixRelease

__all__ = [
    "GRADES",
    "PROTOCOLS",
    "Unusable",
    "allowed_versions",
    "canonical_versions",
    "exclusions",
    "grade_rank",
    "listed_versions",
]

PROTOCOLS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
GRADES = ("export", "low", "medium", "high")  # "null" leaves no ciphers but those of TLS 1.3, if any

_BOUNDS_SINCE = PostfixRelease(3, 6)  # ">=TLSv1.2"
_SPLIT = re.compile(r"[:,\s]+")
_RANK = {name.lower(): rank for rank, name in enumerate(PROTOCOLS)}
_NUMBERS = {0x300: 1, 0x301: 2, 0x302: 3, 0x303: 4, 0x304: 5}
_HEX = re.compile(r"(?:0x)?([0-9a-f]+)", re.ASCII)
_TLS = range(2, len(PROTOCOLS))  # what OpenSSL 3 still speaks
_UNARY = ("!", "+", "-", "@")
_RANKS = {"export": 0, "low": 0, "medium": 0, "high": 1}  # the first three are one list since OpenSSL 1.1


class Unusable(ValueError):
    """A list at which the handshake fails; the message says why."""


def listed_versions(text: str, release: PostfixRelease) -> frozenset[str]:
    """Return the versions that a list of protocols leaves, SSLv3 among them though OpenSSL 3 does not speak it.

    Shape: names to allow (the rest is excluded), "!name" to exclude, from release 3.6 on ">=" and "<=" with a name or a
    hexadecimal number, 0 or nothing for no bound. A number that OpenSSL does not know sets no bound.
    Errors: Unusable for a word that Postfix does not know.
    """
    named: set[int] = set()
    excluded: set[int] = set()
    low, high = 0, len(PROTOCOLS)
    for word in filter(None, _SPLIT.split(text.lower())):
        if word.startswith((">=", "<=")) and release >= _BOUNDS_SINCE:
            bound = _bound(word[2:])
            if bound is not None and word.startswith(">="):
                low = bound
            elif bound is not None:
                high = bound
            continue
        bare = word.removeprefix("!")
        if bare not in _RANK:
            raise Unusable(f"{word} is no protocol")
        (excluded if word.startswith("!") else named).add(_RANK[bare])
    named.discard(0)  # SSLv2 is no bit of its own any more
    ranks = (rank for rank in range(1, len(PROTOCOLS)) if low <= rank <= high and rank not in excluded)
    return frozenset(PROTOCOLS[rank] for rank in ranks if not named or rank in named)


def allowed_versions(text: str, release: PostfixRelease) -> frozenset[str]:
    """Return the versions of TLS that a list of protocols leaves. Errors: Unusable, also where none is left."""
    allowed = listed_versions(text, release) - {"SSLv3"}
    if not allowed:
        raise Unusable(f"protocols {text} leave no version of TLS")
    return allowed


def canonical_versions(allowed: frozenset[str]) -> str:
    """Return a list of protocols that allows just *allowed*; "" where that is all."""
    names = [PROTOCOLS[rank] for rank in _TLS]
    kept = [name for name in names if name in allowed]
    if kept == names:
        return ""
    return f">={kept[0]}" if kept == names[-len(kept) :] else ":".join(kept)


def grade_rank(grade: str) -> int:
    """Return how demanding a grade is; those of equal rank are one list of ciphers. Errors: Unusable."""
    try:
        return _RANKS[grade.lower()]
    except KeyError:
        raise Unusable(f"{grade} is no cipher grade that can be used") from None


def exclusions(text: str) -> tuple[str, ...]:
    """Return the ciphers that *text* excludes. Errors: Unusable."""
    words = tuple(word for word in _SPLIT.split(text) if word)
    if odd := next((word for word in words if word.startswith(_UNARY)), None):
        raise Unusable(f"exclude {odd} begins with a sign")
    return words


def _bound(word: str) -> int | None:
    """Return the rank of the version after ">=" or "<=", None for no bound."""
    if word in _RANK and word != "sslv2":
        return _RANK[word]
    found = _HEX.fullmatch(word)
    if word and found is None:
        raise Unusable(f"{word} is no version")
    return _NUMBERS.get(int(found[1], 16)) if found else None
