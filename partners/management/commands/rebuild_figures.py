"""Count again what is counted ahead: the days' tallies, and the figures that pages of a large estate read."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from partners.actions.figures import recount_days
from partners.management.standing import StandingCommand
from partners.tasks.figures import count_estate


class Command(StandingCommand):
    """Nothing is lost by it, and nothing rests on it but the speed of pages and the line of 90 days."""

    help = "Count the tallies of past days and the figures of now again, from the rows they were counted from."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Count, and say how much that was."""
        days = recount_days(keep=timedelta(days=settings.KEEP_DAYS), now=timezone.now())
        size = count_estate()
        self.stdout.write(_("%(days)s days and %(size)s agreements were counted again") % {"days": days, "size": size})
