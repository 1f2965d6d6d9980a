"""The partner's doors: what is read, what is refused and how, and who may not come in."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.models import AuditEntry, Partner, Pin, User
from tests.actions.people import channel, member, person
from tests.kit.ca import self_signed
from tests.reports.portal_world import Brixner, brixner, sent

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> Brixner:
    return brixner()


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def read(world: Brixner, **form: object):
    return browser(world.contact).post(reverse("portal-upload", args=[world.channel.pk]), form)


def test_a_certificate_is_shown_before_it_is_handed_in(world: Brixner) -> None:
    """Names, dates, key and fingerprints stand on the page, and nothing is kept."""
    before = Pin.objects.count()

    page = read(world, certificate=SimpleUploadedFile("mx-2027.pem", world.new.pem.encode())).content.decode()

    assert "mx-2027.pem" in page
    assert "mx1.brixner-achsen.example, mx2.brixner-achsen.example" in page
    assert "a new key" in page and "names all of your mail servers" in page
    assert world.new.cert_fingerprint()[:2] in page and "What our servers accept now" in page
    assert Pin.objects.count() == before


def test_what_was_shown_is_handed_in(world: Brixner) -> None:
    """The second form makes it a proposed pin, and the page says to wait."""
    client = browser(world.contact)
    shown = client.post(reverse("portal-upload", args=[world.channel.pk]), {"pasted": world.new.pem})
    content = shown.context["content"]

    page = client.post(reverse("portal-submit", args=[world.channel.pk]), {"content": content}, follow=True)

    assert b"Please do not switch yet" in page.content
    assert Pin.objects.get(state="proposed").proposed_by == world.contact


@pytest.mark.parametrize(
    "pasted, words",
    [
        pytest.param("", "it is empty", id="nothing"),
        pytest.param("hello, this is none", "is no certificate", id="no-certificate"),
        pytest.param("x" * 70_000, "larger than 64 KiB", id="too-large"),
        pytest.param("AA:BB:CC", "fingerprint", id="no-fingerprint"),
    ],
)
def test_refusals_say_cause_and_cure(world: Brixner, pasted: str, words: str) -> None:
    """What is not taken is told in the same place, with what to do instead."""
    answer = read(world, pasted=pasted)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert b"What to do:" in answer.content and b"Take another file" in answer.content


def test_a_private_key_is_refused_and_shown_nowhere(world: Brixner) -> None:
    """The key is neither kept, nor echoed, nor put into the journal."""
    answer = read(world, pasted=world.new.pem + world.new.key_pem)

    secret = world.new.key_pem.splitlines()[1]
    assert answer.status_code == 422 and b"holds a private key" in answer.content
    assert secret not in answer.content.decode()
    assert not any(secret in str(entry.detail) for entry in AuditEntry.objects.all())


def test_one_that_ran_out_is_refused(world: Brixner) -> None:
    """A certificate whose end has passed is none that anybody is going to install."""
    past = timezone.now() - timedelta(days=1)
    ended = self_signed("mx1.brixner-achsen.example", not_before=past - timedelta(days=9), not_after=past)

    assert b"it ran out on" in read(world, pasted=ended.pem).content


def test_one_that_this_channel_has_is_told(world: Brixner) -> None:
    """In use, or sent before: nothing is left to do, and the second form refuses it too."""
    sent(world, world.new, by=world.contact)

    assert b"our servers accept now" in read(world, pasted=world.old.pem).content
    assert b"we have not checked it yet" in read(world, pasted=world.new.pem).content


def test_one_that_another_partner_has_is_news(world: Brixner) -> None:
    """That somebody else announced the same certificate is never told."""
    other = channel(Partner.objects.create(name="Rivet"), "rivet.example", by=world.team)
    Pin.objects.create(
        channel=other,
        of_key=False,
        digests={"sha256": world.new.cert_fingerprint()},
        proposed_by=world.team,
        proposed_at=timezone.now(),
    )

    assert read(world, pasted=world.new.pem).status_code == 200


def test_a_name_of_a_stranger_is_text(world: Brixner) -> None:
    """A certificate name that would be a script stays a text."""
    hostile = self_signed("mx1.brixner-achsen.example", common_name="<script>alert(1)</script>")

    page = read(world, pasted=hostile.pem).content.decode()

    assert "<script>alert" not in page


@pytest.mark.parametrize("name", ["portal-upload", "portal-submit"])
def test_nobody_sends_for_another(world: Brixner, name: str) -> None:
    """Another partner's contact, the mail team and management find no such page."""
    rivet = Partner.objects.create(name="Rivet")
    strangers = [
        member(rivet, invited_by=world.team, name="owen"),
        world.team,
        person("max", User.Role.MANAGEMENT),
    ]

    codes = {
        browser(one).post(reverse(name, args=[world.channel.pk]), {"pasted": "x"}).status_code for one in strangers
    }

    assert codes == {404}


def test_taking_back_is_for_the_own_partner(world: Brixner) -> None:
    """A pin of somebody else cannot be taken back; one's own can, until it is decided."""
    pin = sent(world, world.new, by=world.contact)
    stranger = member(Partner.objects.create(name="Rivet"), invited_by=world.team, name="owen")

    refused = browser(stranger).post(reverse("portal-withdraw", args=[pin.pk]))
    taken = browser(world.contact).post(reverse("portal-withdraw", args=[pin.pk]), follow=True)

    assert refused.status_code == 404
    assert b"Taken back." in taken.content and Pin.objects.get(pk=pin.pk).state == "withdrawn"


def test_upload_opens_with_post_alone(world: Brixner) -> None:
    """Following a link sends nothing."""
    assert browser(world.contact).get(reverse("portal-upload", args=[world.channel.pk])).status_code == 405


def test_without_an_agreement_the_page_says_so() -> None:
    """A contact whose partner has no channel yet reads that somebody is at work."""
    team = person("eda", User.Role.EDITOR)
    contact = member(Partner.objects.create(name="New"), invited_by=team)

    page = browser(contact).get(reverse("portal-home")).content.decode()

    assert "There is no agreement about your domains yet" in page
