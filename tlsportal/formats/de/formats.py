"""Dates in German. Pages name a format by its English form; Django looks it up here by that very name.

    date_format(day, "j M Y")     24 Nov 2026 in English, 24.11.2026 in German

A format that is not here is shown in English order: tests/plan/test_languages.py holds this table to what is used.
"""

GERMAN = {
    "j M": "j.n.",
    "j M Y": "d.m.Y",
    "M Y": "M Y",
    "j M, H:i": "j.n., H:i",
    "D j M, H:i": "D, j.n., H:i",
    "j M Y, H:i": "d.m.Y, H:i",
    "j M Y, H:i:s": "d.m.Y, H:i:s",
    "j M Y H:i e": "d.m.Y, H:i e",
    "j F": "j. F",
    "j F Y": "j. F Y",
    "j F, H:i": r"j. F, H:i \U\h\r",
    "j F Y, H:i": r"j. F Y, H:i \U\h\r",
    "l j F Y, H:i": r"l, j. F Y, H:i \U\h\r",
}

globals().update(GERMAN)
