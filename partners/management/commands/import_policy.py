"""Take over an existing smtp_tls_policy_maps source: every line is taken, or reported with its number and cause."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from partners.actions.imports import ImportReport, import_policy
from partners.core.errors import PortalError
from partners.management.commands.invite import inviter
from partners.management.standing import StandingCommand

_SIZE_MAX = 16 * 1024 * 1024


class Command(StandingCommand):
    """Read FILE and draft one partner per entry; nothing reaches a relay before a release."""

    help = "Import an existing tls_policy file as drafts; comments are kept, no line is dropped."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file and what to do with it."""
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="report, write nothing")
        parser.add_argument("--json", action="store_true", dest="as_json")
        parser.add_argument(
            "--by", metavar="EMAIL", help="who imports; may be left out in a dry run, and while one approver is alone"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Import and report; the exit code is 1 if a line was refused."""
        path: Path = options["file"]
        dry_run: bool = options["dry_run"]
        by = None if dry_run and not options["by"] else inviter(options["by"])
        if by is None and not dry_run:
            raise CommandError(_("--by is missing: nobody is in the portal yet; invite an approver first"))
        try:
            if path.stat().st_size > _SIZE_MAX:
                raise CommandError(_("%s: it is larger than 16 MiB") % path)
            report = import_policy(path.read_bytes(), by=by, now=timezone.now(), dry_run=dry_run)
        except OSError as cause:
            raise CommandError(f"{path}: {cause.strerror}") from cause
        except PortalError as refused:
            raise CommandError(str(refused)) from refused
        if options["as_json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
        else:
            self._tell(path, report)
        if report.refused:
            raise SystemExit(1)

    def _tell(self, path: Path, report: ImportReport) -> None:
        """Print one line per line that was not simply taken, in a dry run per line, and the sums."""
        for line in report.lines:
            where = f"{path}:{line.number}: {line.state}"
            if report.dry_run and line.state == "taken":
                told = _("%(key)s, new partner %(name)s") if line.is_new else _("%(key)s, partner %(name)s")
                self.stdout.write(f"{where}: {told % {'key': line.key, 'name': line.partner}} {line.cause}".rstrip())
            elif line.state != "taken" or line.cause:
                named = line.key if line.state == "present" else ""
                self.stdout.write(": ".join(filter(None, (where, named, line.cause))))
        self.stdout.write(
            _("%(taken)d entries taken, %(skipped)d there already, %(refused)d refused%(dry)s")
            % {
                "taken": report.count("taken"),
                "skipped": report.count("present"),
                "refused": report.refused,
                "dry": _(" (dry run: nothing was written)") if report.dry_run else "",
            }
        )
