"""Collect what is to be translated, and compile what is."""

import re
import shutil
import subprocess
import tempfile
from argparse import ArgumentParser
from contextlib import chdir
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.commands import makemessages

FOLDERS = ("templates", "partners", "tlsportal")
_LEFT_OUT = shutil.ignore_patterns("locale", "migrations", "__pycache__", ".*")
# Lines that change with the day or the place and say nothing: each would be a difference in every commit.
_NOISE = re.compile(r'^"(POT-Creation-Date|PO-Revision-Date|Report-Msgid-Bugs-To|Last-Translator):.*\n', re.MULTILINE)


class Command(makemessages.Command):
    """Bring the catalogue in partners/locale up to the source texts, and write its compiled form beside it.

    A new text comes in empty: a guess from a like sentence (msgmerge's "fuzzy") is worse than a gap that a test sees.
    Texts are collected in a copy, as gettext needs work files beside the templates.
    """

    help = "Collect all texts of the portal into partners/locale, and compile them (.mo)."
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take Django's options, with the habits of this project as their defaults."""
        super().add_arguments(parser)  # type: ignore[arg-type]
        parser.set_defaults(all=True, no_obsolete=True, no_wrap=True, add_location="file", locale=[])

    def handle(self, *args: Any, **options: Any) -> None:
        """Collect, merge, tidy, compile."""
        with tempfile.TemporaryDirectory() as copy:
            for folder in FOLDERS:
                shutil.copytree(settings.BASE_DIR / folder, Path(copy) / folder, ignore=_LEFT_OUT)
            with chdir(copy):
                super().handle(*args, **options)
        for locale in settings.LOCALE_PATHS:
            for catalogue in sorted(Path(locale).glob("*/LC_MESSAGES/django.po")):
                catalogue.write_text(_NOISE.sub("", catalogue.read_text()))
                compile_catalogue(catalogue, catalogue.with_suffix(".mo"))


def compile_catalogue(source: Path, target: Path) -> None:
    """Write the form of *source* that Django reads; bare Debian has no msgfmt, so it is kept in the repository."""
    subprocess.run(["msgfmt", "--check", f"--output-file={target}", str(source)], check=True)
