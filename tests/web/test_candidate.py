"""The candidate page says what happens to mail, who may agree, and why a button is shut."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.releases import cut, publish
from partners.core.observation import LookupStatus
from partners.models import Candidate, User
from partners.reports.releases import release_list
from tests.actions.facts import seen
from tests.actions.people import person
from tests.actions.watched import ask_dns
from tests.web.candidate_world import LEAF, World, added, agreed, changed, world

pytestmark = pytest.mark.django_db

APPROVE, PUBLISH = 'value="approve"', 'value="publish"'
BUDGET = 12  # queries of a page, without session and user


@pytest.fixture
def here() -> World:
    return world()


def page(who: User, name: str = "candidate-detail", *arguments: object, query: str = "") -> str:
    client = Client()
    client.force_login(who)
    answer = client.get(reverse(name, args=arguments) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_what_stops_mail_is_told_first(here: World) -> None:
    """The verdict counts it, and the finding of a stop stands above the weakening."""
    text = page(here.ann, "candidate-detail", here.candidate.pk)

    assert "Blocked: mail to 1 nexthop would stop" in text
    stop, unknown, less = (
        text.index(words)
        for words in (
            "Mail to Polder Logistics would be deferred",
            "Vantage Tooling: nobody knows",
            "Fjordbank asks less",
        )
    )
    assert stop < unknown < less


def test_it_stands_among_the_approvals(here: World) -> None:
    """As long as a second person lacks: Approvals holds all that Today counts."""
    waiting = page(here.ann, "approvals")
    agreed(here.candidate, here.bob, now=timezone.now())

    assert f"/candidates/{here.candidate.pk}/" in waiting
    assert f"/candidates/{here.candidate.pk}/" not in page(here.ann, "approvals")


def test_a_cause_is_a_sentence(here: World) -> None:
    """No code is left for the reader to look up."""
    text = page(here.ann, "candidate-detail", here.candidate.pk)

    assert "The certificate is self-signed: no CA vouches for it" in text
    assert "certificate-self-signed" not in text


def test_an_author_sees_no_approve_but_who_may(here: World) -> None:
    """The page never offers what would be refused; it names the second person."""
    text = page(here.eda, "candidate-detail", here.candidate.pk)

    assert APPROVE not in text
    assert "somebody else must agree: bob@house.example" in text


def test_an_approver_who_wrote_a_part_is_an_author(here: World) -> None:
    """ann added one of its partners, so bob alone may agree."""
    assert APPROVE not in page(here.ann, "candidate-detail", here.candidate.pk)
    assert APPROVE in page(here.bob, "candidate-detail", here.candidate.pk)


def test_publish_is_shut_until_somebody_agreed(here: World) -> None:
    """Beside the shut button stands what opens it; afterwards it is open for the author."""
    before = page(here.eda, "candidate-detail", here.candidate.pk)
    agreed(here.candidate, here.bob, now=timezone.now())
    after = page(here.eda, "candidate-detail", here.candidate.pk)

    assert PUBLISH not in before
    assert "It opens when a second person has agreed" in before
    assert PUBLISH in after
    assert "bob@house.example accepted that mail may stop" in after


def test_an_approval_of_somebody_who_lost_the_role_does_not_count(here: World) -> None:
    """The page agrees with what publishing would say."""
    agreed(here.candidate, here.bob, now=timezone.now())
    here.bob.groups.clear()

    assert PUBLISH not in page(here.eda, "candidate-detail", here.candidate.pk)


def test_a_partner_is_taken_out_with_one_button(here: World) -> None:
    """A new candidate is cut from the other changes, and this one is given up."""
    client = Client()
    client.force_login(here.eda)
    stays = here.candidate.changes.exclude(channel__partner__name="Polder Logistics")

    without = here.candidate.changes.get(channel__partner__name="Polder Logistics").channel_id
    kept = set(stays)

    answer = client.post(reverse("candidate-cut"), {"instead": here.candidate.pk, "without": without})

    assert answer.status_code == 302
    here.candidate.refresh_from_db()
    assert here.candidate.state == Candidate.State.ABANDONED
    assert set(Candidate.objects.first().changes.all()) == kept


def test_thousands_of_drafts_are_cut_at_once(here: World) -> None:
    """Up to the newest that was shown: a draft that somebody saves in between waits for the next candidate."""
    client = Client()
    client.force_login(here.eda)
    shown = release_list().newest_draft
    later = added("Late", "late.example", "encrypt", by=here.ann, now=timezone.now())

    client.post(reverse("candidate-cut"), {"all_up_to": shown})

    frozen = set(Candidate.objects.first().changes.values_list("pk", flat=True))
    assert frozen == set(here.candidate.changes.values_list("pk", flat=True))
    assert later.pk not in frozen


def test_it_is_cut_again_with_what_is_known_now(here: World) -> None:
    """The server that nobody had looked at was seen since: it blocks no more."""
    client = Client()
    client.force_login(here.eda)
    seen("vantage-tooling.example", LEAF, at=timezone.now(), address="192.0.2.250")

    shown = page(here.eda, "candidate-detail", here.candidate.pk)
    answer = client.post(reverse("candidate-cut"), {"instead": here.candidate.pk}, follow=True)

    assert "Cut again and look" in shown
    assert "nobody knows what would happen" not in answer.content.decode()


def test_the_difference_is_told_by_partner_and_by_line(here: World) -> None:
    """Was, becomes, asks less or more; and the words that change in the line are marked."""
    text = page(here.ann, "candidate-detail", here.candidate.pk)

    assert "<del>encrypt</del>" in text
    assert "<ins>may</ins>" in text
    assert text.count('<span class="name">') == 3


def test_any_two_releases_are_compared(here: World) -> None:
    """In either direction; what asks less is told."""
    forth = page(here.eda, "release-compare", query=f"?old={here.first.number}&new={here.second.number}")
    back = page(here.eda, "release-compare", query=f"?old={here.second.number}&new={here.first.number}")

    assert "meridian-treuhand.example, new in line 2" in forth
    assert "meridian-treuhand.example, gone from line 2" in back
    assert "arrow-down" in back
    assert "arrow-down" not in forth


def test_the_newest_release_stands_first(here: World) -> None:
    """The history is read from the top."""
    text = page(here.eda, "release-list")

    assert text.index(">Release 2<") < text.index(">Release 1<")


@pytest.mark.parametrize("query", ["", "?old=1", "?old=1&new=99", "?old=x&new=1", f"?old=1&new={'9' * 40}"])
def test_a_release_that_is_not_there_is_not_compared(here: World, query: str) -> None:
    """404, whatever the address says."""
    client = Client()
    client.force_login(here.eda)

    assert client.get(reverse("release-compare") + query).status_code == 404


def test_an_older_release_is_rolled_back_to_as_a_candidate(here: World) -> None:
    """Nothing reaches the relays by that; the candidate's page opens."""
    client = Client()
    client.force_login(here.eda)

    answer = client.post(reverse("release-rollback", args=[here.first.number]), follow=True)

    assert b"Candidate" in answer.content
    assert Candidate.objects.count() == 4


