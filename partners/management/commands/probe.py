"""Probe in the foreground what the workers probe in the background: the same rows, the same records."""

import contextlib
import json
import shlex
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from partners.actions.leases import make_due
from partners.core.errors import PortalError
from partners.core.names import Nexthop
from partners.management.standing import StandingCommand
from partners.models import Address, VerdictRow
from partners.models import Nexthop as NexthopRow
from partners.tasks.rounds import Counts, Round

ORIGIN = "command"
LONGEST = timedelta(hours=12)  # whoever started it looks on, and may end it


class Command(StandingCommand):
    """Make rows due, run a round of each lane, say what came of it; progress goes to standard error."""

    help = "Look up NEXTHOP (or all) now, speak to its mail servers, record and judge what was seen."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the nexthop, or all of them."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("nexthop", metavar="NEXTHOP", nargs="?", help="a key of a partner's channel")
        what.add_argument("--all", action="store_true", help="all keys of all channels")
        parser.add_argument(
            "--fast", action="store_true", help="leave servers that time out again and again to the workers' slow lane"
        )
        parser.add_argument("--json", action="store_true", help="print the summary as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Run one round over the rows named."""
        _demand_its_world()
        try:
            rows = _rows(options["nexthop"])
            only = list(rows.values_list("pk", flat=True)) if options["nexthop"] else None
            make_due(only, origin=ORIGIN, now=timezone.now())
            with _ctrl_c() as stops:
                counts = Round(only=only, longest=LONGEST, tell=self._tell, stops=stops).run()
                slow = Counts()
                if not options["fast"]:
                    slow = Round(is_slow=True, only=only, longest=LONGEST, tell=self._tell, stops=stops).run()
        except PortalError as refused:
            raise CommandError(str(refused)) from refused
        summary = _counted(counts) | {"slow": _slow(slow, only)} | (_outcomes() if only is None else _verdicts(only))
        self.stdout.write(json.dumps(summary, indent=2) if options["json"] else _text(summary))
        if counts.nexthops < rows.count():
            self.stderr.write(_("Some rows are being probed by a worker now; their results follow by themselves."))

    def _tell(self, line: str) -> None:
        self.stderr.write(line)


def _demand_its_world() -> None:
    """Refuse to record of the demo's partners what the real DNS says: that none of them exists."""
    kept = settings.DATA_DIR / "demo_settings"  # `up --demo` writes it
    if kept.exists() and not settings.PROBE_PORT_MAP:
        cure = f"set -a; . {shlex.quote(str(kept))}; set +a"
        raise CommandError(_("these are the partners of the demo, which has its own DNS; run this first: %s") % cure)


@contextlib.contextmanager
def _ctrl_c() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C end the round in order, so that no lease is left behind; the second one ends at once."""
    asked: list[int] = []

    def note(number: int, _frame: object) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


def _rows(text: str | None) -> "QuerySet[NexthopRow]":
    """Return the rows to probe; a dotted key has no mail server of its own."""
    rows = NexthopRow.objects.exclude(key__startswith=".")
    if text is None:
        return rows
    rows = rows.filter(key__in=Nexthop.parse(text).keys())
    if not rows.exists():
        raise CommandError(
            _("nexthop %s: no channel has it, or it has no mail server of its own; predict asks without a channel")
            % text
        )
    return rows


def _counted(counts: Counts) -> dict[str, Any]:
    """Return what was done."""
    names = ("nexthops", "endpoints", "handshakes", "seconds")
    return {name: getattr(counts, name) for name in names} | {"recorded": counts.kept}


def _slow(counts: Counts, only: list[int] | None) -> dict[str, Any]:
    """Return what the slow lane did, and how many addresses it has left to it."""
    left = Address.objects.filter(is_slow=True, set_aside_at__isnull=True)
    left = left if only is None else left.filter(endpoints__nexthops__in=only).distinct()
    names = ("endpoints", "handshakes", "seconds")
    return {name: getattr(counts, name) for name in names} | {"recorded": counts.kept, "addresses": left.count()}


def _verdicts(nexthops: list[int]) -> dict[str, Any]:
    """Return what it means for each nexthop on each relay group."""
    found = VerdictRow.objects.filter(nexthop__in=nexthops).select_related("nexthop", "group")
    return {
        "verdicts": [
            {
                "nexthop": row.nexthop.key,
                "group": row.group.name,
                "delivery": row.delivery,
                "tls_status": row.tls_status,
                "reasons": row.reasons,
            }
            for row in found.order_by("nexthop", "group")
        ]
    }


def _outcomes() -> dict[str, Any]:
    """Return what it means for all nexthops, counted: the pages tell of each."""
    found = VerdictRow.objects.order_by("delivery", "tls_status").values("delivery", "tls_status")
    return {"outcomes": [{**row, "count": row["count"]} for row in found.annotate(count=Count("pk"))]}


def _text(summary: dict[str, Any]) -> str:
    """Return *summary* for a person."""
    lines = [
        _("{nexthops} nexthops, {endpoints} sessions, {handshakes} handshakes, {seconds} s").format_map(summary),
        *(
            [_("slow lane: {addresses} addresses, {endpoints} sessions, {seconds} s").format_map(summary["slow"])]
            if summary["slow"]["addresses"]
            else []
        ),
        *(
            "{nexthop} ({group}): {delivery} {tls_status} {reasons}".format_map(row)
            for row in summary.get("verdicts", ())
        ),
        *("{count}: {delivery} {tls_status}".format_map(row) for row in summary.get("outcomes", ())),
    ]
    return "\n".join(lines)
