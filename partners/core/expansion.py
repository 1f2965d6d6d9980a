"""$name in values of main.cf, expanded as mac_expand() does it.

Shape: $name ${name} $(name) ${name?text} ${name?{text}} ${name:text} ${name:{text}} ${name?{text}:{text}}
${{left} op {right}?{text}:{text}} with op among == != < <= >= > and their forms "<level" …; "$$" is one "$".
Source: src/global/mail_conf.c, src/util/mac_expand.c, src/util/mac_parse.c.
"""

import re
from collections.abc import Callable
from typing import Any

from partners.core.errors import SettingsRefused
from partners.core.names import shown

__all__ = ["Lookup", "expand", "level_of"]

DEPTH_MAX = 20
LENGTH_MAX = 200_000

Lookup = Callable[[str], str]

_NAME = re.compile(r"[A-Za-z0-9_]+")
_LOGICAL = re.compile(r"[A-Za-z0-9_.]+")
_OPERATOR = re.compile(r"\s*(==|!=|<=|>=|<|>)(level)?\s*")
_BLANKS = " \t\r\n"
_CLOSING = {"{": "}", "(": ")"}


def expand(text: str, value_of: Lookup) -> str:
    """Return *text* with each $name replaced by what *value_of* knows of it, expanded in turn.

    Errors: SettingsRefused for what Postfix ends with a fatal error: broken braces, or a value that holds itself.
    """
    return _Expansion(value_of).expand(text, 0)


def level_of(text: str) -> tuple[int, ...]:
    """Return a compatibility level, "3.6" or "2", as numbers that compare. Errors: ValueError."""
    parts = tuple(int(part) for part in text.strip().split("."))
    return (*parts, 0, 0, 0)[:3]


class _Expansion:
    """One value; what all of its parts yield counts towards LENGTH_MAX."""

    def __init__(self, value_of: Lookup) -> None:
        self._value_of = value_of
        self._length = 0

    def expand(self, text: str, depth: int) -> str:
        if "$" not in text:
            return text
        if depth > DEPTH_MAX:
            raise SettingsRefused(shown(text), "its $names lead round in a circle, or too deep")
        found: list[str] = []
        place = 0
        while (sign := text.find("$", place)) >= 0:
            found.append(text[place:sign])
            part, place = self._variable(text, sign, depth)
            found.append(part)
            self._length += len(part)
            if self._length > LENGTH_MAX:
                raise SettingsRefused(shown(text), f"its value is longer than {LENGTH_MAX} characters")
        return "".join((*found, text[place:]))

    def _variable(self, text: str, sign: int, depth: int) -> tuple[str, int]:
        """Return what stands for the variable at *sign*, and the place after it."""
        after = text[sign + 1 : sign + 2]
        if after == "$":
            return "$", sign + 2
        if after in _CLOSING:
            end = _end_of(text, sign + 1)
            return self._braced(text[sign + 2 : end], depth), end + 1
        if name := _NAME.match(text, sign + 1):
            return self.expand(self._value_of(name[0]), depth + 1), name.end()
        raise SettingsRefused(shown(text), "a '$' without a name", "write $$ for a dollar sign")

    def _braced(self, body: str, depth: int) -> str:
        stripped = body.lstrip(_BLANKS)
        if stripped.startswith("{"):
            holds, rest = self._comparison(stripped, depth)
            return self._branch(rest, depth, chosen=holds, otherwise="")
        name = _LOGICAL.match(stripped)
        if name is None:
            raise SettingsRefused(f"${{{shown(body)}}}", "it names no parameter")
        value = self._value_of(name[0])
        rest = stripped[name.end() :].lstrip(_BLANKS)
        if not rest:
            return self.expand(value, depth + 1)
        if rest[0] not in "?:":
            raise SettingsRefused(f"${{{shown(body)}}}", "after the name stands neither '?' nor ':'")
        is_set = bool(self.expand(value, depth + 1))
        return self._branch(rest, depth, chosen=is_set, otherwise="")

    def _branch(self, rest: str, depth: int, *, chosen: bool, otherwise: str) -> str:
        """Read "?text", "?{text}:{text}" or ":text" and return the part that applies, expanded."""
        rest = rest.strip(_BLANKS)
        if not rest:
            return "true" if chosen else otherwise
        if rest[0] == "?":
            first, tail = _operand(rest[1:])
            second = _operand(tail[1:])[0] if tail.startswith(":") else otherwise
        elif rest[0] == ":":
            first, second = otherwise, _operand(rest[1:])[0]
        else:
            raise SettingsRefused(shown(rest), "neither '?' nor ':' stands here")
        return self.expand(first if chosen else second, depth + 1)

    def _comparison(self, text: str, depth: int) -> tuple[bool, str]:
        end = _end_of(text, 0)
        left = self.expand(text[1:end].strip(_BLANKS), depth + 1)
        operator = _OPERATOR.match(text, end + 1)
        if operator is None or text[operator.end() : operator.end() + 1] != "{":
            raise SettingsRefused(shown(text), "no comparison that Postfix knows")
        last = _end_of(text, operator.end())
        right = self.expand(text[operator.end() + 1 : last].strip(_BLANKS), depth + 1)
        return _holds(left, operator[1], right, is_level=bool(operator[2])), text[last + 1 :]


def _end_of(text: str, begin: int) -> int:
    """Return the place of the brace that closes the one at *begin*."""
    opening, closing = text[begin], _CLOSING[text[begin]]
    depth = 0
    for place in range(begin, len(text)):
        depth += (text[place] == opening) - (text[place] == closing)
        if not depth:
            return place
    raise SettingsRefused(shown(text), f"a '{closing}' is missing")


def _operand(text: str) -> tuple[str, str]:
    """Return a text, without the braces around it, and what follows it."""
    stripped = text.lstrip(_BLANKS)
    if not stripped.startswith("{"):
        return text, ""
    end = _end_of(stripped, 0)
    return stripped[1:end].strip(_BLANKS), stripped[end + 1 :].strip(_BLANKS)


def _holds(left: str, operator: str, right: str, *, is_level: bool) -> bool:
    """Compare as numbers where both are, as levels where asked to, else as text."""
    sides: tuple[Any, Any] = (left, right)
    try:
        if is_level:
            sides = (level_of(left), level_of(right))
        elif left.isdecimal() and right.isdecimal():
            sides = (int(left), int(right))
    except ValueError as cause:
        raise SettingsRefused(shown(f"{left} {operator}level {right}"), "a side is no compatibility level") from cause
    less, same = bool(sides[0] < sides[1]), bool(sides[0] == sides[1])
    outcomes = {"==": same, "!=": not same, "<": less, "<=": less or same, ">": not (less or same), ">=": not less}
    return outcomes[operator]
