"""What a template shows of its own: words outside translate, blocktranslate and variables."""

import re
from html.parser import HTMLParser

from django.template.base import Lexer, TokenType

__all__ = ["visible"]

# Attributes that are read out or shown; a component's own count too.
_TOLD = {"aria-label", "aria-description", "title", "placeholder", "alt", "label", "text", "word", "sub", "name_word"}
# What stands in these is for machines, in every language the same.
_MACHINE = {"code", "kbd", "pre", "script", "style", "samp"}
_WORDS = re.compile(r"[A-Za-zÄÖÜäöüß]{2,}")


class _Reader(HTMLParser):
    """Collects words in text and in attributes that are told."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _MACHINE:
            self._inside.append(tag)
        self.found += [value for name, value in attrs if name in _TOLD and value and _WORDS.search(value)]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in _TOLD and value and _WORDS.search(value)]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside and _WORDS.search(data):
            self.found.append(" ".join(data.split()))


def visible(template: str) -> list[str]:
    """Return the texts of *template* that no translation reaches."""
    reader = _Reader()
    reader.feed(_without_tags(template))
    reader.close()
    return reader.found


def _without_tags(template: str) -> str:
    """Return the markup of *template*: tags and variables as a space, translated blocks and comments left out."""
    kept, until = [], ""
    for token in Lexer(template).tokenize():
        word = token.contents.split(" ", 1)[0] if token.token_type == TokenType.BLOCK else ""
        if until:
            until = "" if word == until else until
        elif word in {"blocktranslate", "comment"}:
            until = f"end{word}"
        elif token.token_type == TokenType.TEXT:
            kept.append(token.contents)
        elif token.token_type != TokenType.COMMENT:
            kept.append(" ")
    return "".join(kept)
