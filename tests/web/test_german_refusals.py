"""What is refused is told in German, beside the field that it is about, and typed text stays as it was typed."""

import re
from html import unescape

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from partners.actions.relay_groups import ensure_group
from partners.models import Channel, Partner
from tests.actions.people import NOON, channel, editor, member
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
ENTRY = {"name": "Fjordbank", "nexthops": "example.com", "level": "encrypt", "agreed": "encrypted"}
PRIVATE = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def desk() -> Client:
    """An editor who reads German."""
    ensure_group(now=NOON)
    client = Client()
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    client.force_login(editor())
    return client


def told(page: str, field: str) -> str:
    """The words beside *field*, or those above the whole form."""
    begin = f'id="id_{field}_error"' if field else 'role="alert"'
    found = re.search(rf"{begin}[^>]*>(.*?)</span></div>|{begin}[^>]*>(.*?)</div>", page, re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", " ", found[0])) if found else ""


@pytest.mark.parametrize(
    "odd, field, words",
    [
        pytest.param({"nexthops": "a@example.com"}, "", "nie die Adresse einer Person", id="address"),
        pytest.param({"nexthops": "example.com:99999"}, "nexthops", "99999 ist kein Port", id="port"),
        pytest.param({"nexthops": "a..example"}, "nexthops", "ein Label ist leer; die Punkte prüfen", id="dots"),
        pytest.param({"match": "x.example"}, "match", "match ist beim Level encrypt nicht erlaubt", id="match"),
        pytest.param({"level": "secure", "match": "b.example."}, "match", "b.example schreiben", id="within"),
        pytest.param({"protocols": "TLSv9"}, "", "TLSv9 ist kein Protokoll", id="protocols"),
        pytest.param({"exclude": "!aNULL"}, "exclude", "exclude !aNULL: Es muss eine Chiffre", id="exclude"),
        pytest.param({"servername": "a b"}, "servername", "servername", id="servername"),
    ],
)
def test_a_refused_entry_is_told_in_german(desk: Client, odd: dict[str, str], field: str, words: str) -> None:
    """Cause and cure come from the rule itself and stand beside the field."""
    answer = desk.post(reverse("partner-add"), {**ENTRY, **odd})

    assert answer.status_code == 422
    assert words in " ".join(told(answer.content.decode(), field).split())


def test_what_if_is_told_in_german(desk: Client) -> None:
    """The preview says in German why there is no line."""
    page = desk.post(reverse("partner-check"), {**ENTRY, "level": "fingerprint"}).content.decode()

    assert "ist nichts hinterlegt" in page
    assert "nothing is pinned" not in page


def test_a_look_that_cannot_be_asked_for_is_told_in_german(desk: Client) -> None:
    """The typed text is shown as it is, braces included."""
    page = desk.post(reverse("look-ask"), {"nexthop": "{key}.example,"}).content.decode()

    assert "Nexthop {key}.example,: enthält ein Komma" in unescape(page)


def test_a_partner_is_refused_in_german(desk: Client) -> None:
    """A private key in an upload: what happened to it, and what to do."""
    team = editor("tea")
    partner = Partner.objects.create(name="Fjordbank", owner=team)
    row = channel(partner, "fjordbank.example", by=team)
    desk.force_login(member(partner, invited_by=team))
    home = desk.get(reverse("portal-home")).content.decode()
    door = re.search(r'action="(/portal/[^"]+/upload/)"', home)
    assert door is not None and Channel.objects.get() == row

    page = unescape(desk.post(door[1], {"pasted": PRIVATE}).content.decode())

    assert "darin ist ein privater Schlüssel; nichts davon wurde gespeichert" in page
    assert "nur das Zertifikat schicken" in page
    assert "private key" not in page


def test_a_broken_upload_is_refused_in_german(desk: Client) -> None:
    """A certificate that was cut while it was copied."""
    team = editor("tea")
    partner = Partner.objects.create(name="Fjordbank", owner=team)
    channel(partner, "fjordbank.example", by=team)
    desk.force_login(member(partner, invited_by=team))
    door = re.search(r'action="(/portal/[^"]+/upload/)"', desk.get(reverse("portal-home")).content.decode())
    assert door is not None

    cut = self_signed("mx.fjordbank.example").pem.replace("\n", "*\n", 3)
    page = unescape(desk.post(door[1], {"pasted": cut}).content.decode())

    assert "der Base64-Text ist beschädigt" in page
