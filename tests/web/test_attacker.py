"""Every door, asked by everybody it is not for, and with every number; one partner's person against all others."""

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, reverse

from partners.models import Channel, Partner, Pin, User
from partners.web.access import ACCESS
from partners.web.codes import OwnConverter, code_of
from tests.actions.people import approver, channel, editor, member, person, proposed

pytestmark = pytest.mark.django_db

HUGE = 10**30
ARGUMENTS = {"pk": 1, "number": 1, "group": "main", "kind": "pin", "name": "x", "token": "x"}
AUDIENCES = {"editor": "team", "approver": "team", "management": "management", "partner": "partner", "nobody": "nobody"}
UNHEARD = {404, 405}  # "there is no such page"; a method that a page does not know is said before anything is looked up


def doors() -> Iterator[tuple[str, URLPattern]]:
    """Every named page of ours."""
    for pattern in get_resolver("partners.web.urls").url_patterns:
        if isinstance(pattern, URLPattern) and pattern.name in ACCESS:
            yield pattern.name, pattern


def address(name: str, pattern: URLPattern, **numbers: int) -> str:
    converters = pattern.pattern.converters
    wanted = {key: numbers.get(key, ARGUMENTS.get(key, "x")) for key in converters}
    if isinstance(converters.get("pk"), OwnConverter):
        wanted["pk"] = min(wanted["pk"], 2**64 - 1)  # the largest number that a code can hold
    return reverse(name, kwargs=wanted)


def numbered() -> list[tuple[str, URLPattern]]:
    """The pages whose address holds a number."""
    return [(name, pattern) for name, pattern in doors() if {"pk", "number"} & set(pattern.pattern.converters)]


@pytest.fixture
def people() -> dict[str, User]:
    """A person of each kind; the partner's is Fjordbank's."""
    eda = editor()
    fjord = Partner.objects.create(name="Fjordbank", owner=eda)
    channel(fjord, "fjordbank.example", by=eda)
    return {
        "editor": eda,
        "approver": approver(),
        "management": person("max", User.Role.MANAGEMENT),
        "partner": member(fjord, invited_by=eda),
        "nobody": person("nell"),
    }


@pytest.fixture
def foreign(people: dict[str, User]) -> Channel:
    """A channel of a partner that Fjordbank's person must never learn of."""
    return channel(Partner.objects.create(name="Rivet and Sons"), "rivet-sons.example", by=people["editor"])


