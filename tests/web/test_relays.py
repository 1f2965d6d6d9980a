"""The relays page: who stays behind, by which settings the guard judges, tokens shown once."""

import hashlib
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.tokens import make_relay_token, note_fetch, token_of
from partners.models import Artefact, RelayGroup, RelayToken, Release, User
from tests.actions.at_head import at_head
from tests.actions.people import approver, editor, person

pytestmark = pytest.mark.django_db

URL = "/relays/"
HOUR = timedelta(hours=1)


@pytest.fixture
def ann() -> User:
    """Release 2 was published an hour ago; four relays: current, behind, silent, new."""
    boss, now = approver("ann"), timezone.now()
    group = RelayGroup.objects.create(name="main", main_cf={"smtp_tls_security_level": "may", "smtp_tls_loglevel": "1"})
    release = Release.objects.create(
        number=2, author=boss, needs_second=False, published_at=now - HOUR, published_by=boss
    )
    Artefact.objects.create(release=release, group=group, text="a.example\tencrypt\n", sha256="0" * 64)
    at_head(release)
    for name, number, at in (("current", 2, now), ("behind", 1, now), ("silent", 2, now - 2 * HOUR), ("new", 0, None)):
        token = token_of(make_relay_token(group, by=boss, now=now, relay=f"{name}.house.example"), now=now)
        assert token is not None
        if at is not None:
            note_fetch(token, number, now=at)
    return boss


def read(who: User) -> str:
    client = Client()
    client.force_login(who)
    answer = client.get(URL)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_relay_that_stays_behind_is_told_first(ann: User) -> None:
    """An older release, no fetch for long, none at all; the one that is current stands last."""
    text = read(ann)

    order = re.findall(r'class="name">(\w+)\.house', text)
    assert (sorted(order[:3]), order[3]) == (["behind", "new", "silent"], "current")
    assert "3 relays behind" in text
    for words in ("still answered with another release", "no fetch since", "has not fetched yet"):
        assert words in text


def test_settings_are_told_as_the_guard_reads_them(ann: User) -> None:
    """A parameter that is set is told from a default; what nothing reads is told too."""
    text = read(ann)

    for words in ("smtp_tls_security_level", "smtp_dns_support_level", "432000s", "smtp_tls_loglevel", "sha256"):
        assert words in text


def test_the_hash_is_that_of_the_file(ann: User) -> None:
    """Whoever runs sha256sum on a relay finds the same, not the hash under which portal and relay agree."""
    file = hashlib.sha256(b"a.example\tencrypt\n").hexdigest()

    assert f"sha256 {file}" in read(ann)


def test_a_group_that_cannot_be_read_is_told(ann: User) -> None:
    """The page stands, and names the parameter."""
    RelayGroup.objects.create(name="odd", main_cf={"smtp_tls_wrappermode": "maybe"})

    assert "smtp_tls_wrappermode = maybe cannot be read" in read(ann)


def test_a_token_is_shown_once(ann: User) -> None:
    """The answer shows it and is kept by nobody; the next look does not hold it."""
    client = Client()
    client.force_login(ann)

    answer = client.post(reverse("relay-token-make", args=["main"]), {"relay": "five.house.example"})
    secret = re.search(r"tlsp_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", answer.content.decode())

    assert secret is not None
    assert "no-store" in answer["Cache-Control"]
    assert token_of(secret[0], now=timezone.now()).relay.name == "five.house.example"
    assert secret[0] not in client.get(URL).content.decode()


def test_a_name_that_is_none_is_told(ann: User) -> None:
    """No token is made for it."""
    client = Client()
    client.force_login(ann)

    answer = client.post(reverse("relay-token-make", args=["main"]), {"relay": "<b>"}, follow=True)

    assert RelayToken.objects.count() == 4
    assert b"name " in answer.content


def test_a_revoked_token_opens_nothing_and_its_relay_is_told(ann: User) -> None:
    """It cannot fetch any more."""
    token = RelayToken.objects.get(relay__name="current.house.example")
    client = Client()
    client.force_login(ann)

    client.post(reverse("relay-token-revoke", args=[token.pk]))

    token.refresh_from_db()
    assert token.revoked_at is not None
    assert "no token: it cannot fetch" in read(ann)


def test_an_editor_reads_and_makes_no_token(ann: User) -> None:
    """Neither is it offered, nor done."""
    eda = editor()
    client = Client()
    client.force_login(eda)

    assert "Make a token" not in read(eda)
    assert client.post(reverse("relay-token-make", args=["main"])).status_code == 404
    assert client.post(reverse("relay-token-revoke", args=[RelayToken.objects.first().pk])).status_code == 404
    assert RelayToken.objects.filter(revoked_at__isnull=True).count() == 4


def test_others_are_refused(ann: User) -> None:
    """Management has no relays page; a visitor is asked to sign in."""
    client = Client()
    client.force_login(person("max", User.Role.MANAGEMENT))

    assert client.get(URL).status_code == 404
    assert client.post(reverse("relay-token-make", args=["main"])).status_code == 404
    assert Client().get(URL).status_code == 302
