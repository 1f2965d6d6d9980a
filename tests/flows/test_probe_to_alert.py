"""From a certificate that was renewed untold to the people who must know: once, at the first cycle, and when it is over.

Real DNS, a real peer, a real SMTP server and a real HTTPS server; every message leaves by the worker's own task.
"""

import hashlib
import hmac
import json
import re
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.utils import timezone

from partners.actions.targets import add_target
from partners.core.alarms import STEADY
from partners.core.webhooks import signature
from partners.models import (
    Address,
    Alert,
    AlertDelivery,
    AlertPartner,
    AuditEntry,
    Contact,
    Cycle,
    Nexthop,
    NoticeTarget,
    PartnerNotices,
)
from partners.tasks.alerts import deliver_due
from partners.tasks.probing import probe_due
from tests.actions.people import approver, editor
from tests.actions.watched import publish, watched
from tests.kit.ca import root_ca, self_signed
from tests.kit.httpsd import httpsd
from tests.kit.lab import V4
from tests.kit.script import Script

pytestmark = [pytest.mark.django_db, pytest.mark.lab]
KEY = "acme.example"
LEAF, RENEWED = self_signed("mx.acme.example"), self_signed("mx.acme.example")
ROOT = root_ca()


@pytest.fixture(autouse=True)
def portal(settings, dns, smtpd, tmp_path):
    """The portal's surroundings: resolver, mail relay, and what webhooks may reach."""
    sink = smtpd.peer(script=Script(starttls_offered=False))
    settings.PROBE_NETWORKS, settings.PROBE_EHLO = [str(V4)], "probe.house.example"
    settings.RESOLVER = f"{dns.address}:{dns.port}"
    settings.EMAIL_BACKEND, settings.MAIL_CONFIGURED = "django.core.mail.backends.smtp.EmailBackend", True
    settings.EMAIL_HOST, settings.EMAIL_PORT = sink.address, sink.port
    settings.DEFAULT_FROM_EMAIL = "portal@house.example"
    settings.NOTICE_NETWORKS, settings.NOTICE_CA = ["127.0.0.0/8", "::1/128"], str(tmp_path / "ca.pem")
    (tmp_path / "ca.pem").write_text(ROOT.pem)
    return sink


@pytest.fixture
def hook(settings):
    """A web server of the house's own chat."""
    with httpsd(ROOT.leaf("localhost")) as server:
        settings.NOTICE_PORTS = [str(server.port)]
        yield server


@pytest.fixture
def peer(lab, dns, smtpd):
    """The partner's only mail server, which shows LEAF."""
    peer = smtpd.peer(lab.address(), leaf=LEAF)
    dns.zone(KEY).add("@ MX 10 mx", f"mx A {peer.address}")
    return peer


@pytest.fixture
def nexthop(peer, hook):
    """The partner's key with LEAF pinned on the relays; a mail address and a webhook of the house are told."""
    eda, ann = editor(), approver()
    row = watched(KEY, by=eda)
    publish(f"{KEY}\tfingerprint match={LEAF.cert_fingerprint()}\n", by=eda, at=timezone.now())
    add_target(NoticeTarget.Via.MAIL, "team@house.example", by=ann, now=timezone.now())
    row.secret = add_target(NoticeTarget.Via.WEBHOOK, hook.url(), by=ann, now=timezone.now()).secret
    return row


def cycle():
    """Let an hour pass: everything is due, and both workers are woken by the beat; then the minute of settling."""
    for model in (Nexthop, Address):
        model.objects.update(due_at=timezone.now())
    probe_due()
    deliver_due()
    AlertDelivery.objects.filter(next_try_at__isnull=False).update(next_try_at=timezone.now())
    deliver_due()


def mails(sink):
    return [message_from_bytes(one.content, policy=policy.default) for one in sink.messages]