def test_the_frozen_map_is_handed_out(here: World) -> None:
    """Byte for byte, before anything is published; another group's name is not there."""
    client = Client()
    client.force_login(here.eda)

    answer = client.get(reverse("candidate-map", args=[here.candidate.pk, "main"]))

    assert answer.content.decode() == here.candidate.maps.get().text
    assert client.get(reverse("candidate-map", args=[here.candidate.pk, "other"])).status_code == 404


@pytest.mark.parametrize("name", ["candidate-detail", "release-detail", "candidate-map", "release-map"])
def test_others_are_refused(here: World, name: str) -> None:
    """Management has no candidate page, and a visitor is asked to sign in."""
    of_candidate = [here.candidate.pk] if name.startswith("candidate") else [here.first.number]
    url = reverse(name, args=[*of_candidate, "main"] if name.endswith("map") else of_candidate)
    manager = Client()
    manager.force_login(person("max", User.Role.MANAGEMENT))

    assert manager.get(url).status_code == 404
    assert Client().get(url).status_code == 302


@pytest.mark.parametrize("name", ["release-rollback", "candidate-cut", "candidate-decide"])
def test_others_cannot_act(here: World, name: str) -> None:
    """Neither management nor a visitor; and an address typed by the team does nothing."""
    arguments = {"release-rollback": [here.first.number], "candidate-decide": [here.candidate.pk]}.get(name, [])
    manager, team = Client(), Client()
    manager.force_login(person("max", User.Role.MANAGEMENT))
    team.force_login(here.eda)
    url = reverse(name, args=arguments)

    assert manager.post(url).status_code == 404
    assert Client().post(url).status_code == 302
    assert team.get(url).status_code == 405


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("candidate-detail", ""),
        ("release-list", ""),
        ("release-detail", ""),
        ("release-compare", "?old=1&new=2"),
        ("export-home", ""),
    ],
)
def test_a_page_keeps_to_its_queries(here: World, name: str, query: str, django_assert_max_num_queries) -> None:
    """However many partners there are, the number of queries is the same; session, user and groups are not counted."""
    arguments = {"candidate-detail": [here.candidate.pk], "release-detail": [here.second.number]}.get(name, [])
    client = Client()
    client.force_login(here.ann)

    with django_assert_max_num_queries(BUDGET + 3):
        client.get(reverse(name, args=arguments) + query)


