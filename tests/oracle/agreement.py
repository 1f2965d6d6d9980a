"""Both sides beside each other: the line "N cases, N agree", and a table of what does not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.oracle.case import Case
from tests.oracle.real import Said

WORDS = ("status", "tls_status", "plaintext", "dsn", "mx")


@dataclass(frozen=True)
class Compared:
    """A case, what was asked, what Postfix did and what was predicted."""

    case: Case
    asked: Mapping[str, Any]
    did: Said
    predicted: Said

    @property
    def agrees(self) -> bool:
        """Whether the five words are the same, to the letter."""
        return _words(self.did) == _words(self.predicted)

    @property
    def is_as_told(self) -> bool:
        """Whether it agrees, or differs where the case says so."""
        return self.agrees != bool(self.case.open)


def headline(release: str, compared: Sequence[Compared]) -> str:
    """Return the line that the terminal shows."""
    agree = sum(one.agrees for one in compared)
    known = sum(bool(one.case.open) and not one.agrees for one in compared)
    return f"Postfix {release}: {len(compared)} cases, {agree} agree" + (f", {known} known to differ" if known else "")


def table(compared: Sequence[Compared]) -> str:
    """Return one row for each case that does not agree."""
    rows = []
    for one in compared:
        if not one.agrees:
            differs = [
                f"{word}: {did!r}, predicted {said!r}"
                for word, did, said in zip(WORDS, _words(one.did), _words(one.predicted), strict=True)
                if did != said
            ]
            known = f" (known: {one.case.open})" if one.case.open else ""
            rows.append(f"  {one.case.name:32} {'; '.join(differs)}{known}")
        elif one.case.open:
            rows.append(f"  {one.case.name:32} agrees by now: take its `open` away")
    return "\n".join(rows)


def report(compared: Sequence[Compared]) -> str:
    """Return all that is needed to look into what does not agree, as Markdown."""
    parts = []
    for one in compared:
        if not one.agrees:
            lines = "\n".join(f"    {line}" for line in one.did.why)
            parts.append(
                f"## {one.asked['id']}\n{one.case.shows}\n\n    {json.dumps(one.asked)}\n\n"
                f"Postfix: {_words(one.did)}\n\n{lines}\n\n"
                f"Predicted: {_words(one.predicted)} {'; '.join(one.predicted.why)}\n"
            )
    return "\n".join(parts)


def listing(cases: Sequence[Case], deeds: Mapping[str, Said]) -> str:
    """Return a line per case, what Postfix did and what that is to show, and then the lines of its log."""
    return "".join(
        f"{case.name:34} {' '.join(map(str, _words(deeds[case.name])))}  # {case.shows}\n"
        + "".join(f"    | {line}\n" for line in deeds[case.name].why)
        for case in cases
    )


def _words(said: Said) -> tuple[object, ...]:
    return (said.status, said.tls_status, said.plaintext, said.dsn, said.mx)
