"""A channel is judged by entries of its own alone: what another partner's entry does to its mail tells of that one."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from partners.actions.judging import judge_nexthops
from partners.models import Channel, ComplianceInterval, Nexthop, VerdictRow
from partners.reports.partners import channel_page
from tests.actions.people import editor, member
from tests.actions.watched import NOON, ask_dns, publish, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
LEAF = self_signed("mx.example.com")
PARENT = f".example.com\tfingerprint match={LEAF.cert_fingerprint()}\n"
HOUR = timedelta(hours=1)


def state() -> str:
    """The state of the one channel that is looked at."""
    return ComplianceInterval.objects.get(valid_to=None).state


@pytest.fixture
def below() -> Nexthop:
    """sub.example.com of one partner, in no release, while another partner's .example.com applies to it."""
    eda = editor()
    publish(PARENT, by=eda)
    row = watched("sub.example.com", by=eda, agreed="pin", level="fingerprint")
    ask_dns(row)
    see(LEAF)
    return row


class TestForeignParent:
    def test_it_is_what_postfix_goes_by(self, below):
        """The prediction is by the key that Postfix finds, and says whose it is not."""
        verdict = VerdictRow.objects.get()

        assert (verdict.delivery, verdict.tls_status) == ("deliver", "Verified")
        assert (verdict.key, verdict.is_own) == (".example.com", False)

    def test_it_makes_nobody_compliant(self, below):
        """Without a released entry of its own the channel is pending, though mail flows Verified."""
        assert state() == "pending"

    def test_it_makes_nobody_violated(self, below):
        """Nor does a parent that defers mail move the channel."""
        other = f".example.com\tfingerprint match={self_signed('x.example').cert_fingerprint()}\n"
        publish(other, by=editor("ed2"), number=2)
        judge_nexthops([below.pk], now=NOON + HOUR)

        assert VerdictRow.objects.get().delivery == "defer"
        assert state() == "pending"

    def test_own_entry_comes_and_goes(self, below):
        """The channel is compliant from its own entry on, and pending again once that is in no map."""
        publish(f"{PARENT}sub.{PARENT[1:]}", by=editor("ed2"), number=2)
        judge_nexthops([below.pk], now=NOON + HOUR)
        assert state() == "compliant"

        publish(PARENT, by=editor("ed3"), number=3)
        judge_nexthops([below.pk], now=NOON + 2 * HOUR)
        assert state() == "pending"

    def test_own_parent_counts(self, below):
        """A dotted key of the same channel is an entry of its own."""
        Nexthop.objects.create(channel=below.channel, key=".example.com")
        judge_nexthops([below.pk], now=NOON + HOUR)

        assert VerdictRow.objects.get().is_own
        assert state() == "compliant"


class TestWhatAPartnerSees:
    def test_nothing_of_the_foreign_entry(self, below):
        """Neither outcome nor host: the page is the one of a channel for which nothing was released."""
        pat = member(below.channel.partner, invited_by=editor("ed2"))
        page = channel_page(pat, below.channel_id)

        assert page is not None
        assert (page.state, page.delivery, page.tls_status) == ("pending", "", "")
        assert (page.hosts, page.reasons, page.judged_at) == ((), (), None)

    def test_same_bytes_with_and_without_it(self, below):
        """The partner's page cannot be told from that of a portal in which the other partner does not exist."""
        pat = member(below.channel.partner, invited_by=editor("ed2"))
        client = Client()
        client.force_login(pat)
        path = reverse("portal-home")
        answers = []
        for text in (PARENT, "far.example\tencrypt\n"):
            publish(text, by=editor(f"ed{len(text)}"), number=len(answers) + 2)
            judge_nexthops([below.pk], now=NOON + HOUR)
            answers.append(client.get(path))

        assert [answer.status_code for answer in answers] == [200, 200]
        assert _shown(answers[0]) == _shown(answers[1])

    def test_mail_team_sees_what_applies(self, below):
        """The mail team sees the outcome that Postfix has today, and that it is no entry of this channel."""
        page = channel_page(editor("ed2"), below.channel_id)

        assert page is not None
        assert (page.state, page.delivery, page.applies) == ("pending", "deliver", ".example.com")

    def test_released_partner_sees_own_verdict(self, below):
        """With an entry of its own the partner sees outcome and hosts."""
        publish(f"sub.{PARENT[1:]}", by=editor("ed2"), number=2)
        judge_nexthops([below.pk], now=NOON + HOUR)
        page = channel_page(member(below.channel.partner, invited_by=editor("ed3")), below.channel_id)

        assert page is not None
        assert (page.state, page.delivery, len(page.hosts)) == ("compliant", "deliver", 1)


def _shown(answer) -> str:
    """The page without what differs from request to request."""
    lines = answer.content.decode().splitlines()
    return "\n".join(line for line in lines if "csrf" not in line and "nonce" not in line)


def test_folded_keys_are_one_key():
    """Postfix folds both sides: an entry straße.example is this channel's own when mail goes to it."""
    eda = editor()
    row = watched("straße.example", by=eda, agreed="encrypted", level="encrypt")
    publish("straße.example\tencrypt\n", by=eda)
    ask_dns(row)
    see(LEAF)

    assert VerdictRow.objects.get().is_own
    assert Channel.objects.get().intervals.get(valid_to=None).state == "compliant"
