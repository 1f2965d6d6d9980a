"""Servers and providers: who runs what partners' mail goes to, what it shows, and who hangs on it."""

import csv
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.models import Address, Certificate, Channel, Endpoint, Partner, Sighting, User
from tests.actions.facts import seen
from tests.actions.people import editor, member, person
from tests.kit.ca import self_signed
from tests.reports.world import agreement, certificate, shown

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LIST = "/servers/"


@pytest.fixture
def eda() -> User:
    """Three partners hang on one server of cloud.example, one on its own, which gives no answer."""
    author, now = editor(), timezone.now()
    for name, state in (("Fjordbank", "violated"), ("Rivet", "violated"), ("Polder", "compliant")):
        row = agreement(name, state, by=author, cause="certificate-expired" if state == "violated" else "")
        shown(row, "192.0.2.41", *([certificate(1, not_after=now + 20 * DAY, subject="CN=mx.cloud.example")]
              if not Certificate.objects.exists() else Certificate.objects.all()[:1]))  # fmt: skip
    agreement("Ostra", "unknown", by=author, cause="connect-timeout")
    seen("ostra.example", self_signed("mx.ostra.example"), at=now - DAY, address="192.0.2.50")
    Address.objects.filter(address="192.0.2.41").update(provider="cloud.example")
    Address.objects.filter(address="192.0.2.50").update(provider="ostra.example", failing_since=now - DAY)
    Endpoint.objects.filter(address__address="192.0.2.50").update(not_measured="connect-timeout", tried_at=now)
    return author


def signed_in(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def table(who: User, name: str, query: str = "") -> list[dict[str, str]]:
    text = signed_in(who).get(reverse(name) + query).getvalue().decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


def addresses(who: User, query: str) -> list[str]:
    return [row["address"] for row in table(who, "endpoint-csv", query)]


def test_a_shared_server_is_one_row(eda: User) -> None:
    """With how many hang on it, how they stand, what it shows, and until when."""
    row, own = table(eda, "endpoint-csv")

    assert (row["address"], row["provider"], row["partners"]) == ("192.0.2.41", "cloud.example", "3")
    assert (row["states"], row["tls"], row["leaf"]) == ("violated 2, compliant 1", "TLSv1.3", "CN=mx.cloud.example")
    assert (own["mx_host"], own["not_measured"]) == ("mx.ostra.example", "connect-timeout")


def test_the_page_shows_the_same(eda: User) -> None:
    """Mark and word of each state, and since when there is no answer."""
    text = signed_in(eda).get(LIST).content.decode()

    for words in ("192.0.2.41:25", "2 Violated", "1 As agreed", "No answer came to our connection in time."):
        assert words in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?provider=cloud.example", ["192.0.2.41"]),
        ("?state=failing", ["192.0.2.50"]),
        ("?state=untried", ["192.0.2.41"]),
        ("?q=CLOUD", ["192.0.2.41"]),
        ("?q=192.0.2.5", ["192.0.2.50"]),
        ("?q=rivet", ["192.0.2.41"]),
        ("?q=no-such-name", []),
        ("?vantage=dmz", []),
        ("?sort=-provider", ["192.0.2.50", "192.0.2.41"]),
        ("?sort=failing", ["192.0.2.50"]),
        ("?sort=tried", ["192.0.2.41", "192.0.2.50"]),
        ("?state=x&sort=y&after=z&before=%00&q=%00", ["192.0.2.41", "192.0.2.50"]),
    ],
)
def test_search_filter_and_order_stand_in_the_address(eda: User, query: str, found: list[str]) -> None:
    """What cannot be read is not asked for; the page takes what the file takes."""
    assert addresses(eda, query) == found
    assert signed_in(eda).get(LIST + query).status_code == 200


@pytest.mark.parametrize("sort", ["provider", "-provider", "tried", "-tried", "failing", "-failing"])
def test_pages_follow_each_other_and_lead_back(eda: User, sort: str) -> None:
    """By key: all rows once, in one order, whichever way one goes."""
    nexthop, now = Channel.objects.first().nexthops.get(), timezone.now()
    for number in range(70):
        place = Address.objects.create(address=f"198.51.100.{number}", provider="p.example", failing_since=now)
        plain = Endpoint.objects.get(address__address="192.0.2.41")
        tried = now - number * DAY if number % 3 else None
        one = Endpoint.objects.create(address=place, port=25, profile_key=plain.profile_key, tried_at=tried)
        one.nexthops.add(nexthop)
    client, whole = signed_in(eda), addresses(eda, f"?sort={sort}")

    def read(url: str) -> tuple[list[str], str, str]:
        text = client.get(LIST + url).content.decode()
        links = {rel: href.replace("&amp;", "&") for rel, href in re.findall(r'rel="(\w+)" href="([^"]*)"', text)}
        return re.findall(r"<code>([\d.]+):25</code>", text), links.get("next", ""), links.get("prev", "")

    first, onward, none = read(f"?sort={sort}")
    second, _end, back = read(onward)

    assert (first + second, none) == (whole, "")
    assert read(back)[0] == first


