"""Write the published map of a relay group to a file, with all that it needs beside it, each whole or not at all."""

import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from partners.actions.maps import GroupMap, active_map
from partners.core.bundle import CA_NAME
from partners.models import Artefact, RelayGroup


class Command(BaseCommand):
    """Print or write the map that was published last; a draft is never exported."""

    help = "Export the published smtp_tls_policy_maps source of a relay group, with the files it needs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the group and the file."""
        parser.add_argument("--group", metavar="G", help="relay group; may be left out where there is one")
        parser.add_argument(
            "-o",
            "--output",
            metavar="FILE",
            type=Path,
            help="the CA set and tafiles go beside it; default: standard output",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Write the bytes of the artefact."""
        group = group_named(options["group"])
        if not Artefact.objects.filter(group=group).exists():
            raise CommandError(_("relay group %s: nothing is published yet") % group.name)
        one = active_map(group)
        if options["output"] is None:
            self.stdout.write(one.text, ending="")
            return
        for path, text in files_of(one, options["output"]).items():
            try:
                write_whole(path, text.encode())
            except OSError as cause:
                raise CommandError(f"{path}: {cause.strerror}") from cause
            self.stdout.write(str(path))
        directory = options["output"].resolve().parent
        if (one.tafiles or one.ca_pem) and str(directory) != group.tafile_directory:
            told = _("The relays look for the CA set and tafiles in %s; put them there before the map.")
            self.stderr.write(told % group.tafile_directory)


def files_of(one: GroupMap, target: Path) -> dict[Path, str]:
    """Return the files of *one* in the order in which they are written: the map at *target* names what is there."""
    files = {CA_NAME: one.ca_pem} if one.ca_pem else {}
    files |= {PurePosixPath(path).name: pem for path, pem in sorted(one.tafiles.items())}
    if target.name in files:
        raise CommandError(_("%s: a file of that name goes beside the map; name the map otherwise") % target)
    return {**{target.parent / name: text for name, text in files.items()}, target: one.text}


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
