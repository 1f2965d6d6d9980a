"""The preview beside the fields: the exact line, and what Postfix would do, before anything is saved."""

import pytest
from django.test import Client
from django.urls import reverse

from partners.actions.relay_groups import ensure_group
from partners.models import AuditEntry, Change, Channel, Nexthop, Partner, RelayGroup, User
from tests.actions.people import NOON, channel, editor, person
from tests.kit.ca import self_signed
from tests.web.test_partner_probe import look_up, probe, show_leaf

pytestmark = pytest.mark.django_db
LEAF = self_signed("mx.example.com")
ENTRY = {"nexthops": "example.com", "level": "secure", "match": "mx.example.com", "agreed": "ca-and-name", "basis": ""}


@pytest.fixture
def desk() -> Client:
    ensure_group(now=NOON)
    client = Client()
    client.force_login(editor())
    return client


@pytest.fixture
def row() -> Channel:
    return channel(Partner.objects.create(name="Fjordbank"), "example.com", by=editor("ed"), level="encrypt")


def check(desk: Client, row: Channel | None = None, *, script: bool = True, **fields: str) -> str:
    return posted(desk, {**ENTRY, **fields}, row, script=script)


def posted(desk: Client, fields: dict[str, str], row: Channel | None = None, *, script: bool = True) -> str:
    url = reverse("channel-check", args=[row.pk]) if row else reverse("partner-check")
    answer = desk.post(url, fields, headers={"HX-Request": "true"} if script else {})
    assert answer.status_code == 200
    return answer.content.decode()


def test_exact_line(desk: Client) -> None:
    """It shows the line as the map will hold it, for the release of the relays, and says that nothing was seen."""
    page = check(desk)

    assert "example.com\tsecure match=mx.example.com" in page
    assert "Postfix 3.7.11" in page
    assert "not looked at yet" in page


def test_both_keys_of_an_internationalised_name(desk: Client) -> None:
    """A name with an umlaut has two lines."""
    page = check(desk, nexthops="bücher.example", level="encrypt", match="")

    assert "bücher.example\tencrypt" in page
    assert "xn--bcher-kva.example\tencrypt" in page


def test_checking_writes_nothing(desk: Client, row: Channel) -> None:
    """No row, no change, no trace: the relays and the colleagues see nothing of a check."""
    before = (Change.objects.count(), AuditEntry.objects.count(), Nexthop.objects.count())

    check(desk, row, nexthops="example.com, other.example")
    check(desk, nexthops="third.example")

    assert (Change.objects.count(), AuditEntry.objects.count(), Nexthop.objects.count()) == before


def test_each_address_is_judged(desk: Client, row: Channel) -> None:
    """A self-signed certificate: secure would defer with Postfix's words, encrypt would deliver."""
    probe(desk, row)
    look_up()
    show_leaf()

    strict, loose = check(desk, row), check(desk, row, level="encrypt", match="", agreed="encrypted")

    assert "192.0.2.1</code> defer" in strict
    assert "Untrusted: Server certificate not verified" in strict
    assert "192.0.2.1</code> deliver" in loose


def test_oldest_release_refuses(desk: Client) -> None:
    """What an old relay group could not take is told beside that group; the other one gets its line."""
    RelayGroup.objects.create(name="old", postfix="2.9.6", openssl="1.0.2")

    page = check(desk, level="dane-only", match="", agreed="dane")

    assert "example.com\tdane-only" in page
    assert "Postfix 2.9.6 does not take" in page


@pytest.mark.parametrize(
    "field, text, told",
    [
        pytest.param("match", "mx.example.com,ciphers=null", "match", id="second attribute"),
        pytest.param("nexthops", "*.example.com", "nexthop", id="star"),
        pytest.param("nexthops", "", "Nexthop", id="nothing"),
        pytest.param("level", "strict", "level", id="level"),
        pytest.param("match", "<script>alert(1)</script>", "match", id="mark-up"),
    ],
)
def test_refusal_is_quoted(desk: Client, field: str, text: str, told: str) -> None:
    """Core's own words stand in the slot, and no line does."""
    page = posted(desk, {**ENTRY, field: text})

    assert told in page
    assert "mapline" not in page
    assert "<script>" not in page


def test_taken_key(desk: Client, row: Channel) -> None:
    """A key of another channel is told before the person fills in the rest."""
    assert "partner Fjordbank has it already" in check(desk)


def test_works_without_script(desk: Client, row: Channel) -> None:
    """The button Check answers with the whole page, what was typed and the preview, and saves nothing."""
    page = check(desk, row, script=False, match="mx9.example.com")

    assert "<html" in page
    assert "match=mx9.example.com" in page
    assert "Save the draft" in page
    assert Change.objects.count() == 1


def test_only_the_team_checks(row: Channel) -> None:
    """Whoever reads only has no form to check."""
    client = Client()
    client.force_login(person("max", User.Role.MANAGEMENT))

    assert client.post(reverse("channel-check", args=[row.pk]), ENTRY).status_code == 404
    assert client.post(reverse("partner-check"), ENTRY).status_code == 404


def test_edit_opens_with_its_preview(desk: Client, row: Channel) -> None:
    """The page of an edit shows the line as it stands in the draft; a link of a proposal fills the form alone."""
    plain = desk.get(reverse("channel-edit", args=[row.pk])).content.decode()
    filled = desk.get(
        reverse("channel-edit", args=[row.pk]), {"level": "secure", "match": "mx.example.com", "agreed": "ca-and-name"}
    ).content.decode()

    row.refresh_from_db()
    assert "example.com\tencrypt" in plain
    assert "example.com\tsecure match=mx.example.com" in filled
    assert row.level == "encrypt"


@pytest.mark.parametrize(
    "typed",
    ["ok.example\nevil.example none", "ok.example evil.example", "ok.example\tnone", "ok.example,evil.example none"],
)
def test_a_blank_inside_a_nexthop_is_told(desk: Client, row: Channel, typed: str) -> None:
    """It separates nothing: the check and both saves refuse it with the cure, and no second key comes of it."""
    page = check(desk, row, nexthops=typed)
    edited = desk.post(reverse("channel-edit", args=[row.pk]), {**ENTRY, "nexthops": typed, "version": row.version})
    added = desk.post(reverse("partner-add"), {**ENTRY, "nexthops": typed, "name": "Nordlicht"})

    assert "holds a blank or a line end" in page
    assert (edited.status_code, added.status_code) == (422, 422)
    assert "with commas between them" in edited.content.decode()
    assert list(Nexthop.objects.values_list("key", flat=True)) == ["example.com"]


def test_several_nexthops_have_commas_between_them(desk: Client, row: Channel) -> None:
    """What the page shows of a channel with two keys is what it takes."""
    desk.post(
        reverse("channel-edit", args=[row.pk]),
        {**ENTRY, "nexthops": "example.com, .example.com,", "match": "", "level": "encrypt", "agreed": "encrypted",
         "version": row.version},
    )  # fmt: skip
    page = desk.get(reverse("channel-edit", args=[row.pk])).content.decode()

    assert set(Nexthop.objects.values_list("key", flat=True)) == {"example.com", ".example.com"}
    assert 'value=".example.com, example.com"' in page
