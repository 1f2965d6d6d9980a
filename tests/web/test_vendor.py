"""Files of others are what they were, and everything a page loads is small and our own."""

import gzip
import hashlib
import re
from pathlib import Path

from django.conf import settings

STATIC = settings.BASE_DIR / "static"
VENDOR = STATIC / "vendor"
FIRST_LOAD = 300 * 1000  # bytes over the wire: sheets, scripts, sprite and the two fonts of a page in Latin letters
MARKS = ("s-ok", "s-bad", "s-risk", "s-weak", "s-unk", "s-roll", "s-pend")


def manifest() -> dict[str, str]:
    """Return file name to SHA-256, as MANIFEST tells."""
    lines = (VENDOR / "MANIFEST").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def packed(path: Path) -> int:
    """Return what *path* costs on the wire."""
    return len(path.read_bytes() if path.suffix == ".woff2" else gzip.compress(path.read_bytes(), 6))


def test_each_vendored_file_has_the_hash_of_the_manifest():
    """A changed byte is seen."""
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in manifest()} == manifest()


def test_no_vendored_file_is_missing_in_the_manifest():
    """Nothing slips in unseen."""
    files = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()}

    assert files - {"MANIFEST", "README.md"} == set(manifest())


def test_no_file_points_to_a_source_map():
    """A source map would be a request that ends in 404."""
    assert [name for name in manifest() if b"sourceMappingURL" in (VENDOR / name).read_bytes()] == []


def test_style_sheets_load_nothing_from_elsewhere():
    """Every url() of a sheet is a data URI or a file beside it."""
    urls = [
        url
        for path in STATIC.rglob("*.css")
        for url in re.findall(r"url\(\s*[\"']?([^\"')]+)", path.read_text())
        if not url.startswith(("data:", "../vendor/fonts/"))
    ]

    assert urls == []


def test_first_load_stays_light():
    """Sheets, scripts, sprite and the Latin fonts together stay below 300 kB."""
    fonts = [path for path in VENDOR.rglob("*.woff2") if "-ext-" not in path.name]
    loaded = [*STATIC.rglob("*.css"), *STATIC.rglob("*.js"), STATIC / "icons.svg", *fonts]

    assert sum(packed(path) for path in loaded) < FIRST_LOAD


def test_marks_of_states_differ_in_outline():
    """No two states share the first shape of their mark, so grey print keeps them apart."""
    sprite = (STATIC / "icons.svg").read_text()
    outlines = [re.search(rf'<symbol id="{mark}"[^>]*>(<[^>]+>)', sprite).group(1) for mark in MARKS]
    shapes = {re.sub(r'fill="[^"]*"|stroke-width="[^"]*"', "", shape) for shape in outlines}

    assert len(shapes) == len(MARKS)


def test_sprite_has_no_style_and_no_script():
    """The policy would block both."""
    assert re.findall(r"style=|<style|<script|\son\w+=|href=", (STATIC / "icons.svg").read_text()) == []
