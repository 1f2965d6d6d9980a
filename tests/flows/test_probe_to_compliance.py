"""From a row that is due to the state on the page: real DNS, real peers, the probe and the map in force."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from partners.core.schedule import RETRY_SHORTEST
from partners.models import Address, Artefact, ComplianceInterval, Nexthop, Sighting, VerdictRow
from partners.tasks.probing import probe_asked, probe_due
from tests.actions.people import editor
from tests.actions.watched import publish, watched
from tests.kit.ca import self_signed
from tests.kit.lab import V4
from tests.kit.script import CLOSING_421, Script

pytestmark = [pytest.mark.django_db, pytest.mark.lab]
KEY = "acme.example"
LEAF, RENEWED = self_signed("mx.acme.example"), self_signed("mx.acme.example")


@pytest.fixture(autouse=True)
def probe_settings(settings, dns):
    """The probe may speak to the lab and asks the kit's resolver."""
    settings.PROBE_NETWORKS, settings.PROBE_EHLO = [str(V4)], "probe.house.example"
    settings.RESOLVER = f"{dns.address}:{dns.port}"


@pytest.fixture
def peer(lab, dns, smtpd):
    """The partner's only mail server, which shows LEAF."""
    peer = smtpd.peer(lab.address(), leaf=LEAF)
    dns.zone(KEY).add("@ MX 10 mx", f"mx A {peer.address}")
    return peer


@pytest.fixture
def nexthop(peer):
    """The partner's key, due now, with LEAF pinned on the relays."""
    eda = editor()
    row = watched(KEY, by=eda)
    publish(f"{KEY}\tfingerprint match={LEAF.cert_fingerprint()}\n", by=eda, at=timezone.now())
    Nexthop.objects.update(due_at=timezone.now())
    return row


def due_again():
    """Let time pass."""
    for model in (Nexthop, Address):
        model.objects.update(due_at=timezone.now())


def told():
    verdict = VerdictRow.objects.get()
    return verdict.dsn, verdict.tls_status


def state():
    row = ComplianceInterval.objects.get(valid_to=None)
    return row.state, row.cause


class TestRound:
    def test_pinned_is_compliant(self, nexthop, peer):
        """One tick: looked up, spoken to, recorded, judged."""
        probe_due()

        assert state() == ("compliant", "")
        assert VerdictRow.objects.get().tls_status == "Verified"
        assert Sighting.objects.get().endpoint.address.address == peer.address

    def test_never_mail(self, nexthop, peer):
        """The peer hears a greeting and STARTTLS, never MAIL."""
        probe_due()

        verbs = peer.wait_for_visits()[0].verbs
        assert verbs[0] == "EHLO"
        assert not {"MAIL", "RCPT", "DATA"} & set(verbs)

    def test_renewed_without_notice(self, nexthop, peer):
        """One cycle after the partner renewed, the portal says that mail would be deferred, and why."""
        probe_due()
        peer.present(RENEWED)
        due_again()
        probe_due()

        assert state() == ("violated", "fingerprint-mismatch")
        assert VerdictRow.objects.get().delivery == "defer"

    def test_postfix_does_what_the_page_says(self, nexthop, peer, postfix):
        """A real Postfix with the same map delivers, and after the renewal defers, as the verdict told."""
        relay = postfix(policy=Artefact.objects.get().text)
        probe_due()
        delivered = relay.deliver(f"someone@{KEY}")
        assert (delivered.dsn, delivered.tls) == told()

        peer.present(RENEWED)
        due_again()
        probe_due()
        deferred = relay.outcome(relay.send(f"someone@{KEY}"))
        assert (deferred.dsn, deferred.tls) == told() == ("4.7.5", "Untrusted")

    def test_mx_moved(self, nexthop, peer, lab, dns, smtpd):
        """An MX record that moves to another host is spoken to there, and what it shows is no match."""
        probe_due()
        other = smtpd.peer(lab.address(), leaf=self_signed("mx.thief.example"))
        dns.zone(KEY).replace("@ MX 10 mx2").add(f"mx2 A {other.address}")
        due_again()
        probe_due()

        assert state() == ("violated", "fingerprint-mismatch")
        assert [row["address"] for row in VerdictRow.objects.get().hosts] == [other.address]

    def test_421(self, nexthop, peer):
        """A peer that is busy moves no state, and is left alone for a while."""
        probe_due()
        peer.play(Script(replies={"GREETING": CLOSING_421}))
        due_again()
        probe_due()

        row = ComplianceInterval.objects.get(valid_to=None)
        assert (row.state, row.unknown_since is None) == ("compliant", False)
        assert Address.objects.get().backed_off_until > timezone.now() + RETRY_SHORTEST / 2

    def test_resolver_down(self, nexthop, peer, dns):
        """A lookup that fails is unknown, never violated."""
        probe_due()
        dns.drop(KEY)
        dns.servfail(KEY)
        due_again()
        probe_due()

        assert state()[0] == "compliant"
        assert VerdictRow.objects.get().delivery == "unknown"

    def test_asked_alone(self, nexthop, peer, dns):
        """The control queue takes what was asked for and nothing else."""
        other = watched("other.example")
        Nexthop.objects.filter(pk=nexthop.pk).update(asked_by="person")
        Nexthop.objects.filter(pk=other.pk).update(due_at=timezone.now())
        probe_asked()

        assert state_of(nexthop) == "compliant"
        assert not other.dns_sightings.exists()


class TestCommand:
    def test_one(self, nexthop, peer, capsys):
        """The command says what it did, and what it means, as JSON."""
        call_command("probe", KEY, "--json")

        out, progress = capsys.readouterr()
        told = json.loads(out)
        assert (told["nexthops"], told["endpoints"], told["handshakes"], told["recorded"]) == (1, 1, 1, 1)
        assert told["verdicts"][0]["tls_status"] == "Verified"
        assert f"{peer.address}:25 handshake" in progress

    def test_slow_lane(self, nexthop, peer, capsys):
        """What is left to the slow lane is looked at there in the same run, and counted apart; or left to workers."""
        call_command("probe", KEY, "--json")
        Address.objects.update(is_slow=True, claimed_at=None)
        capsys.readouterr()

        call_command("probe", "--all", "--fast", "--json")
        left = json.loads(capsys.readouterr().out)
        call_command("probe", "--all", "--json")
        done = json.loads(capsys.readouterr().out)

        assert (left["endpoints"], left["slow"]["endpoints"], left["slow"]["addresses"]) == (0, 0, 1)
        assert (done["endpoints"], done["slow"]["handshakes"]) == (0, 1)

    def test_all(self, nexthop, peer, capsys):
        """All keys in one round; a name without an address counts as looked up."""
        watched("nowhere.example")
        call_command("probe", "--all")

        assert "2 nexthops, 1 sessions, 1 handshakes" in capsys.readouterr().out

    def test_stranger(self, capsys):
        """A nexthop of no channel is refused with the way out."""
        with pytest.raises(CommandError, match="predict"):
            call_command("probe", "stranger.example")


def state_of(nexthop):
    return ComplianceInterval.objects.get(channel=nexthop.channel, valid_to=None).state
