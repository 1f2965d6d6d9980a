"""German is complete: every text is collected, translated and compiled, and none is written past gettext."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import allauth
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from django.utils.translation import gettext, override

from partners.web.borrowed import FROM_ALLAUTH
from tests.plan.catalogue import messages
from tests.plan.sources import BASE, sources
from tests.plan.visible import visible
from tlsportal.formats.de.formats import GERMAN

CATALOGUE = BASE / "partners/locale/de/LC_MESSAGES/django.po"
TO_MEND = "run `manage.py makemessages`, then fill in partners/locale/de/LC_MESSAGES/django.po"
needs_gettext = pytest.mark.skipif(shutil.which("xgettext") is None, reason="`manage.py test` installs gettext")

# Words that a page shows in every language, each with its reason.
SAME_EVERYWHERE = {
    "tlsportal": "the product's name",
    "Postfix": "a name",
    "UTC": "a name",
    "OpenSSL": "a name",
    "CSV": "a file's format",
    "tafile": "Postfix's own word",
    "bad": "a state in code, handed to a block",
}
EXAMPLES = {"-----BEGIN CERTIFICATE-----", "release 411", "relay1.example.com"}  # what to type, in a field's ground
GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext", "pgettext", "npgettext"}
NO_TEXTS = {
    "kit.html": "the page of the components themselves, for whoever builds pages",
    "button.html": "allauth's button: its start tag is put together from pieces, its word is the caller's",
}
# Files of core whose refusals stand on pages; main.cf and postconf are read by commands alone.
CORE_TOLD = {f"partners/core/{name}.py" for name in ("names", "entry", "certificates", "uploads", "policymap")}
TYPED = {"team@example.com"}  # an address to follow
POSTCONF_NAMES = {"level", "match", "protocols", "ciphers", "exclude", "servername"}  # labels: Postfix's own words
_FORMAT = re.compile(
    r"""(?:(?:date_format|format_date)\([^"'\n]*["']|\|(?:date|time):['"])([A-Za-z][A-Za-z ,:]*)['"]"""
)
PLAIN_FORMATS = {"c", "Y-m-d", "H:i", "M", "j"}  # for machines, or the same in both languages


@needs_gettext
def test_every_text_is_in_the_catalogue(tmp_path: Path) -> None:
    """Collecting anew adds no text and leaves none over."""
    shutil.copytree(CATALOGUE.parent, tmp_path / "de/LC_MESSAGES")
    with override_settings(LOCALE_PATHS=[tmp_path]):
        call_command("makemessages", verbosity=0)

    collected = {message.key for message in messages(tmp_path / "de/LC_MESSAGES/django.po")}
    kept = {message.key for message in messages(CATALOGUE)}

    assert (sorted(collected - kept), sorted(kept - collected)) == ([], []), TO_MEND


def test_no_text_hides_in_another() -> None:
    """Debian 12's xgettext does not look into an f-string: what it tells there is never translated."""
    hidden = [
        f"{source.name}:{call.lineno} {ast.unparse(call)}"
        for source in sources("partners", "tlsportal")
        for string in ast.walk(ast.parse(source.text))
        if isinstance(string, ast.JoinedStr)
        for call in ast.walk(string)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in GETTEXT
        if isinstance(call.args[0], ast.Constant)
    ]

    assert hidden == []


def test_every_text_is_translated() -> None:
    """No message is empty, guessed, or left over from a text that is gone."""
    unfinished = [
        message.name
        for message in messages(CATALOGUE)
        if message.obsolete or "fuzzy" in message.flags or not message.told or not all(message.told)
    ]

    assert unfinished == [], TO_MEND


def test_placeholders_are_kept() -> None:
    """A translation fills in what its source fills in, and holds the same tags."""
    assert [message.name for message in messages(CATALOGUE) if message.unequal] == []


def test_lines_begin_and_end_alike() -> None:
    """A line's end or an outer space in the source is one in the translation."""
    assert [
        message.name
        for message in messages(CATALOGUE)
        for text in message.told
        if (text[:1].isspace(), text[-1:].isspace()) != (message.name[:1].isspace(), message.name[-1:].isspace())
    ] == []


@needs_gettext
def test_the_compiled_catalogue_is_the_one_in_the_source(tmp_path: Path) -> None:
    """Django reads the .mo file, which bare Debian cannot make: what is kept equals what msgfmt makes."""
    subprocess.run(["msgfmt", "--check", f"--output-file={tmp_path}/django.mo", str(CATALOGUE)], check=True)

    assert (tmp_path / "django.mo").read_bytes() == CATALOGUE.with_suffix(".mo").read_bytes(), TO_MEND


def test_the_catalogue_does_not_churn() -> None:
    """It holds no date, no line number and no path of a machine, so that a commit shows what changed."""
    text = CATALOGUE.read_text()

    assert not re.search(r"Date:|^#: .*:\d|^#: /", text, re.MULTILINE)


def test_templates_hold_no_text_of_their_own() -> None:
    """Every word that a template shows, or gives to a screen reader, comes through translate or a variable."""
    found = {
        f"{path.relative_to(BASE / 'templates')}: {text}"
        for path in sorted((BASE / "templates").rglob("*.html"))
        if path.name not in NO_TEXTS
        for text in visible(path.read_text())
        if text not in EXAMPLES and set(re.findall(r"[A-Za-z]{2,}", text)) - SAME_EVERYWHERE.keys()
    }

    assert sorted(found) == []


def test_python_tells_nobody_anything_past_gettext() -> None:
    """A text for a reader (labels, help, messages, answers, refusals of an action) is marked."""
    core = [source for source in sources("partners/core") if source.name in CORE_TOLD]
    found = [
        f"{source.name}:{call.lineno} {text}"
        for source in (*sources("partners/web", "partners/actions", "partners/models"), *core)
        for call in ast.walk(source.tree)
        if isinstance(call, ast.Call)
        for text in bare_texts(call)
    ]

    assert found == []


def test_dates_have_a_german_form() -> None:
    """Each format that a page or a report names has its German order."""
    texts = [source.text for source in sources("partners/web", "partners/reports", "partners/templatetags")]
    texts += [path.read_text() for path in (BASE / "templates").rglob("*.html")]
    used = {found for text in texts for found in _FORMAT.findall(text)}

    assert used - PLAIN_FORMATS - GERMAN.keys() == set()
    assert GERMAN.keys() >= {"j M Y"}
    assert settings.FORMAT_MODULE_PATH == ["tlsportal.formats"]


def test_allauth_says_sie() -> None:
    """What we borrow is still a text of allauth's, and reads as ours does."""
    catalogue = Path(allauth.__file__).parent / "locale/de/LC_MESSAGES/django.po"
    theirs = {message.name for message in messages(catalogue)}

    with override("de"):
        told = [gettext(text) for text in FROM_ALLAUTH]

    assert set(FROM_ALLAUTH) - theirs == set()
    assert [text for text in told if re.search(r"\b(du|dein\w*|dich|dir)\b", text, re.IGNORECASE)] == []


# Where a reader's text stands in a call: by keyword anywhere, by place in calls of these names.
_TELLING_KEYWORDS = {"label", "help_text", "empty_label", "verbose_name", "word"}
_TELLING_PLACES = {
    "success": (1,),
    "info": (1,),
    "warning": (1,),
    "HttpResponse": (0,),
    "HttpResponseBadRequest": (0,),
    "HttpResponseForbidden": (0,),
    "HttpResponseNotFound": (0,),
    "ValidationError": (0,),
    "add_error": (1,),
    "ActionRefused": (0, 1, 2),
    "NotAllowed": (0, 1, 2),
    "SamePersonRefused": (0, 1, 2),
    "GuardRefused": (0, 1, 2),
    "StaleRefused": (0, 1, 2),
    "NameRefused": (0, 1, 2),
    "EntryRefused": (0, 1, 2),
    "MapRefused": (0, 1, 2),
    "CertificateRefused": (0, 1, 2),
    "SettingsRefused": (0, 1, 2),
    "Refusal": (0, 1),
}


def bare_texts(call: ast.Call) -> list[str]:
    """The texts with letters that *call* gives to a reader and that gettext never saw."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    told = [keyword.value for keyword in call.keywords if keyword.arg in _TELLING_KEYWORDS]
    told += [call.args[place] for place in _TELLING_PLACES.get(name, ()) if place < len(call.args)]
    return [ast.unparse(node) for node in told if isinstance(node, (ast.Constant, ast.JoinedStr)) and _has_words(node)]


def _has_words(node: ast.Constant | ast.JoinedStr) -> bool:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return any(
        isinstance(part, ast.Constant)
        and isinstance(part.value, str)
        and part.value not in POSTCONF_NAMES | TYPED
        and re.search(r"[A-Za-z]{2}", part.value)
        for part in parts
    )
