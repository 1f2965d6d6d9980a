"""What holds for each template: the strict policy, known icons, and words that can be translated."""

import re

import pytest
from django.conf import settings

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
SPRITE = (settings.BASE_DIR / "static" / "icons.svg").read_text()
SHEETS = "".join(path.read_text() for path in (settings.BASE_DIR / "static" / "css").glob("*.css"))
BLOCKED = re.compile(r"\sstyle=|<style\b|\son[a-z]+=|\bhx-on|hx-vals=[\"']js:|javascript:", re.IGNORECASE)
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", re.IGNORECASE)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR / "templates")))
def test_template_keeps_the_content_policy(path):
    """No inline style, no inline script, no handler attribute, nothing that htmx would have to evaluate."""
    text = path.read_text()

    assert BLOCKED.findall(text) + INLINE_SCRIPT.findall(text) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR / "templates")))
def test_each_icon_is_in_the_sprite(path):
    """A name that the sprite does not hold would draw nothing."""
    names = re.findall(r'<c-icon\s[^>]*name="([a-z-]+)"', path.read_text())

    assert [name for name in names if f'id="{name}"' not in SPRITE] == []


def test_only_tokens_name_a_colour():
    """Hexadecimal and rgb colours stand in tokens.css and dark.css alone; print may name plain white."""
    sheets = [
        path
        for path in (settings.BASE_DIR / "static" / "css").glob("*.css")
        if path.name not in {"tokens.css", "dark.css"}
    ]
    named = {path.name: re.findall(r":[^;{}]*(#[0-9a-fA-F]{3,8}\b|\brgba?\()", path.read_text()) for path in sheets}

    assert {name: colours for name, colours in named.items() if colours and name != "print.css"} == {}
