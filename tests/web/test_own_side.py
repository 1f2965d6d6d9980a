"""Partners read the certificates of our own servers; the mail team says which."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from partners.core.certificates import cert_fingerprint, pkey_fingerprint
from partners.models import AuditEntry, OwnCertificate, Partner, User
from tests.actions.people import approver, channel, editor, member
from tests.kit.ca import root_ca, self_signed

pytestmark = pytest.mark.django_db

URL, THEIRS = "/settings/our-certificates/", "/portal/ours/"
NOW = self_signed("mx1.house.example")


@pytest.fixture
def ann() -> User:
    return approver("ann")


@pytest.fixture
def pat(ann: User) -> User:
    """A person of a partner's."""
    partner = Partner.objects.create(name="Acme")
    channel(partner, "acme.example", by=editor())
    return member(partner, invited_by=ann)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def given(user: User, text: str, names: str = "mx1.house.example\nMX2.house.example.") -> Any:
    return browser(user).post(URL, {"names": names, "pasted": text})


def test_a_partner_reads_what_was_added(ann: User, pat: User) -> None:
    """Names, both fingerprints, dates, and the file itself; the trail has the hash."""
    assert given(ann, NOW.pem).status_code == 302

    text = browser(pat).get(THEIRS).content.decode()

    for told in ("mx1.house.example", "mx2.house.example", cert_fingerprint(NOW.der, "sha256")):
        assert told in text
    assert pkey_fingerprint(NOW.der, "sha256") in text
    one = OwnCertificate.objects.get()
    file = browser(pat).get(f"{THEIRS}{one.certificate.sha256}.pem")
    assert file.content.decode().split() == NOW.pem.split()
    assert AuditEntry.objects.latest("pk").detail["sha256"] == one.certificate.sha256


def test_the_next_one_stands_beside_it(ann: User, pat: User) -> None:
    """A certificate that begins later is told as the next."""
    begin = timezone.now() + timedelta(days=9)
    given(ann, NOW.pem)
    given(ann, self_signed("mx1.house.example", not_before=begin, not_after=begin + timedelta(days=90)).pem)

    text = browser(pat).get(THEIRS).content.decode()

    assert text.index("in use") < text.index("comes next")


def test_what_is_taken_out_is_told_no_more(ann: User, pat: User) -> None:
    """Neither on the page nor as a file; a second time it is gone already."""
    given(ann, NOW.pem)
    one = OwnCertificate.objects.get()
    browser(ann).post(f"{URL}{one.pk}/remove/")

    assert "mx2.house.example" not in browser(pat).get(THEIRS).content.decode()
    assert browser(pat).get(f"{THEIRS}{one.certificate.sha256}.pem").status_code == 404
    assert given(ann, NOW.pem).status_code == 302


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(NOW.pem + NOW.key_pem, "mx1.house.example", id="private-key"),
        pytest.param(NOW.cert_fingerprint("sha256"), "mx1.house.example", id="fingerprint"),
        pytest.param(root_ca("A CA").pem, "mx1.house.example", id="ca"),
        pytest.param(NOW.pem, "no name!", id="name"),
        pytest.param(NOW.pem, " ", id="no-name"),
        pytest.param("", "mx1.house.example", id="nothing"),
    ],
)
def test_what_cannot_be_told_is_refused(ann: User, text: str, names: str) -> None:
    """With a word; nothing is kept or sent back, least of all a key."""
    answer = given(ann, text, names)

    assert answer.status_code == 422
    assert "BEGIN" not in answer.content.decode()
    assert not OwnCertificate.objects.exists()


def test_what_has_ended_or_is_there_is_refused(ann: User) -> None:
    """A partner who pins the past gets no mail to us."""
    now = timezone.now()
    past = self_signed("mx1.house.example", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    given(ann, NOW.pem)

    assert [given(ann, one.pem).status_code for one in (past, NOW)] == [422, 422]


def test_only_an_approver_changes_it(ann: User, pat: User) -> None:
    """An editor reads; to a partner the page of the settings does not exist."""
    given(ann, NOW.pem)
    one, eda = OwnCertificate.objects.get(), User.objects.get(email__startswith="eda")

    assert browser(eda).get(URL).status_code == 200
    assert given(eda, NOW.pem).status_code == 404
    assert browser(eda).post(f"{URL}{one.pk}/remove/").status_code == 404
    assert browser(pat).get(URL).status_code == 404
    assert OwnCertificate.objects.filter(removed_at__isnull=True).exists()


def test_a_self_signed_one_is_no_cas(ann: User) -> None:
    """What openssl req -x509 makes says CA:TRUE; it names the server, so it is the server's."""
    own = self_signed("mx1.house.example", ca=True)

    assert given(ann, own.pem).status_code == 302


def test_the_file_may_be_der(ann: User) -> None:
    """Whatever an upload of a partner may be."""
    file = SimpleUploadedFile("mx1.der", NOW.der)

    assert browser(ann).post(URL, {"names": "mx1.house.example", "file": file}).status_code == 302


def test_every_partner_reads_the_same(
    ann: User, pat: User, django_assert_max_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    """It is computed from our rows alone, in one query beside who asks."""
    given(ann, NOW.pem)
    other = Partner.objects.create(name="Other")
    olga = member(other, invited_by=ann, name="olga")
    client = browser(pat)
    first = client.get(THEIRS).content.decode()
    with django_assert_max_num_queries(5):
        client.get(THEIRS)

    second = browser(olga).get(THEIRS).content.decode()

    assert first[first.index("<h1>") : first.index("</pre>")] == second[second.index("<h1>") : second.index("</pre>")]
