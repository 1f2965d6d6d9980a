"""Made-up rows for the kit page, in the shapes that the components take; nothing here is translated.

What is only text stands in kit.json beside this file; what a page computes is computed here too.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from partners.reports import drawings

_TEXTS: Final = Path(__file__).with_name("kit.json")
_NOW: Final = datetime(2026, 11, 24, 9, 41, tzinfo=UTC)
_OLD: Final = "3D9534AF0C71E24B8816D95AF3276C90B14E027DC8639F15EA5834B60D917CA2"
_NEW: Final = "A10E775CF923B8604DE51A923FC7860BD469F02E75AB18935DC240FE67318A1C"
_HEARD: Final = _OLD[:40] + "61" + _OLD[42:]
_SPANS: Final = (
    ("Pin A, old key", "certificate ends 14 Dec 2026, in 20 days", "2025-12-14", "2026-12-14", "A"),
    ("Pin B, new key", "certificate valid 12 Nov 2026 to 31 May 2027", "2026-11-12", "2027-05-31", "B"),
    ("Example Trust R4", "intermediate, valid to 9 Mar 2031", "2021-03-09", "2031-03-09", "ok"),
)


def kit_rows() -> dict[str, Any]:
    """Return one row or list for each component."""
    rows: dict[str, Any] = json.loads(_TEXTS.read_text(encoding="utf-8"))
    counts = rows["counts"]
    rows["line"] = drawings.map_line(
        f"brixner-achsen.example\tfingerprint match={_colons(_OLD)}|{_colons(_NEW)}", {_OLD: "A", _NEW: "B"}
    )
    rows["pinned"] = drawings.fingerprint(_OLD)
    rows["shown"] = drawings.fingerprint(_NEW, _OLD)
    rows["heard"] = drawings.fingerprint(_HEARD, _OLD)
    rows["axis"] = drawings.axis(
        [drawings.Span(label, note, _day(start), _day(end), tone) for label, note, start, end, tone in _SPANS],
        start=_day("2026-06-20"),
        end=_day("2027-06-09"),
        now=_NOW,
        now_label="today",
    )
    rows["slices"] = drawings.share([(state, count) for state, _word, count in counts])
    rows["arcs"] = drawings.donut([(state, word, count, "#") for state, word, count in counts])
    return rows


def _day(text: str) -> datetime:
    """Return the beginning of the day *text* in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _colons(digest: str) -> str:
    """Return *digest* as Postfix writes it."""
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
