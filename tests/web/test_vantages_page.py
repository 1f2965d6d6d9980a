"""The page of vantages: tokens shown once, revoked at once, and whom each serves."""

import csv
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.vantages import make_vantage_token, revoke_vantage_token, vantage_of
from partners.models import Address, AuditEntry, Partner, RelayGroup, User, VantageToken
from tests.actions.people import approver, editor, member, person

pytestmark = pytest.mark.django_db

URL = "/settings/vantages/"


@pytest.fixture
def ann() -> User:
    """Group main is judged from here, group outside from dmz, group lost from a vantage without a token."""
    boss, now = approver("ann"), timezone.now()
    for name, vantage in (("main", "here"), ("outside", "dmz"), ("lost", "attic")):
        RelayGroup.objects.create(name=name, vantage=vantage)
    for vantage in ("dmz", "site-2"):
        make_vantage_token(vantage, by=boss, now=now)
    VantageToken.objects.filter(vantage="dmz").update(used_at=now - timedelta(seconds=5), reported_at=now)
    return boss


def signed_in(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def states(who: User, query: str = "") -> list[tuple[str, str]]:
    text = signed_in(who).get(reverse("vantage-csv") + query).getvalue().decode("utf-8-sig")
    return [(row["vantage"], row["state"]) for row in csv.DictReader(StringIO(text))]


def test_each_vantage_tells_whom_it_serves_and_how_its_probe_is(ann: User) -> None:
    """One that a group needs and nobody has a token for is told as well."""
    found = dict(states(ann))

    assert found["attic"] == "no token: nobody looks for it"
    assert found["dmz"].startswith("asked for work")
    assert found["site-2"] == "has not asked for work yet"
    text = signed_in(ann).get(URL).content.decode()
    assert 'href="/settings/groups/outside/">outside' in text


def test_a_probe_that_asks_no_more_is_told(ann: User) -> None:
    """After the minutes that the settings name."""
    VantageToken.objects.filter(vantage="dmz").update(used_at=timezone.now() - timedelta(hours=1))

    assert dict(states(ann))["dmz"].startswith("asks no more, last")
    assert 'data-state="bad"' in signed_in(ann).get(URL + "?q=dmz").content.decode()


def test_views_search_and_order_stand_in_the_address(ann: User) -> None:
    """What cannot be read is not asked for; what is revoked is shown under all."""
    revoke_vantage_token(VantageToken.objects.get(vantage="site-2"), by=ann, now=timezone.now())

    assert [name for name, _state in states(ann)] == ["attic", "dmz"]
    assert [name for name, _state in states(ann, "?view=all&sort=-name")] == ["site-2", "dmz", "attic"]
    assert [name for name, _state in states(ann, "?q=OUTSIDE")] == ["dmz"]
    assert [name for name, _state in states(ann, "?sort=-used&view=x")] == ["dmz", "attic"]


def test_a_token_is_shown_once_and_works(ann: User) -> None:
    """The answer shows it and is kept by nobody; the act is in the audit log, without the secret."""
    client = signed_in(ann)

    answer = client.post(reverse("vantage-make"), {"vantage": "Site-3"})
    secret = re.search(r"[a-z]+_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", answer.content.decode())

    assert secret is not None
    assert "no-store" in answer["Cache-Control"]
    assert vantage_of(secret[0], now=timezone.now()).vantage == "site-3"
    assert secret[0] not in client.get(URL).content.decode()
    assert AuditEntry.objects.filter(act="vantage-token.made", subject="vantage site-3").exists()


@pytest.mark.parametrize("name", ["", "here", "<b>", "a b", "x" * 41])
def test_a_name_that_is_none_is_told(ann: User, name: str) -> None:
    """No token is made for it, and the page with the form says why."""
    answer = signed_in(ann).post(reverse("vantage-make"), {"vantage": name}, follow=True)

    assert answer.redirect_chain == [(URL, 302)]
    assert "vantage" in answer.content.decode()
    assert [str(one) for one in answer.context["messages"]] != []
    assert VantageToken.objects.count() == 2


def test_a_revoked_token_opens_nothing_and_gives_back_what_it_held(ann: User) -> None:
    """At once; a second time is refused with a word."""
    now, token = timezone.now(), VantageToken.objects.get(vantage="dmz")
    Address.objects.create(address="192.0.2.1", vantage="dmz", lease_token=token.prefix + "a" * 20, lease_until=now)
    client = signed_in(ann)

    client.post(reverse("vantage-revoke", args=[token.pk]))
    again = client.post(reverse("vantage-revoke", args=[token.pk]), follow=True)

    assert VantageToken.objects.get(pk=token.pk).revoked_at is not None
    assert Address.objects.get().lease_token == ""
    assert "it is revoked already" in again.content.decode()


def test_an_editor_reads_and_makes_no_token(ann: User) -> None:
    """Neither is it offered, nor done."""
    client, token = signed_in(editor()), VantageToken.objects.first()

    assert "Make a token" not in client.get(URL).content.decode()
    assert client.post(reverse("vantage-make"), {"vantage": "site-3"}).status_code == 404
    assert client.post(reverse("vantage-revoke", args=[token.pk])).status_code == 404
    assert VantageToken.objects.filter(revoked_at__isnull=True).count() == 2


def test_others_are_refused(ann: User) -> None:
    """Where probes stand is the mail team's matter."""
    partner = Partner.objects.create(name="Fjordbank")
    for who in (person("max", User.Role.MANAGEMENT), member(partner, invited_by=ann), person("nell")):
        client = signed_in(who)
        assert (client.get(URL).status_code, client.get(reverse("vantage-csv")).status_code) == (404, 404)
        assert client.post(reverse("vantage-make"), {"vantage": "site-3"}).status_code == 404
    assert Client().get(URL).status_code == 302


def test_the_page_keeps_to_its_queries(ann: User, django_assert_max_num_queries) -> None:
    """However many tokens there are; three are session, user and groups."""
    for number in range(20):
        make_vantage_token(f"site-{number}", by=ann, now=timezone.now())
    client = signed_in(ann)
    client.get(URL)

    with django_assert_max_num_queries(6 + 3):
        client.get(URL)
