"""Numbers of rows as a partner's person may see them: codes that tell nothing of how many rows there are.

A row's number counts the rows of all partners that came before it, and what a partner sees never tells of another.
Addresses of the partner's pages hold a keyed permutation of it instead; reverse() and {% url %} take the number.
"""

import re
from typing import Final

from django.utils.crypto import salted_hmac

__all__ = ["OwnConverter", "code_of", "number_of"]

_HALF_BITS: Final = 32
_HALF: Final = 2**_HALF_BITS - 1
_ROUNDS: Final = 8  # a Feistel network over 64 bits is a bijection whatever its rounds compute
_SHAPE: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)


def code_of(number: int) -> str:
    """Return the code of *number*: 16 digits that hang on the portal's secret key."""
    left, right = number >> _HALF_BITS, number & _HALF
    if not 0 <= left <= _HALF:
        raise ValueError(f"number {number}: no row has it")
    for step in range(_ROUNDS):
        left, right = right, left ^ _mixed(right, step)
    return f"{left:08x}{right:08x}"


def number_of(code: str) -> int | None:
    """Return the number behind *code*, None for a text that is no code."""
    if not _SHAPE.fullmatch(code):
        return None
    left, right = int(code[:8], 16), int(code[8:], 16)
    for step in reversed(range(_ROUNDS)):
        left, right = right ^ _mixed(left, step), left
    return left << _HALF_BITS | right


class OwnConverter:
    """The part <own:pk> of an address."""

    regex = _SHAPE.pattern

    def to_python(self, text: str) -> int:
        """Return the number; ValueError, which is "no such page", where there is none."""
        number = number_of(text)
        if number is None:
            raise ValueError(text)
        return number

    def to_url(self, number: int) -> str:
        """Return the code."""
        return code_of(int(number))


def _mixed(half: int, step: int) -> int:
    """Return 32 bits that only the holder of the secret key can compute."""
    digest = salted_hmac(f"partners.web.codes.{step}", half.to_bytes(4), algorithm="sha256").digest()
    return int.from_bytes(digest[:4])
