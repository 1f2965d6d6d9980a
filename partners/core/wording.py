"""Sentences that are made in English and may be told in another language later.

core knows no language. A sentence with facts in it keeps its template beside them, so that whoever shows it can
translate the template first and fill it in again; logs and commands use the text as it is, which is English.

    cause = fill(_("match is not allowed at level {level}"), level="may")
    str(cause)                 match is not allowed at level may
    told(cause, gettext)       match ist beim Level may nicht erlaubt
"""

from collections.abc import Callable, Mapping
from typing import Self

__all__ = ["Filled", "Translate", "_", "fill", "shown", "told"]

Translate = Callable[[str], str]


def _(message: str) -> str:
    """Mark *message* as a message id, for the tools that collect what is to be translated."""
    return message


class Filled(str):
    """A text that remembers how it was made. Without parts it is a message id as it stands."""

    __slots__ = ("parts", "template")
    template: str
    parts: Mapping[str, object]

    def __new__(cls, template: str, parts: Mapping[str, object] | None = None) -> Self:  # copies name no parts
        text = super().__new__(cls, template.format(**parts) if parts else template)
        text.template, text.parts = template, parts or {}
        return text


def fill(template: str, **parts: object) -> Filled:
    """Return *template*, a marked message id, filled in by str.format; a part may be filled itself."""
    return Filled(template, parts)


def told(text: str, translate: Translate) -> str:
    """Return *text* in the language of *translate*; what nobody marked stays as it is.

    Only templates are looked up and formatted, never a part: parts may come from outside.
    """
    if isinstance(text, Filled) and text.parts:
        parts = {name: told(part, translate) if isinstance(part, Filled) else part for name, part in text.parts.items()}
        return translate(text.template).format(**parts)
    return translate(str(text)) if text else ""


def shown(text: str, limit: int = 80) -> str:
    """Return *text* for a message: one line, nothing unprintable, at most *limit* characters."""
    cleaned = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: limit + 1])
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"
