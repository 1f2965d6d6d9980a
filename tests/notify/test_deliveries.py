"""One message about one alert: what stops it for good, what is tried again, and what it says in which language."""

import hashlib
import hmac
import json
import smtplib
from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.utils import timezone

from partners.actions.targets import add_target
from partners.core.alarms import Severity
from partners.models import Alert, AlertDelivery, AlertPartner, NoticeTarget, Partner
from partners.notify import mail, webhook
from partners.notify.content import NAMED_MAX, content_of
from partners.notify.errors import DeliveryError
from tests.actions.people import approver, channel, editor
from tests.kit.ca import root_ca
from tests.kit.httpsd import httpsd

pytestmark = pytest.mark.django_db
ROOT = root_ca()


def about(*names: str, target: NoticeTarget | None = None, **fields: object) -> AlertDelivery:
    """A message that mail to the partners of these *names* stops."""
    eda, now = editor(), timezone.now()
    alert = Alert.objects.create(
        cause="fingerprint-mismatch", severity=Severity.STOPPED.value, grouping="x", day=now.date(), opened_at=now,
        where="192.0.2.1:25", place="192.0.2.1:25",
    )  # fmt: skip
    for name in names:
        partner = Partner.objects.create(name=name)
        part = AlertPartner.objects.create(
            alert=alert, partner=partner, cause=alert.cause, day=alert.day, opened_at=now
        )
        part.channels.add(channel(partner, f"{''.join(filter(str.isalnum, name)).lower()}.example", by=eda))
    return AlertDelivery.objects.create(
        **{
            "alert": alert, "kind": "raised", "target": target, "via": "mail", "address": "team@house.example",
            "day": alert.day, "planned_at": now, **fields,
        }
    )  # fmt: skip


class TestMail:
    @pytest.fixture(autouse=True)
    def relay(self, settings):
        settings.MAIL_CONFIGURED, settings.DEFAULT_FROM_EMAIL = True, "Portal <portal@house.example>"

    def test_the_first_words_say_what_happens_to_mail(self):
        """Harm, then whose; marked as automatic, and one message even if it is sent twice."""
        delivery = about("Fjordbank")
        mail.send(delivery)
        mail.send(delivery)

        first, second = outbox.outbox
        assert first.subject == "[tlsportal] Mail stops: Fjordbank"
        assert first.extra_headers["Auto-Submitted"] == "auto-generated"
        assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
        assert first.extra_headers["Message-ID"].endswith("@house.example>")

    def test_many_partners_stay_a_mail(self):
        """Fifty by name and a number for the rest, in as many queries as for one."""
        mail.send(about(*(f"Partner {number:03}" for number in range(NAMED_MAX + 7))))

        text = outbox.outbox[0].body
        assert outbox.outbox[0].subject == "[tlsportal] Mail stops: 57 partners, 192.0.2.1:25"
        assert "Partner 049" in text
        assert "Partner 050" not in text
        assert "and 7 further partners" in text

    def test_a_name_with_a_line_break(self):
        """A name begins no header of its own."""
        mail.send(about("Fjord\nBcc: eve@evil.example"))

        assert "\n" not in outbox.outbox[0].subject

    def test_a_fixed_number_of_queries(self, django_assert_max_num_queries):
        """However many partners there are."""
        delivery = about(*(f"P{number}" for number in range(30)))
        with django_assert_max_num_queries(7):
            content_of(delivery)

    @pytest.mark.parametrize(
        ("fault", "permanent"),
        [
            (smtplib.SMTPRecipientsRefused({"a": (550, b"no such user")}), True),
            (smtplib.SMTPRecipientsRefused({"a": (450, b"greylisted")}), False),
            (smtplib.SMTPDataError(554, b"refused"), True),
            (smtplib.SMTPSenderRefused(451, b"later", "a"), False),
            (smtplib.SMTPAuthenticationError(535, b"no"), False),
            (smtplib.SMTPServerDisconnected("gone"), False),
            (ConnectionRefusedError("refused"), False),
            (TimeoutError("slow"), False),
        ],
    )
    def test_what_is_tried_again(self, monkeypatch, fault, permanent):
        """A 5xx of the recipient is for good; all that a person of ours can mend is not."""

        def breaks(*_args, **_kwargs):
            raise fault

        monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", breaks)
        with pytest.raises(DeliveryError) as caught:
            mail.send(about("Fjordbank"))

        assert caught.value.permanent is permanent

    def test_no_relay_is_named(self, settings):
        """It waits, with the setting that is missing."""
        settings.MAIL_CONFIGURED = False
        with pytest.raises(DeliveryError, match="TLSPORTAL_MAIL_RELAY") as caught:
            mail.send(about("Fjordbank"))

        assert caught.value.permanent is False


class TestWebhook:
    @pytest.fixture
    def hook(self, settings, tmp_path):
        path = tmp_path / "ca.pem"
        path.write_text(ROOT.pem)
        settings.NOTICE_NETWORKS, settings.NOTICE_CA = ["127.0.0.0/8", "::1/128"], str(path)
        with httpsd(ROOT.leaf("localhost")) as server:
            settings.NOTICE_PORTS = [str(server.port)]
            yield server

    @pytest.fixture
    def made(self, hook):
        return add_target(NoticeTarget.Via.WEBHOOK, hook.url(), by=approver(), now=timezone.now())

    def test_signed_body(self, hook, made):
        """The digest is over the time and the very bytes; a repeated delivery has the same number."""
        delivery = about("Fjordbank", target=made.target, via="webhook", address=hook.url())
        webhook.send(delivery, clock=lambda: 1_764_000_000)

        (request,) = hook.requests
        expected = hmac.new(made.secret.encode(), b"1764000000." + request.body, hashlib.sha256).hexdigest()
        assert request.headers["tlsportal-signature"] == f"t=1764000000,v1={expected}"
        assert request.headers["tlsportal-delivery"] == str(delivery.pk)
        assert json.loads(request.body)["partners"][0]["name"] == "Fjordbank"

    @pytest.mark.parametrize(
        ("answer", "permanent"),
        [("404 Gone", True), ("429 Slow", False), ("500 Oops", False), ("301 There\r\nLocation: https://x/", True)],
    )
    def test_answers(self, hook, made, answer, permanent):
        """A redirect is not followed; what may pass by itself is tried again."""
        hook.answer = f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode()
        with pytest.raises(DeliveryError) as caught:
            webhook.send(about("Fjordbank", target=made.target, via="webhook", address=hook.url()))

        assert (caught.value.permanent, len(hook.requests)) == (permanent, 1)

    def test_an_inner_address_is_never_reached(self, hook, made, settings):
        """A setting that was taken back counts at once."""
        settings.NOTICE_NETWORKS = []
        with pytest.raises(DeliveryError, match="loopback") as caught:
            webhook.send(about("Fjordbank", target=made.target, via="webhook", address=hook.url()))

        assert (caught.value.permanent, hook.connections) == (True, 0)

    def test_another_portal_key(self, hook, made, settings):
        """A former key still signs; once it is gone, a new secret is asked for."""
        delivery = about("Fjordbank", target=made.target, via="webhook", address=hook.url())
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "n" * 50
        webhook.send(delivery)

        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(DeliveryError, match="make a new one"):
            webhook.send(delivery)

    def test_heartbeat(self, hook):
        """A plain question, so that somebody outside misses it."""
        webhook.beat(hook.url("/beat"))

        assert hook.requests[0].line == "GET /beat HTTP/1.1"


def test_a_partners_own_words():
    """The partner reads of its own keys, what to do, and nothing of the shared place or of others."""
    delivery = about("Fjordbank", "Rivet and Sons", address="kim@fjordbank.example")
    delivery.partner = Partner.objects.get(name="Fjordbank")
    delivery.alert.breaks_at = timezone.now() + timedelta(days=3)

    message = mail.message_of(delivery)

    assert message.subject == "Mail stops: your mail servers, fjordbank.example"
    assert "Upload the new one" in message.body
    assert "ivet" not in message.body
    assert "192.0.2.1" not in message.body
