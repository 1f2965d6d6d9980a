"""Write the published map of a relay group to a file, with all that it needs beside it: all at once, or nothing."""

from pathlib import Path, PurePosixPath
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from partners.actions.maps import GroupMap, active_map
from partners.core.bundle import CA_NAME
from partners.management.map_files import is_linked, write_set
from partners.management.standing import StandingCommand
from partners.models import Artefact, RelayGroup


class Command(StandingCommand):
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
        self._write(one, options["output"])
        directory = options["output"].resolve().parent
        if (one.tafiles or one.ca_pem) and str(directory) != group.tafile_directory:
            told = _("The relays look for the CA set and tafiles in %s; put them there before the map.")
            self.stderr.write(told % group.tafile_directory)

    def _write(self, one: GroupMap, target: Path) -> None:
        """Write the files of *one* and name each in the order in which it is needed."""
        tafiles = {PurePosixPath(path).name: pem for path, pem in sorted(one.tafiles.items())}
        if target.name in {CA_NAME, *tafiles}:
            raise CommandError(_("%s: a file of that name goes beside the map; name the map otherwise") % target)
        try:
            beside = authorities_beside(one, target)
            write_set(target, one.text, beside, added=tafiles)
        except OSError as cause:
            raise CommandError(f"{cause.filename or target}: {cause.strerror}") from cause
        for name in (*beside, *tafiles, target.name):
            self.stdout.write(str(target.parent / name))


def authorities_beside(one: GroupMap, target: Path) -> dict[str, str]:
    """Return the CA set that lies beside the map at *target*, by its name; CommandError where one has to go first."""
    path = target.parent / CA_NAME
    if one.ca_pem == "" and is_linked(target, CA_NAME):
        cause = _("%s: this release trusts no public CA; postconf -X smtp_tls_CAfile, remove the file, then try again")
        raise CommandError(cause % path)
    text = one.ca_pem
    if text is None and is_linked(target, CA_NAME):  # released before there was a set: the one that is there stays
        text = path.read_text()
    is_foreign = path.is_symlink() and path.readlink().name == CA_NAME and path.readlink().parent.suffix == ".current"
    if text and is_foreign and not is_linked(target, CA_NAME) and path.read_text() != text:
        raise CommandError(_("%s: it belongs to another map; write each group's map to its own directory") % path)
    return {CA_NAME: text} if text else {}


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
