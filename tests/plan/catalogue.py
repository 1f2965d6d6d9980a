"""A gettext catalogue, read for what a test asks of it."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

_FIELD = re.compile(r"^(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?) (\".*\")$")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}|</?\w+>")


@dataclass
class Message:
    """One message: its source texts, its translations, and gettext's flags."""

    parts: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    obsolete: bool = False

    @property
    def name(self) -> str:
        return self.parts.get("msgid", "")

    @property
    def key(self) -> tuple[str, str, str]:
        return self.parts.get("msgctxt", ""), self.name, self.parts.get("msgid_plural", "")

    @property
    def told(self) -> list[str]:
        """The translations, one for each plural form."""
        return [text for part, text in self.parts.items() if part.startswith("msgstr")]

    @property
    def unequal(self) -> bool:
        """Whether a translation has other placeholders or tags than its source; one alone may leave its number out."""
        for part, text in self.parts.items():
            source = self.name if part in {"msgstr", "msgstr[0]"} else self.parts.get("msgid_plural", self.name)
            if part.startswith("msgstr") and placeholders(text) != placeholders(source):
                return True
        return False


def placeholders(text: str) -> list[str]:
    return sorted(set(PLACEHOLDER.findall(text)))


def messages(path: Path) -> list[Message]:
    """All messages of *path*, a .po file, without its header."""
    return [message for block in path.read_text().split("\n\n") if (message := _message(block)).name]


def _message(block: str) -> Message:
    message, part = Message(), ""
    for written in block.splitlines():
        line = written
        if line.startswith("#~ "):
            message.obsolete, line = True, line.removeprefix("#~ ")
        if line.startswith("#, "):
            message.flags |= set(line[3:].split(", "))
        elif match := _FIELD.match(line):
            part = match[1]
            message.parts[part] = ast.literal_eval(match[2])
        elif line.startswith('"'):
            message.parts[part] += ast.literal_eval(line)
    return message
