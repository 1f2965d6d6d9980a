"""A large estate of invented partners, to see how the portal behaves at a size; never for a portal in use."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from partners.actions.figures import refresh_statistics, seal_days
from partners.actions.synthetic import fill_estate
from partners.core.errors import PortalError
from partners.management.demo.invention import PARTNERS_MOST, Invention
from partners.models import Partner
from partners.tasks.figures import count_estate

DAYS_MOST = 3650


class Command(BaseCommand):
    """Invent partners, and write what months of probing would have left of them."""

    help = "Write invented partners with facts, certificates, verdicts and history. Nothing of them is ever probed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take size and age of the estate."""
        parser.add_argument("--partners", type=int, default=1000, metavar="N", help=f"1 to {PARTNERS_MOST}")
        parser.add_argument("--history-days", type=int, default=30, metavar="D", help=f"0 to {DAYS_MOST}")
        parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same estate")
        parser.add_argument(
            "--beside-real-partners", action="store_true", help="write them although the database holds partners"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Fill the database."""
        count, days = options["partners"], options["history_days"]
        _demand("--partners", count, least=1, most=PARTNERS_MOST)
        _demand("--history-days", days, least=0, most=DAYS_MOST)
        if Partner.objects.exists() and not options["beside_real_partners"]:
            raise CommandError(
                _("the database holds partners: take an empty one, or say --beside-real-partners if you mean it")
            )
        begun, now = time.monotonic(), timezone.now()
        invention = Invention(seed=options["seed"], now=now, days=days)
        try:
            written = fill_estate(invention.companies(count), invention.root_pem, days=days, now=now)
        except (PortalError, DatabaseError) as cause:
            raise CommandError(_("demo_data: nothing was written: %s") % cause) from cause
        refresh_statistics()
        seal_days(now=now)
        count_estate()
        seconds = round(time.monotonic() - begun, 1)
        self.stdout.write(
            _("%(count)s invented partners with %(days)s days of history in %(seconds)s s")
            % {"count": written, "days": days, "seconds": seconds}
        )


def _demand(name: str, number: int, *, least: int, most: int) -> None:
    if not least <= number <= most:
        raise CommandError(
            _("%(name)s: %(number)s is not from %(least)s to %(most)s")
            % {"name": name, "number": number, "least": least, "most": most}
        )