def test_what_stops_no_mail_is_told_in_one_row(here: World) -> None:
    """Improvements do not bury what a person must decide; plaintext is told in words."""
    now = timezone.now()
    change = added("Rivet", "rivet.example", "encrypt", by=here.eda, now=now)
    candidate = cut([change], by=here.eda, now=now)

    text = page(here.eda, "candidate-detail", candidate.pk)

    assert "1 outcome differs, and no mail stops by it" in text
    assert "rivet.example: deliver, Untrusted; now: deliver, without TLS" in text


def test_what_is_not_delivered_anyway_is_no_good_news(here: World) -> None:
    """A misspelt domain stops no mail that went before; the first sentence says that none goes to it."""
    now = timezone.now()
    change = added("Gone", "vantage-gone.example", "encrypt", by=here.eda, now=now)
    nexthop = change.channel.nexthops.get()
    assert ask_dns(nexthop, at=now, mx_status=LookupStatus.NXDOMAIN, hosts=())
    candidate = cut([change], by=here.eda, now=now)

    text = page(here.eda, "candidate-detail", candidate.pk)

    assert "mail to 1 nexthop waits or comes back either way" in text
    assert "keeps its mail" not in text


def test_an_agreed_weakening_may_be_published(here: World) -> None:
    """Its finding holds lines and no outcome; the page of what was agreed to comes as any."""
    now, row = timezone.now(), here.second.changes.get()
    candidate = cut([changed(row, by=here.eda, now=now, level="may", agreed="none")], by=here.eda, now=now)
    agreed(candidate, here.bob, now=now)

    assert "It may be published." in page(here.eda, "candidate-detail", candidate.pk)


def test_a_published_candidate_asks_nobody(here: World) -> None:
    """It is told what was found then, and who agreed; there is no button any more."""
    agreed(here.candidate, here.bob, now=timezone.now())
    publish(here.candidate, by=here.eda, now=timezone.now())

    text = page(here.bob, "candidate-detail", here.candidate.pk)

    assert "Published as release 3" in text
    assert "You may agree" not in text
    assert ('name="act"' in text, "Take out" in text) == (False, False)
