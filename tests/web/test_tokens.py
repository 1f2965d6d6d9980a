"""The colours: contrasts of WCAG 2.2 AA in both themes, computed from tokens.css and dark.css."""

import re

import pytest
from django.conf import settings
from django.template.loader import render_to_string

CSS = settings.BASE_DIR / "static" / "css"
STATES = ("ok", "bad", "risk", "weak", "unk", "roll", "pend")
READABLE, VISIBLE = 4.5, 3.0  # WCAG 1.4.3 for text, 1.4.11 for borders and marks


def block(file: str, selector: str) -> dict[str, str]:
    """Return name to value of the tokens below *selector* in *file*."""
    body = re.search(re.escape(selector) + r" \{(.*?)\n *\}", (CSS / file).read_text(), re.DOTALL).group(1)
    return dict(re.findall(r"--([\w-]+): ([^;]+);", body))


LIGHT = block("tokens.css", ':root,\n[data-bs-theme="light"]')
DARK = block("dark.css", ":root")
THEMES = [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")]


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_knows_black_on_white():
    """The formula gives 21 for black on white, and 1 for a colour on itself."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#1f55c4", "#1f55c4") == 1


def test_themes_name_the_same_tokens():
    """What one theme sets, the other sets too."""
    assert LIGHT.keys() == DARK.keys()


@pytest.mark.parametrize(
    ("theme", "link"),
    [
        pytest.param("", 'dark.css" media="screen and (prefers-color-scheme: dark)">', id="as-the-system"),
        pytest.param("dark", 'dark.css">', id="dark"),
        pytest.param("light", "", id="light"),
    ],
)
def test_the_dark_colours_come_to_who_wants_them(theme, link):
    """By choice, or where the system asks for them and nobody chose."""
    html = render_to_string("_styles.html", {"theme": theme})

    assert link in html
    assert ("dark.css" in html) == bool(link)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["page", "surface", "sunken", "hover"])
@pytest.mark.parametrize("ink", ["ink", "ink-2", "ink-3", "accent"])
def test_text_is_readable_on_each_ground(theme, ink, ground):
    """Each ink on each ground is at least 4.5 to 1."""
    assert contrast(theme[ink], theme[ground]) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", STATES)
def test_words_of_a_state_are_readable(theme, state):
    """The ink of a state on its tint, on a panel and on the page."""
    for ground in (f"{state}-tint", "surface", "page", "sunken", "hover"):
        assert contrast(theme[f"{state}-ink"], theme[ground]) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", STATES)
def test_marks_of_a_state_are_visible(theme, state):
    """The mark on its tint, on a panel and on the page is at least 3 to 1."""
    for ground in (f"{state}-tint", "surface", "page", "sunken"):
        assert contrast(theme[state], theme[ground]) >= VISIBLE


@pytest.mark.parametrize("theme", THEMES)
def test_borders_of_controls_are_visible(theme):
    """The edge of a field stands out from the panel, the page and the well; the focus ring too."""
    for ground in ("surface", "page", "sunken"):
        assert contrast(theme["edge"], theme[ground]) >= VISIBLE
        assert contrast(theme["focus"], theme[ground]) >= VISIBLE


@pytest.mark.parametrize("theme", THEMES)
def test_primary_button_is_readable(theme):
    """Its ink on the accent, also under the pointer."""
    assert contrast(theme["accent-ink"], theme["accent"]) >= READABLE
    assert contrast(theme["accent-ink"], theme["accent-strong"]) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
def test_pins_are_told_apart_from_their_ground(theme):
    """Old and new key: their bars on the panel, their letters on them."""
    for pin in ("pinA", "pinB"):
        assert contrast(theme[pin], theme["surface"]) >= READABLE
