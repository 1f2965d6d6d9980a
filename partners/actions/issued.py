"""Secrets that the portal issues: random, shown once, kept as SHA-256 alone, compared in constant time."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

__all__ = ["RELAY", "VANTAGE", "Issued", "TokenKind", "fits", "hash_of"]

_NO_HASH: Final = "0" * 64  # compared with where no row has that prefix, so that both answers take the same steps


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token: its text, which exists in memory alone, and what the row keeps of it."""

    text: str
    prefix: str
    sha256: str


@dataclass(frozen=True, slots=True)
class TokenKind:
    """Tokens of the form `mark_prefix_secret`: the mark tells people and scanners what was leaked, the prefix a row."""

    mark: str

    def issue(self) -> Issued:
        """Return a new one."""
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        return Issued(f"{self.mark}_{prefix}_{secret}", prefix, hash_of(secret))

    def parts(self, text: str) -> tuple[str, str]:
        """Return prefix and secret of *text*, both empty where it is no token of this kind."""
        found = re.fullmatch(rf"{self.mark}_([0-9a-f]{{12}})_([A-Za-z0-9_-]{{43}})", text, re.ASCII)
        return (found[1], found[2]) if found else ("", "")


RELAY: Final = TokenKind("tlsp")
VANTAGE: Final = TokenKind("tlsv")


def hash_of(secret: str) -> str:
    """Return what is kept of *secret*: it is random, so that no salt is needed; any text has a hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def fits(secret: str, sha256: str | None) -> bool:
    """Whether *secret* has the hash *sha256* of a row, in the same time whatever it is; None: there is no row."""
    return hmac.compare_digest(hash_of(secret), sha256 or _NO_HASH) and sha256 is not None