def test_an_ipv6_address_stands_in_brackets(eda: User) -> None:
    """Else its port reads as a part of it."""
    Address.objects.filter(address="192.0.2.41").update(address="2001:db8::25")

    assert "[2001:db8::25]:25" in signed_in(eda).get(LIST).content.decode()


def test_a_server_tells_its_past_and_its_partners(eda: User) -> None:
    """What it showed and when, who hangs on it, worst first, and the one finding that they share."""
    one = Endpoint.objects.get(address__address="192.0.2.41")
    old = Sighting.objects.filter(endpoint=one).first()
    Sighting.objects.filter(endpoint=one).update(current=False)
    shown(
        Channel.objects.first(), "192.0.2.41", certificate(2, not_after=old.last_seen + DAY, subject="CN=new.example")
    )

    text = signed_in(eda).get(reverse("endpoint-detail", args=[one.pk])).content.decode().replace("<wbr>", "")

    assert text.index("CN=new") < text.index("CN=mx.cloud")
    assert re.findall(r'<a class="name" href="[^"]*">(\w+)</a>', text) == ["Fjordbank", "Rivet", "Polder"]
    assert "2 partners" in text


def test_a_provider_is_one_finding(eda: User) -> None:
    """However many partners share it."""
    cloud, ostra = table(eda, "provider-csv")

    assert (cloud["provider"], cloud["addresses"], cloud["partners"]) == ("cloud.example", "1", "3")
    assert cloud["partners_sharing_it"] == "2"
    assert (ostra["failing"], ostra["states"]) == ("1", "unknown 1")
    text = signed_in(eda).get(reverse("provider-list")).content.decode()
    assert "?provider=cloud.example" in text


def test_providers_are_searched_turned_round_and_paged(eda: User) -> None:
    """The next page begins after the last name."""
    nexthop, plain = Channel.objects.first().nexthops.get(), Endpoint.objects.get(address__address="192.0.2.41")
    for number in range(60):
        place = Address.objects.create(address=f"198.51.100.{number}", provider=f"p{number:02}.example")
        one = Endpoint.objects.create(address=place, port=25, profile_key=plain.profile_key)
        one.nexthops.add(nexthop)
    client = signed_in(eda)

    text = client.get(reverse("provider-list")).content.decode()
    onward = re.search(r'rel="next" href="([^"]*)"', text)

    assert len(table(eda, "provider-csv")) == 62
    assert onward is not None
    rest = client.get(reverse("provider-list") + onward[1].replace("&amp;", "&")).content.decode()
    assert "p59.example" in rest and "cloud.example" not in rest
    assert [row["provider"] for row in table(eda, "provider-csv", "?q=CLOUD&sort=-provider")] == ["cloud.example"]


def test_a_workbook_holds_the_rows(eda: User) -> None:
    """As the partner list does."""
    answer = signed_in(eda).get(reverse("endpoint-xlsx"))

    assert b"".join(answer.streaming_content)[:2] == b"PK"


def test_a_strangers_text_stays_text(eda: User) -> None:
    """A certificate's names are an attacker's words."""
    Certificate.objects.update(subject="=<script>alert(1)</script>", issuer="<b>")
    one = Endpoint.objects.get(address__address="192.0.2.41")

    assert "<script>alert(1)" not in signed_in(eda).get(reverse("endpoint-detail", args=[one.pk])).content.decode()
    assert table(eda, "endpoint-csv")[0]["leaf"].startswith("'=")


@pytest.mark.parametrize("name", ["endpoint-list", "provider-list", "endpoint-detail"])
def test_a_page_keeps_to_its_queries(eda: User, name: str, django_assert_max_num_queries) -> None:
    """However many servers and partners there are; three are session, user and groups."""
    one = Endpoint.objects.get(address__address="192.0.2.41")
    for number in range(30):
        row = agreement(f"P{number}", "weaker", by=eda, cause="below-agreed")
        shown(row, "192.0.2.41", Certificate.objects.first())
        shown(row, f"198.51.100.{number}", Certificate.objects.first())
    client, url = signed_in(eda), reverse(name, args=[one.pk] if name == "endpoint-detail" else [])
    client.get(url)

    with django_assert_max_num_queries(12 + 3):
        assert client.get(url).status_code == 200


def test_what_nobody_uses_is_not_there(eda: User) -> None:
    """Its page is gone with the last partner."""
    one = Endpoint.objects.get(address__address="192.0.2.41")
    one.nexthops.clear()

    assert addresses(eda, "") == ["192.0.2.50"]
    assert signed_in(eda).get(reverse("endpoint-detail", args=[one.pk])).status_code == 404


def test_others_are_refused(eda: User) -> None:
    """Who shares a server with whom is the mail team's matter alone."""
    names = ("endpoint-list", "endpoint-csv", "endpoint-xlsx", "provider-list", "provider-csv")
    detail = reverse("endpoint-detail", args=[Endpoint.objects.first().pk])
    partner = Partner.objects.get(name="Rivet")
    for who in (person("max", User.Role.MANAGEMENT), member(partner, invited_by=eda), person("nell")):
        client = signed_in(who)
        assert {client.get(url).status_code for url in (*map(reverse, names), detail)} == {404}
    assert Client().get(detail).status_code == 302
