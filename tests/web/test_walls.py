"""The wall view: numbers for whoever holds the link, names only with leave, and nothing to do there."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.walls import make_wall_link, revoke_wall_link
from partners.models import Partner, User, WallLink
from tests.actions.people import approver, editor, member, person
from tests.browser.house_world import fill_house
from tlsportal.logging import redact

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    """An approver in a house of thirteen agreements."""
    fill_house()
    approver("bob")
    return approver("ann")


def signed_in(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def link(ann: User, *, shows_names: bool = False, language: str = "en") -> str:
    secret = make_wall_link("lobby", shows_names=shows_names, language=language, by=ann, now=timezone.now())
    return reverse("wall", args=[secret])


def test_the_link_shows_numbers_and_no_name(ann: User) -> None:
    """Without leave neither a partner, nor a nexthop, nor a person, nor a way on is on the page."""
    text = Client().get(link(ann)).content.decode()

    assert "agreements are kept" in text
    for secret in ("Fjordbank", "fjordbank", "Polder", "Lea Brandt", "monthly round", "<form", 'href="/"', "csrf"):
        assert secret not in text


def test_names_are_shown_where_the_maker_chose_so(ann: User) -> None:
    """Those that are not as agreed, with the cause; the others are nobody's business still."""
    text = Client().get(link(ann, shows_names=True)).content.decode()

    assert "Fjordbank" in text
    assert "Klinik Lindenhof" not in text


def test_the_page_comes_again_by_itself_and_leaves_no_trace(ann: User) -> None:
    """Without script, in no cache, without a cookie, and its address goes into no referrer and no log."""
    path = link(ann)
    answer = Client().get(path)

    assert answer["Refresh"] == "60"
    assert "Refresh" not in Client().get(path, {"still": "1"})
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies
    assert answer["Referrer-Policy"] in {"strict-origin", "no-referrer"}
    assert path.split("/")[2] not in redact(f"GET {path}")


def test_the_page_speaks_the_language_of_the_link(ann: User) -> None:
    """The screen chooses nothing."""
    answer = Client().get(link(ann, language="de"), headers={"accept-language": "en"})

    assert '<html lang="de"' in answer.content.decode()


@pytest.mark.parametrize("token", ["A" * 43, "x", "%20", "tlsp_000000000000_" + "A" * 43])
def test_another_link_was_never_there(ann: User, token: str) -> None:
    """A wrong one gets the page that any wrong address gets."""
    answer = Client().get(f"/wall/{token}/")

    assert answer.status_code == 404
    assert "agreements" not in answer.content.decode()


def test_a_revoked_link_was_never_there(ann: User) -> None:
    """From the next look on, and the screen's own reload is one."""
    path = link(ann)
    revoke_wall_link(WallLink.objects.get(), by=ann, now=timezone.now())

    assert Client().get(path).status_code == 404


def test_nothing_is_written_there(ann: User) -> None:
    """It answers GET and HEAD alone."""
    path = link(ann)

    assert {Client().post(path).status_code, Client().put(path).status_code, Client().delete(path).status_code} == {405}


def test_the_link_is_shown_once(ann: User) -> None:
    """The answer to the form holds it, the list never again; it works."""
    client = signed_in(ann)

    text = client.post(reverse("wall-make"), {"label": "lobby", "language": "en", "names": "1"}).content.decode()

    assert "/wall/" in text
    path = "/wall/" + text.split("/wall/", 1)[1].split("/")[0].split("<")[0] + "/"
    assert Client().get(path).status_code == 200
    assert "/wall/" not in client.get(reverse("wall-list")).content.decode()


def test_who_may_not(ann: User) -> None:
    """An editor and management read the list and make none; a partner finds nothing; a visitor signs in."""
    link(ann)
    row, team = WallLink.objects.get(), editor("eve")
    partner = Partner.objects.get(name="Fjordbank")
    refused = {
        "editor": signed_in(team),
        "management": signed_in(person("max", User.Role.MANAGEMENT)),
        "partner": signed_in(member(partner, invited_by=team)),
    }

    for who, client in refused.items():
        assert client.get(reverse("wall-list")).status_code == (404 if who == "partner" else 200), who
        assert client.post(reverse("wall-make"), {"label": "hall", "language": "en"}).status_code == 404, who
        assert client.post(reverse("wall-revoke", args=[row.pk])).status_code == 404, who
    assert Client().get(reverse("wall-list")).status_code == 302
    assert WallLink.objects.filter(revoked_at__isnull=True).count() == 1


def test_the_screen_costs_few_queries(ann: User, django_assert_max_num_queries: object) -> None:
    """It asks again each minute."""
    path = link(ann, shows_names=True)

    with django_assert_max_num_queries(15):
        Client().get(path)


@pytest.mark.parametrize(("name", "arguments"), [("wall-make", []), ("wall-revoke", [1])])
def test_a_refusal_stands_above_the_list(ann: User, name: str, arguments: list[int]) -> None:
    """A label that is none, or a link that is over, leads back to the page with the form, and says why."""
    link(ann)
    row = WallLink.objects.get()
    revoke_wall_link(row, by=ann, now=timezone.now())

    answer = signed_in(ann).post(reverse(name, args=[row.pk] if arguments else []), {"label": " "}, follow=True)

    assert answer.redirect_chain == [(reverse("wall-list"), 302)]
    assert [str(one) for one in answer.context["messages"]] != []
