"""What is to be done to many partners at once, as an address or a form says it."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from partners.actions.many import MOST
from partners.actions.many_tags import read_tags
from partners.core.levels import SecurityLevel
from partners.reports.listing import Chosen
from partners.web.access import whole
from partners.web.listed import chosen_of

__all__ = ["BulkAsked"]

_LEVELS = {level.value: level for level in SecurityLevel}


@dataclass(frozen=True, slots=True)
class BulkAsked:
    """kind: a word of BulkAct.Kind, "" for none that there is. picked: channels ticked; is_all: what *chosen* leaves.

    add, remove: tags as typed. level: to draft, None for none; only_raises: entries that ask as much or more stay.
    """

    kind: str
    chosen: Chosen
    picked: tuple[int, ...]
    is_all: bool
    add: str
    remove: str
    level: SecurityLevel | None
    only_raises: bool

    @classmethod
    def of(cls, given: QueryDict) -> "BulkAsked":
        """Return what *given* asks for; a word that means nothing asks for nothing."""
        kind = str(given.get("act", ""))
        picked = given.getlist("channel")[: max(MOST.values()) + 1]
        return cls(
            kind=kind if kind in MOST else "",
            chosen=chosen_of(given),
            picked=tuple(dict.fromkeys(number for text in picked if (number := whole(text)))),
            is_all=given.get("all") == "1",
            add=str(given.get("add", ""))[:1000],
            remove=str(given.get("remove", ""))[:1000],
            level=_LEVELS.get(str(given.get("to", ""))),
            only_raises=given.get("raise") == "1",
        )

    @property
    def tags(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tags to add and to take away. Errors: SettingsRefused."""
        return read_tags(self.add), read_tags(self.remove)

    @property
    def is_complete(self) -> bool:
        """Whether enough is said for a preview."""
        return bool(self.add or self.remove) if self.kind == "tags" else self.kind == "probe" or self.level is not None

    @property
    def selection(self) -> list[tuple[str, str]]:
        """What a form carries on to have the same partners."""
        filters = {name: text for name, text in self.chosen.parameters.items() if name not in {"sort", "cols"}}
        picked = [] if self.is_all else [("channel", str(pk)) for pk in self.picked]
        return [("act", self.kind), *filters.items(), *([("all", "1")] if self.is_all else []), *picked]

    @property
    def wish(self) -> dict[str, Any]:
        """What a form carries on to do the same."""
        given = {
            "add": self.add,
            "remove": self.remove,
            "to": self.level.value if self.level else "",
            "raise": "1" if self.only_raises else "",
        }
        return {name: text for name, text in given.items() if text}
