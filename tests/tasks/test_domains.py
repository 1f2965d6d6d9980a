"""Mail domains are looked at with a real resolver and a real web server; what moved is on the timeline."""

import socket
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.utils import timezone

from partners.actions.domains import claim_domains, record_domain
from partners.core.domain import DomainFacts
from partners.fetch.https import Rules
from partners.models import DomainChange, DomainWatch, Nexthop, Partner, User
from partners.probe import domain as probe_domain
from partners.reports.timeline import seen_changes
from partners.tasks import domains as tasks_domains
from partners.tasks.domains import fetch_policy, look_at, watch_domains
from tests.actions.people import channel, editor
from tests.kit.ca import root_ca
from tests.kit.httpsd import httpsd

pytestmark = pytest.mark.django_db
CA = root_ca()
POLICY = b"version: STSv1\nmode: testing\nmx: mx.example.com\nmax_age: 86400\n"
PATH = "/.well-known/mta-sts.txt"
CLOSED = Rules(ports={443})


def answer(body, status=b"200 OK"):
    return b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.fixture
def partner():
    return channel(Partner.objects.create(name="Moved"), "moved.example", by=editor())


@pytest.fixture
def hook():
    with httpsd(CA.leaf("localhost")) as server:
        yield server


@pytest.fixture
def rules(hook, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text(CA.pem)
    networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    return Rules(networks=networks, ports={hook.port}, ca_file=str(path), seconds=2.0)


class TestPolicy:
    def test_fetched(self, hook, rules):
        """A policy under a certificate of that name is read."""
        hook.answer = answer(POLICY)

        assert fetch_policy(hook.url(PATH), rules) == "testing, mx mx.example.com; max_age 86400"
        assert hook.requests[0].line.startswith(f"GET {PATH} ")

    @pytest.mark.parametrize("status", [b"301 Moved", b"404 Not Found", b"500 Oops"])
    def test_no_policy_behind_another_answer(self, hook, rules, status):
        """A redirect is not followed, and an error says nothing about the policy."""
        hook.answer = answer(POLICY, status).replace(b"\r\n\r\n", b"\r\nLocation: https://localhost/\r\n\r\n", 1)

        assert fetch_policy(hook.url(PATH), rules) is None
        assert len(hook.requests) == 1

    def test_certificate_of_nobody_known(self, hook, rules):
        """Without a certificate that verifies nothing is known."""
        hook.answer = answer(POLICY)

        assert fetch_policy(hook.url(PATH), Rules(networks=rules.networks, ports=rules.ports, seconds=2.0)) is None

    def test_address_that_is_not_allowed(self, hook, rules):
        """A domain that points its policy at our own network is not followed there."""
        assert fetch_policy(hook.url(PATH), Rules(ports=rules.ports, ca_file=rules.ca_file)) is None
        assert hook.connections == 0

    def test_no_policy_at_all(self, hook, rules):
        """What answers with a page has no usable policy, and the reason is told."""
        hook.answer = answer(b"<html>")

        assert fetch_policy(hook.url(PATH), rules) == "unusable: a line is none of the form name: value"


@pytest.mark.lab
class TestDomain:
    def look(self, moment):
        (claim,) = claim_domains(5, now=moment)
        found, policy_id = look_at(claim, CLOSED)
        assert record_domain(claim, found, policy_id=policy_id, now=moment)

    def test_changed_name_servers(self, partner, dns, settings):
        """The first look moves nothing; another set of name servers is told with both, and stands on the timeline."""
        settings.RESOLVER = f"{dns.address}:{dns.port}"
        zone = dns.zone("moved.example")
        now = timezone.now()
        self.look(now)
        before = DomainWatch.objects.get().facts["name_servers"]
        assert before
        assert DomainChange.objects.count() == 0

        zone.add("@ NS ns.stranger.example.")
        self.look(now + timedelta(days=1))

        change = DomainChange.objects.get()
        assert (change.what, change.before) == ("name-servers", ", ".join(before))
        assert "ns.stranger.example" in change.after
        assert any("ns.stranger.example" in moved[2] for one in seen_changes(partner) for moved in one.moved)

    def test_record_without_a_reachable_policy(self, partner, dns, settings):
        """A domain that announces a policy nobody can read: nothing is known of it, and it is asked again soon."""
        settings.RESOLVER = f"{dns.address}:{dns.port}"
        dns.zone("moved.example").add('_mta-sts TXT "v=STSv1; id=20261124;"')
        now = timezone.now()
        self.look(now)

        row = DomainWatch.objects.get()
        assert row.facts["policy"] is None
        assert row.due_at < now + timedelta(hours=2)


def test_lost_lease(partner):
    """Who comes after the lease was taken by another writes nothing."""
    now = timezone.now()
    (first,) = claim_domains(5, now=now)
    assert claim_domains(5, now=now) == []
    (second,) = claim_domains(5, now=now + timedelta(minutes=6))

    assert not record_domain(first, DomainFacts(("a",), ""), policy_id="", now=now)
    assert record_domain(second, DomainFacts(("b",), ""), policy_id="", now=now)
    assert DomainWatch.objects.get().facts["name_servers"] == ["b"]


def test_slow_domains_hold_nobody_up(partner, settings, monkeypatch):
    """Where the DNS does not answer, the time is over after one domain, and no lease is kept on the others."""
    Nexthop.objects.bulk_create(Nexthop(channel=partner, key=f"slow{number}.example") for number in range(3))
    monkeypatch.setattr(probe_domain, "_SECONDS", 0.2)
    monkeypatch.setattr(tasks_domains, "_LONGEST_SECONDS", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        settings.RESOLVER = f"127.0.0.1:{silent.getsockname()[1]}"
        watch_domains()

    assert DomainWatch.objects.filter(looked_at__isnull=False).count() == 1
    assert DomainWatch.objects.filter(lease_until__isnull=False).count() == 0


def test_only_mail_domains(partner):
    """A key in brackets or with a leading dot is no mail domain."""
    for key in ("[mx.example.com]:25", ".below.example"):
        Nexthop.objects.create(channel=partner, key=key)

    assert [one.mail_domain for one in claim_domains(9, now=timezone.now())] == ["moved.example"]
    assert User.objects.count() == 1
