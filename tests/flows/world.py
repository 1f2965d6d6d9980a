"""The world of the long stories: a house with its relay and probe, a partner with peers, and days that pass.

Nothing is put into the rows by hand: what is known of a peer, the probe's own task has seen it there.
"""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

from django.core.management import call_command

from partners.actions.audit import verify_chain
from partners.actions.releases import approve, cut, publish
from partners.models import Address, Candidate, Change, ComplianceInterval, Nexthop, RelayGroup, User, VerdictRow
from partners.tasks.alerts import judge_stale
from partners.tasks.probing import probe_asked, probe_due
from tests.actions.people import approver, editor
from tests.kit.dns import DnsServer
from tests.kit.lab import V4
from tests.kit.postfix import Postfix

__all__ = ["KEY", "RECIPIENT", "World", "now", "outcome"]

KEY, RECIPIENT = "acme.example", "someone@acme.example"


def now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def outcome(candidate: Candidate) -> tuple[str, str]:
    """Return what the guard says of mail to the partner: before the candidate, and with it."""
    [finding] = [one for one in candidate.findings if one["kind"] == "outcome"]
    return finding["before"]["delivery"], finding["after"]["delivery"]


class World:
    """One relay group with its Postfix, an editor and two approvers."""

    def __init__(self, relay: Postfix, dns: DnsServer, settings: Any) -> None:
        settings.PROBE_NETWORKS, settings.PROBE_EHLO = [str(V4)], "probe.house.example"
        settings.RESOLVER = f"{dns.address}:{dns.port}"
        self.relay = relay
        main_cf = {"smtp_tls_security_level": "may"}
        self.group = RelayGroup.objects.create(name="main", tafile_directory=str(relay.config), main_cf=main_cf)
        self.eda, self.ann, self.bob = editor(), approver("ann"), approver("bob")

    def cycle(self) -> None:
        """Let an hour pass: all is due, and the beat wakes the probe."""
        for model in (Nexthop, Address):
            model.objects.update(due_at=now())
        probe_due()

    def cut(self, *changes: Change) -> Candidate:
        """Cut a candidate; what the guard lacks it asks for, and the probe has looked before it is cut again."""
        first = cut(changes, by=self.eda, now=now())
        probe_asked()
        candidate = cut(changes, by=self.eda, now=now())
        assert candidate.sha256 == first.sha256
        return candidate

    def roll_out(self, candidate: Candidate, second: User, *, accept_stops: bool = False) -> None:
        """Approve, publish, export to the relay's files and compile them, as an admin does."""
        shown = (candidate.sha256, candidate.findings_sha256)
        approve(candidate, seen=shown, by=second, now=now(), word="looked at it", accept_stops=accept_stops)
        publish(candidate, by=self.eda, now=now())
        target = self.relay.config / "exported"
        call_command("export_policy", "--group", "main", "-o", str(target), stdout=StringIO())
        self.relay.policy(target.read_text())
        judge_stale()
        assert verify_chain() is None

    def state(self) -> tuple[str, str]:
        """Return the partner's state now, with its cause."""
        row = ComplianceInterval.objects.get(valid_to=None)
        return row.state, row.cause

    def verdict(self) -> VerdictRow:
        """Return what Postfix would do now."""
        return VerdictRow.objects.get()