def browser(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def plain(answer: HttpResponse) -> tuple[int, str]:
    """Status and text of *answer* without what differs from request to request."""
    text = re.sub(r'(name="csrfmiddlewaretoken" value=)"[^"]+"', r"\1", answer.content.decode())
    return answer.status_code, re.sub(r'id="reference">[^<]+<|[0-9a-f]{8}-[0-9a-f-]{27}', "", text)


class TestDoors:
    @pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
    @pytest.mark.parametrize("audience", sorted(AUDIENCES))
    def test_to_others_there_is_no_such_page(self, people: dict[str, User], audience: str, method: str) -> None:
        """Each page, with each method, for each audience it is not for."""
        client = browser(people[audience])

        heard = {
            name: answer.status_code
            for name, pattern in doors()
            if not ACCESS[name] & {AUDIENCES[audience], "public"}
            and (answer := getattr(client, method)(address(name, pattern))).status_code not in UNHEARD
        }

        assert heard == {}

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_visitor_is_sent_to_sign_in(self, people: dict[str, User], method: str) -> None:
        """Whatever exists behind the door: the answer is the same for every number."""
        client = browser(None)

        heard = {
            name: answer.status_code
            for name, pattern in doors()
            if "public" not in ACCESS[name]
            and (answer := getattr(client, method)(address(name, pattern))).status_code != 405
            and not answer.get("Location", "").startswith("/accounts/login/?next=/")
        }

        assert heard == {}

    @pytest.mark.parametrize("audience", ["approver", "management", "partner"])
    @pytest.mark.parametrize("number", [0, 999_999, 2**63, HUGE], ids=["nought", "missing", "2**63", "huge"])
    def test_no_number_is_a_fault_of_ours(self, people: dict[str, User], audience: str, number: int) -> None:
        """A row that does not exist is not found, however large its number."""
        client = browser(people[audience])

        for name, pattern in numbered():
            for method in (client.get, client.post):
                status = method(address(name, pattern, pk=number, number=number)).status_code
                assert status in UNHEARD | {302}, (name, status)

    def test_every_answer_of_failure_carries_the_policies(self, people: dict[str, User]) -> None:
        """A page that says no is a page: no script of others, no frame, no guess of types."""
        for answer in (
            browser(people["partner"]).get("/partners/"),
            browser(None).get("/nowhere/"),
            browser(None).get("/", headers={"host": "evil.example"}),
            Client(enforce_csrf_checks=True).post("/accounts/login/"),
            browser(None).post("/", b"x" * 2**21, content_type="text/plain"),
            browser(None).get("/invitations/"),
        ):
            assert answer.status_code >= 400
            assert "default-src 'none'" in answer["Content-Security-Policy"]
            assert "unsafe" not in answer["Content-Security-Policy"]
            assert (answer["X-Frame-Options"], answer["X-Content-Type-Options"]) == ("DENY", "nosniff")


class TestPartnersPerson:
    """Foreign and missing answer alike, to the letter; nothing that exists elsewhere changes an answer."""

    @pytest.mark.parametrize("name", ["portal-upload", "portal-submit"])
    def test_a_foreign_channel_is_one_that_does_not_exist(
        self, people: dict[str, User], foreign: Channel, name: str
    ) -> None:
        """With a certificate or without one."""
        client = browser(people["partner"])

        for sent in ({}, {"pasted": "AB:" * 31 + "AB"}, {"content": "QUI="}):
            answers = [plain(client.post(reverse(name, args=[pk]), sent)) for pk in (foreign.pk, 999_999)]
            assert answers[0] == answers[1]
            assert answers[0][0] == 404

    def test_a_foreign_pin_is_one_that_does_not_exist(self, people: dict[str, User], foreign: Channel) -> None:
        """And it stays proposed."""
        pin = proposed(foreign, by=people["editor"])
        client = browser(people["partner"])

        answers = [plain(client.post(reverse("portal-withdraw", args=[pk]))) for pk in (pin.pk, 999_999)]

        assert answers[0] == answers[1]
        assert Pin.objects.get(pk=pin.pk).state == Pin.State.PROPOSED

    def test_a_chosen_foreign_channel_is_one_that_does_not_exist(
        self, people: dict[str, User], foreign: Channel
    ) -> None:
        """In the address of the page as in its forms."""
        client = browser(people["partner"])
        client.get(reverse("portal-home"))

        answers = [plain(client.get(reverse("portal-home"), {"channel": code_of(pk)})) for pk in (foreign.pk, 999_999)]

        assert answers[0] == answers[1]

    def test_asking_for_another_takes_the_same_steps(self, people: dict[str, User], foreign: Channel) -> None:
        """The same queries for foreign and missing: no clock tells them apart."""
        client = browser(people["partner"])
        pin, counted = proposed(foreign, by=people["editor"]), []
        asked = [
            ("portal-upload", foreign.pk),
            ("portal-upload", 999_999),
            ("portal-withdraw", pin.pk),
            ("portal-withdraw", 999_999),
        ]
        for name, pk in asked:
            with CaptureQueriesContext(connection) as queries:
                client.post(reverse(name, args=[pk]), {"pasted": "x"})
            counted.append(len(queries))

        assert (counted[0], counted[2]) == (counted[1], counted[3])

    def test_what_others_do_changes_nothing_on_the_own_pages(self, people: dict[str, User]) -> None:
        """Another partner comes with the same certificate: not a byte of the own pages moves."""
        client = browser(people["partner"])
        pages = [reverse("portal-home"), reverse("portal-help")]
        before = [plain(client.get(page)) for page in pages]

        rival = channel(Partner.objects.create(name="Rivet and Sons"), "rivet-sons.example", by=people["editor"])
        proposed(rival, by=people["editor"])

        assert [plain(client.get(page)) for page in pages] == before

    def test_a_known_certificate_is_taken_like_a_new_one(self, people: dict[str, User], foreign: Channel) -> None:
        """What another partner announced is not "already known" here."""
        proposed(foreign, by=people["editor"])
        own = Channel.objects.exclude(pk=foreign.pk).get()
        client = browser(people["partner"])

        known, fresh = (
            re.sub(
                r"(AB|CD)(:?)",
                r"XX\2",
                plain(client.post(reverse("portal-upload", args=[own.pk]), {"pasted": sent}))[1],
            )
            for sent in (":".join(["AB"] * 32), ":".join(["CD"] * 32))
        )

        assert re.sub(r'value="[^"]*"', "", known) == re.sub(r'value="[^"]*"', "", fresh)

    def test_whose_membership_ended_sees_nothing(self, people: dict[str, User]) -> None:
        """At once, in a session that is still open."""
        client = browser(people["partner"])
        own = Channel.objects.get()
        people["partner"].memberships.update(ended_at=own.partner.created_at)

        page = client.get(reverse("portal-home"))

        assert b"jordbank" not in page.content
        assert client.post(reverse("portal-upload", args=[own.pk]), {"pasted": "x"}).status_code == 404
