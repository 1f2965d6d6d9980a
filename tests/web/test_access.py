"""Who may open which page, for every page and every audience."""

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import Partner, User
from partners.web.access import ACCESS
from partners.web.urls import urlpatterns
from tests.actions.people import approver, channel, editor, member, person

pytestmark = pytest.mark.django_db

ARGUMENTS = {
    "partner-detail": "channel",
    "channel-edit": "channel",
    "channel-lower": "channel",
    "channel-remove": "channel",
    "partner-invite": "partner",
    "partner-notices": "partner",
    "partner-hours": "partner",
    "partner-probe-panel": "channel",
    "portal-upload": "channel",
    "portal-submit": "channel",
}
# Pages that open with GET and need nothing but a channel.
PAGES = sorted(
    set(ACCESS)
    - {
        "home",
        "alert-acknowledge",
        "alert-snooze",
        "notice-renew",
        "notice-remove",
        "pin-decide",
        "partner-probe",
        "partner-check",
        "channel-check",
        "channel-authority",
        "change-withdraw",
        "look-ask",
        "look-show",
        "look-panel",
        "candidate-cut",
        "candidate-detail",
        "candidate-decide",
        "candidate-map",
        "release-compare",
        "release-map",
        "release-rollback",
        "relay-tafile",
        "vantage-claim",
        "vantage-record",
        "relay-ca",
        "relay-manifest",
        "relay-token-make",
        "relay-token-revoke",
        "relay-group-decide",
        "relay-group-change",
        "relay-group-add",
        "audit-verify",
        "watch-probe",
        "endpoint-detail",
        "vantage-make",
        "vantage-revoke",
        "release-detail",
        "export-download",
        "export-ca",
        "relay-export",
        "invitation-accept",
        "invitation-follow",
        "invitation-send",
        "own-certificate-remove",
        "portal-ours-pem",
        "portal-upload",
        "portal-submit",
        "portal-withdraw",
        "bulk-preview",
        "bulk-confirm",
        "bulk-result",
        "bulk-undo",
        "saved-view-open",
        "saved-view-edit",
        "saved-view-remove",
        "saved-view-first",
        "wall",
        "wall-make",
        "wall-revoke",
    }
)
AUDIENCES = ("visitor", "editor", "approver", "management", "partner", "nobody")


@pytest.fixture
def estate() -> dict[str, object]:
    """One partner with a channel, and a person of each kind."""
    team = editor()
    partner = Partner.objects.create(name="Fjordbank", owner=team)
    row = channel(partner, "fjordbank.example", by=team)
    people = {
        "editor": team,
        "approver": approver(),
        "management": person("max", User.Role.MANAGEMENT),
        "partner": member(partner, invited_by=team),
        "nobody": person("nell"),
    }
    return {"partner": partner, "channel": row, "people": people}


def browser(estate: dict[str, object], audience: str) -> Client:
    client = Client()
    if audience != "visitor":
        client.force_login(estate["people"][audience])
    return client


def address(estate: dict[str, object], name: str) -> str:
    kind = ARGUMENTS.get(name)
    return reverse(name, args=[estate[kind].pk] if kind else [])


def test_every_page_has_a_row() -> None:
    """A page that is mounted without a row in ACCESS fails here."""
    names = {pattern.name for pattern in urlpatterns if getattr(pattern, "name", None)}

    assert names - set(ACCESS) == set()


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("name", PAGES)
def test_page_opens_to_its_audience_alone(estate: dict[str, object], name: str, audience: str) -> None:
    """The audience named in ACCESS gets the page, a visitor the sign-in page, anybody else 404."""
    kinds = {"editor": "team", "approver": "team"}.get(audience, audience)
    expected = 302 if audience == "visitor" else 200 if kinds in ACCESS[name] else 404

    answer = browser(estate, audience).get(address(estate, name))

    assert answer.status_code == expected
    if audience == "visitor":
        assert answer["Location"].startswith("/accounts/login/")


def test_partner_sees_no_other_partner(estate: dict[str, object]) -> None:
    """Another partner's channel answers as one that does not exist, and its name stands nowhere."""
    other = Partner.objects.create(name="Rivet and Sons")
    foreign = channel(other, "rivet-sons.example", by=estate["people"]["editor"])
    client = browser(estate, "partner")

    page = client.get(reverse("portal-home"))
    stranger = client.post(reverse("portal-upload", args=[foreign.pk]), {"pasted": "AA"})
    chosen = client.get(reverse("portal-home"), {"channel": foreign.pk})

    assert b"fjordbank.example" in page.content or b"Mail from us to you" in page.content
    assert b"ivet" not in page.content
    assert (stranger.status_code, chosen.status_code) == (404, 404)
