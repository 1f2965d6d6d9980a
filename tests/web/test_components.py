"""Components escape what they are given and borrow nothing from the page around them."""

from pathlib import Path

import pytest
from django.template.loader import get_template
from django.test import Client
from django.utils import translation

from partners.reports import drawings
from tests.actions.people import editor

EVIL = '"><script>alert(1)</script>\'{{ x }}<c-icon name="x" />'


@pytest.fixture
def rendered(settings, tmp_path: Path):
    """Render a text that uses components, with the given rows."""
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [*settings.TEMPLATES[0]["DIRS"], tmp_path]}]

    def render(text: str, **rows: object) -> str:
        (tmp_path / "piece.html").write_text(text)
        return get_template("piece.html").render(rows)

    return render


@pytest.mark.parametrize(
    "text",
    [
        '<c-st state="ok" word="{{ evil }}" />',
        '<c-pill state="{{ evil }}" word="x" />',
        '<c-note state="bad" text="{{ evil }}" more="{{ evil }}" />',
        '<c-verdict state="bad" title="{{ evil }}" why="{{ evil }}" />',
        '<c-empty title="{{ evil }}" text="{{ evil }}" />',
        '<c-chip label="{{ evil }}" value="{{ evil }}" remove_url="{{ evil }}" />',
        '<c-panel title="{{ evil }}" sub="{{ evil }}">{{ evil }}</c-panel>',
        '<c-finding :finding="row" />',
        '<c-relay :relay="row" />',
        '<c-hand :item="row" />',
        '<c-probe-row :target="row" />',
        '<c-mapline :line="line" />',
        '<c-toast text="{{ evil }}" />',
    ],
)
def test_a_strangers_text_stays_text(rendered, text: str):
    """Names from certificates, banners and DNS reach the page escaped, and are not read as a template."""
    names = ("state", "title", "key", "text", "name", "release", "note", "cause", "who", "label", "when", "mx_host")

    page = rendered(text, evil=EVIL, row=dict.fromkeys(names, EVIL), line=drawings.map_line(f"{EVIL} {EVIL} a={EVIL}"))

    assert "<script" not in page
    assert EVIL not in page
    assert "alert(1)" in page


def test_a_component_borrows_nothing_from_the_page(rendered):
    """A variable of the page does not leak into a component that was not given it."""
    assert "leak" not in rendered('<c-note state="ok" text="x" />', more="leak", role="leak", state="leak")


def test_numbers_of_a_drawing_have_a_point_in_every_language(rendered):
    """A decimal comma would break the SVG in German."""
    slices = drawings.share([("ok", 2), ("bad", 1)])

    with translation.override("de"):
        page = rendered('<c-share :slices="slices" label="x" />', slices=slices)

    assert 'width="66.67"' in page


@pytest.mark.django_db
def test_kit_is_for_staff_alone(client: Client):
    """The kit is not there for anybody else; for staff it shows every component."""
    person = editor()
    client.force_login(person)
    before = client.get("/kit/").status_code
    person.is_staff = True
    person.save()

    assert before == 404
    assert client.get("/kit/").status_code == 200
