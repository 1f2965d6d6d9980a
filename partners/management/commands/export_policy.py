"""Write the published map of a relay group to a file, whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from partners.actions.releases import active_text
from partners.models import Artefact, RelayGroup


class Command(BaseCommand):
    """Print or write the map that was published last; a draft is never exported."""

    help = "Export the published smtp_tls_policy_maps source of a relay group."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the group and the file."""
        parser.add_argument("--group", metavar="G", help="relay group; may be left out where there is one")
        parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Write the bytes of the artefact."""
        group = group_named(options["group"])
        if not Artefact.objects.filter(group=group).exists():
            raise CommandError(_("relay group %s: nothing is published yet") % group.name)
        text = active_text(group)
        if options["output"] is None:
            self.stdout.write(text, ending="")
            return
        try:
            write_whole(options["output"], text.encode())
        except OSError as cause:
            raise CommandError(f"{options['output']}: {cause.strerror}") from cause


def group_named(name: str | None) -> RelayGroup:
    """Return the relay group *name*, or the only one."""
    groups = list(RelayGroup.objects.all())
    if name is None and len(groups) == 1:
        return groups[0]
    for group in groups:
        if group.name == name:
            return group
    known = ", ".join(group.name for group in groups) or _("none")
    raise CommandError(_("--group: name one of the relay groups (%s)") % known)


def write_whole(path: Path, content: bytes) -> None:
    """Put *content* in the place of *path* at once: a reader sees the old file or the new one, never a part.

    The draft lies in the same directory (a rename does not cross file systems) and is on disk before it is renamed. The
    mode of an existing file is kept.
    """
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise
