"""Settings of the notices: addresses, secrets that are shown once, what is set for a partner."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import AuditEntry, NoticeTarget, Partner, PartnerNotices, User
from tests.actions.people import approver, channel, editor, member, person

pytestmark = pytest.mark.django_db
URL = "/settings/notices/"
MAIL = {"via": "mail", "address": "team@house.example", "language": "de", "least": "2"}
HOOK = {"via": "webhook", "address": "https://hooks.example.com/a", "language": "en", "least": "4"}


def signed_in(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


@pytest.fixture
def ann() -> Client:
    return signed_in(approver())


def test_a_mail_address_is_added(ann: Client) -> None:
    """With language and severity; the trail says who."""
    answer = ann.post(URL, MAIL, follow=True)

    target = NoticeTarget.objects.get()
    assert (target.address, target.language, target.least) == ("team@house.example", "de", 2)
    assert "from now on" in answer.content.decode()
    assert AuditEntry.objects.get(act="notice-target.added").detail["address"] == "team@house.example"


def test_a_webhooks_secret_is_shown_once(ann: Client) -> None:
    """In the answer alone: the next look at the page does not have it, nor does the database."""
    first = ann.post(URL, HOOK)
    secret = re.search(r"whsec_[0-9a-f]{64}", first.content.decode())
    assert secret is not None
    assert first["Cache-Control"].startswith("max-age=0")

    assert secret[0] not in ann.get(URL).content.decode()
    renewed = re.search(r"whsec_[0-9a-f]{64}", ann.post(reverse("notice-renew", args=[1])).content.decode())
    assert renewed is not None
    assert renewed[0] != secret[0]


@pytest.mark.parametrize(
    "given",
    [
        {**MAIL, "address": "no address"},
        {**MAIL, "address": "team@house.example\nBcc: eve@evil.example"},
        {**MAIL, "language": "xx"},
        {**MAIL, "least": "9"},
        {**MAIL, "via": "pigeon"},
        {**HOOK, "address": "http://hooks.example.com/"},
        {**HOOK, "address": "https://127.0.0.1/"},
        {**HOOK, "address": "https://hooks.example.com:22/"},
    ],
)
def test_what_cannot_be_told_is_refused(ann: Client, given: dict[str, str]) -> None:
    """Beside the field, and nothing is kept."""
    assert ann.post(URL, given).status_code == 422
    assert not NoticeTarget.objects.exists()


def test_twice(ann: Client) -> None:
    """One address is told once; after it was removed it can be added again."""
    ann.post(URL, MAIL)
    assert "it is told already" in ann.post(URL, MAIL).content.decode()

    ann.post(reverse("notice-remove", args=[NoticeTarget.objects.get().pk]))
    ann.post(URL, MAIL)
    assert NoticeTarget.objects.filter(removed_at=None).count() == 1


def test_editors_read_and_approvers_write(ann: Client) -> None:
    """Whoever is told learns of all partners: an editor alone adds nobody."""
    ann.post(URL, HOOK)
    eda, pk = signed_in(editor()), NoticeTarget.objects.get().pk

    assert "An approver adds" in eda.get(URL).content.decode()
    assert eda.post(URL, MAIL).status_code == 404
    assert eda.post(reverse("notice-renew", args=[pk])).status_code == 404
    assert eda.post(reverse("notice-remove", args=[pk])).status_code == 404
    assert NoticeTarget.objects.get().removed_at is None


@pytest.mark.parametrize("name", ["notice-settings", "notice-renew", "notice-remove", "partner-notices"])
def test_others_may_not(name: str) -> None:
    """To management, partners and nobody it does not exist."""
    eda = editor()
    partner = Partner.objects.create(name="Fjordbank")
    url = reverse(name, args=[] if name == "notice-settings" else [partner.pk])
    for who in (person("max", User.Role.MANAGEMENT), member(partner, invited_by=eda), person("nell")):
        client = signed_in(who)
        assert client.get(url).status_code in {404, 405}
        assert client.post(url, MAIL).status_code == 404
    assert Client().post(url).status_code == 302
    assert not NoticeTarget.objects.exists()


class TestPartner:
    @pytest.fixture
    def partner(self) -> Partner:
        eda = editor()
        found = Partner.objects.create(name="Fjordbank", owner=eda)
        channel(found, "fjordbank.example", by=eda)
        return found

    def test_contacts_are_told(self, ann: Client, partner: Partner) -> None:
        """Switched on for this partner, with a warning time of its own."""
        ann.post(reverse("partner-notices", args=[partner.pk]), {"contacts_told": "on", "warn_percent": "30"})

        row = PartnerNotices.objects.get()
        assert (row.partner, row.contacts_told, row.warn_percent) == (partner, True, 30)
        assert AuditEntry.objects.get(act="partner-notices.set").detail == {"contacts_told": True, "warn_percent": 30}

    @pytest.mark.parametrize("percent", ["0", "91", "x", "-1"])
    def test_a_share_is_a_share(self, ann: Client, partner: Partner, percent: str) -> None:
        """From 1 to 90 percent."""
        answer = ann.post(reverse("partner-notices", args=[partner.pk]), {"warn_percent": percent})

        assert answer.status_code == 422
        assert not PartnerNotices.objects.exists()
