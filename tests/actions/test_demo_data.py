"""demo_data: an invented estate that reads like a real one, and never gets in the way of a real one."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from partners.actions.judging import judge_nexthops
from partners.actions.leases import claim_addresses, claim_nexthops
from partners.models import Certificate, ComplianceInterval, Endpoint, Nexthop, Partner, Sighting, VerdictRow
from tests.actions.watched import NOON, watched

pytestmark = pytest.mark.django_db
COUNT = 400


def demo_data(*arguments: str) -> str:
    out = StringIO()
    call_command("demo_data", *arguments, stdout=out)
    return out.getvalue()


def states() -> dict[int, str]:
    return dict(ComplianceInterval.objects.filter(valid_to=None).values_list("channel", "state"))


class TestEstate:
    def test_judged_as_invented(self):
        """Judging the invented facts gives the verdicts and the states that were written: nothing moves."""
        demo_data("--partners", str(COUNT), "--history-days", "90")
        before, invented = states(), dict(VerdictRow.objects.values_list("nexthop", "tls_status"))
        now = Sighting.objects.latest("last_seen").last_seen
        judge_nexthops(list(Nexthop.objects.values_list("pk", flat=True)), now=now)

        assert states() == before
        assert dict(VerdictRow.objects.values_list("nexthop", "tls_status")) == invented
        assert {"compliant", "violated", "weaker"} <= set(before.values())

    def test_has_a_past(self):
        """Some certificates were renewed and some channels were violated before; servers of a provider are shared."""
        demo_data("--partners", str(COUNT), "--history-days", "90")

        assert Sighting.objects.filter(current=False).count() > COUNT / 10
        assert ComplianceInterval.objects.filter(valid_to__isnull=False).exists()
        assert max(Endpoint.objects.annotate(shared=Count("nexthops")).values_list("shared", flat=True)) > COUNT / 40
        assert Certificate.objects.filter(not_after__isnull=True).count() == 0

    def test_nobody_probes_it(self):
        """No invented name and no invented address is ever due."""
        demo_data("--partners", "20")

        assert claim_nexthops(99, now=NOON) == []
        assert claim_addresses(99, now=NOON) == []

    def test_rows_go_on_after_it(self):
        """Who adds a partner next gets a number of its own."""
        demo_data("--partners", "5", "--history-days", "0")
        row = watched("real.example")

        assert Partner.objects.count() == 6
        assert Nexthop.objects.get(pk=row.pk).key == "real.example"


class TestRefused:
    def test_real_partners(self):
        """A database that holds partners is left alone unless somebody says so."""
        watched("real.example")
        with pytest.raises(CommandError, match="--beside-real-partners"):
            demo_data("--partners", "5")
        demo_data("--partners", "5", "--beside-real-partners")

        assert Partner.objects.count() == 6

    @pytest.mark.parametrize("wrong", [("--partners", "0"), ("--partners", "100001"), ("--history-days", "-1")])
    def test_sizes(self, wrong):
        """A size that cannot be is refused with its bounds."""
        with pytest.raises(CommandError, match=f"{wrong[0]}: {wrong[1]} is not from"):
            demo_data("=".join(wrong))