def test_probe_to_alert(nexthop, peer, hook, portal):
    """One cycle after an untold renewal: one alert, one mail, one signed webhook; then nothing more; then it is over."""
    cycle()
    assert (Alert.objects.count(), portal.messages, hook.requests) == (0, [], [])

    peer.present(RENEWED)
    cycle()
    (alert,) = Alert.objects.all()
    (mail,) = mails(portal)
    (request,) = hook.requests
    assert (alert.cause, alert.place) == ("fingerprint-mismatch", f"{peer.address}:25")
    assert mail["To"] == "team@house.example"
    assert mail["Subject"] == "[tlsportal] Mail stops: Partner acme.example"
    assert "comes back at the latest" in mail.get_content()
    told = json.loads(request.body)
    assert (told["kind"], told["severity"], told["cause"]) == ("raised", "stopped", "fingerprint-mismatch")
    assert told["partners"][0]["nexthops"] == [KEY]
    assert is_signed(request, nexthop.secret)

    cycle()
    assert (Alert.objects.count(), len(portal.messages), len(hook.requests)) == (1, 1, 1)

    peer.present(LEAF)
    cycle()
    assert len(portal.messages) == 1  # not before it is steady
    AlertPartner.objects.update(calm_since=timezone.now() - STEADY)
    cycle()
    assert mails(portal)[1]["Subject"] == "[tlsportal] Over: Mail stops: Partner acme.example"
    assert json.loads(hook.requests[1].body)["kind"] == "recovered"
    assert Alert.objects.get().closed_at is not None
    assert set(Cycle.objects.values_list("name", flat=True)) == {"probe", "alerts"}


def is_signed(request, secret):
    """As a receiver checks it, with nothing but the secret and the header."""
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers["tlsportal-signature"])
    expected = hmac.new(secret.encode(), found[1].encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert signature(secret, int(found[1]), request.body) == request.headers["tlsportal-signature"]
    return hmac.compare_digest(found[2], expected)


def test_partner_is_told_of_itself_alone(nexthop, peer, lab, dns, portal):
    """Two partners on one address: each one's contact reads its own keys, what to do, and of nobody else."""
    other = watched("rivet.example")
    dns.zone("rivet.example").add(f"@ MX 10 mx.{KEY}.")
    text = "".join(f"{key}\tfingerprint match={LEAF.cert_fingerprint()}\n" for key in (KEY, "rivet.example"))
    publish(text, by=editor("e2"), number=2, at=timezone.now())
    eve = editor("eve")
    for row, language in ((nexthop, "en"), (other, "de")):
        partner = row.channel.partner
        Contact.objects.create(partner=partner, name="Kim", email=f"kim@{row.key}", language=language)
        PartnerNotices.objects.create(partner=partner, contacts_told=True, changed_by=eve, changed_at=timezone.now())
    cycle()
    peer.present(RENEWED)
    cycle()

    found = {one["To"]: one.get_content() for one in mails(portal)}
    assert set(found) == {"team@house.example", f"kim@{KEY}", "kim@rivet.example"}
    assert KEY in found["team@house.example"]
    assert "rivet.example" in found["team@house.example"]
    assert "Your certificate is none of those announced to us" in found[f"kim@{KEY}"]
    assert "rivet" not in found[f"kim@{KEY}"]
    assert "Partner" not in found[f"kim@{KEY}"]


def test_a_receiver_that_is_away(nexthop, peer, hook, portal):
    """Its trouble is nobody else's: the mail leaves, the webhook is tried again later, and arrives once."""
    cycle()
    hook.answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    peer.present(RENEWED)
    cycle()
    row = AlertDelivery.objects.get(via="webhook")
    assert (len(portal.messages), row.sent_at, row.attempts) == (1, None, 1)
    assert timezone.now() < row.next_try_at < timezone.now() + timedelta(minutes=2)

    hook.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    cycle()
    row.refresh_from_db()
    assert (row.attempts, row.sent_at is None, row.next_try_at) == (2, False, None)


def test_secrets_stay_secret(nexthop):
    """The webhook's secret is in no row and no audit entry: the database alone signs nothing."""
    target = NoticeTarget.objects.get(via="webhook")

    assert nexthop.secret.startswith("whsec_")
    assert nexthop.secret not in json.dumps([target.nonce, target.key_id, target.address])
    assert nexthop.secret not in json.dumps([entry.detail for entry in AuditEntry.objects.all()])
