"""What a relay fetches, and how it is refused."""

import hashlib

import pytest
from django.test import Client
from django.utils import timezone

from partners.actions.partners import add_partner
from partners.actions.relay_groups import ensure_group
from partners.actions.releases import approve, cut, publish
from partners.actions.tokens import make_relay_token
from partners.core.errors import ActionRefused
from partners.models import Artefact, Release, User
from tests.actions.at_head import at_head
from tests.actions.people import approver, editor
from tests.kit.lifted import lifted

pytestmark = pytest.mark.django_db

URL = "/export/main/tls_policy"


@pytest.fixture
def token() -> str:
    """A published map for the group main, and the token of its relays."""
    now = timezone.now()
    group = ensure_group(now=now)
    boss: User = approver()
    release = Release.objects.create(number=1, author=boss, needs_second=False, published_at=now, published_by=boss)
    Artefact.objects.create(release=release, group=group, text="a.example\tencrypt\n", sha256="0" * 64)
    at_head(release)
    return make_relay_token(group, by=boss, now=now)


def get(token: str, url: str = URL, **headers: str) -> object:
    return Client().get(url, headers={"Authorization": f"Bearer {token}", **headers})


def test_relay_gets_the_bytes(token: str) -> None:
    """The token of the group opens its map, byte for byte, with an ETag."""
    answer = get(token)

    assert answer.content == b"a.example\tencrypt\n"
    assert answer["ETag"] == f'"{"0" * 64}"'


def test_known_bytes_are_not_sent_again(token: str) -> None:
    """If-None-Match with the current ETag costs a 304 without a body."""
    etag = get(token)["ETag"]

    answer = get(token, **{"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("shape", ["W/{}", '"other", {}', '"other",W/{}', "*"])
def test_a_tag_is_compared_as_http_says(token: str, shape: str) -> None:
    """A proxy that packs the answer makes the tag a weak one; RFC 9110 section 13.1.2 compares that too."""
    etag = get(token)["ETag"]

    assert get(token, **{"If-None-Match": shape.format(etag)}).status_code == 304
    assert get(token, **{"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("wrong", ["", "tlsp_000000000000_x", "\x00", "a" * 5000])
def test_wrong_token_is_refused(token: str, wrong: str) -> None:
    """Whatever is not a token gets 401 and no hint."""
    assert get(wrong).status_code == 401


def test_token_opens_no_other_group(token: str) -> None:
    """Another group's address answers as one that does not exist."""
    assert get(token, "/export/other/tls_policy").status_code == 404


def test_map_does_not_travel_in_the_clear(token: str) -> None:
    """Over plain HTTP from elsewhere than loopback the token is not even looked at."""
    answer = Client(REMOTE_ADDR="192.0.2.7").get(URL, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 403


class TestAuthorities:
    """The CA set stands beside the map, under the same rules."""

    URL = "/export/main/ca.pem"

    @pytest.fixture(autouse=True)
    def released(self, token: str) -> None:
        with lifted():
            Artefact.objects.update(ca_pem="the set")

    def test_the_map_names_it_and_it_has_a_tag(self, token: str) -> None:
        """Its hash comes with the map; known bytes are not sent again."""
        told = get(token)["X-CA-SHA256"]
        answer = get(token, self.URL)

        assert answer.content == b"the set"
        assert told == hashlib.sha256(b"the set").hexdigest() == answer["ETag"].strip('"')
        assert get(token, self.URL, **{"If-None-Match": answer["ETag"]}).status_code == 304

    def test_it_is_refused_as_the_map_is(self, token: str) -> None:
        """Without a token, for another group, in the clear."""
        assert get("", self.URL).status_code == 401
        assert get(token, "/export/other/ca.pem").status_code == 404
        headers = {"Authorization": f"Bearer {token}"}
        assert Client(REMOTE_ADDR="192.0.2.7").get(self.URL, headers=headers).status_code == 403

    def test_a_release_without_one_says_so(self, token: str) -> None:
        """No public CA is not the same as an old release that does not tell."""
        with lifted():
            Artefact.objects.update(ca_pem="")
        assert (get(token)["X-CA-SHA256"], get(token, self.URL).status_code) == ("none", 404)
        with lifted():
            Artefact.objects.update(ca_pem=None)
        assert "X-CA-SHA256" not in get(token)

    def test_the_manifest_holds_each_file(self, token: str) -> None:
        """Name, hash and size of the map and of its CA set."""
        answer = get(token, "/export/main/manifest.json").json()

        assert [(one["path"], one["size"]) for one in answer["files"]] == [("ca.pem", 7), ("tls_policy", 18)]
        assert get("", "/export/main/manifest.json").status_code == 401

    def test_the_team_takes_it_from_the_page(self, token: str, client: Client) -> None:
        """Signed in, without a token; to a partner it does not exist."""
        client.force_login(editor())

        assert "ca.pem" in client.get("/export/").content.decode()
        assert client.get("/export/main/download/ca.pem").content == b"the set"
        assert Client().get("/export/main/download/ca.pem").status_code == 302


def test_draft_reaches_the_relays_with_a_release() -> None:
    """Add, cut, refuse to publish unseen, accept that as a second person, publish: the relay's bytes hold the line."""
    now = timezone.now()
    group, author, second = ensure_group(now=now), editor(), approver()
    change = add_partner("Acme", "acme.example", "encrypt", "encrypted", by=author, now=now)
    candidate = cut([change], by=author, now=now)
    seen = (candidate.sha256, candidate.findings_sha256)
    secret = make_relay_token(group, by=second, now=now)

    with pytest.raises(ActionRefused):
        publish(candidate, by=author, now=now)
    before = get(secret)
    approve(candidate, seen=seen, by=second, now=now, word="new partner, not reachable yet", accept_stops=True)
    publish(candidate, by=author, now=now)
    after = get(secret)

    assert before.status_code == 404
    assert b"acme.example\tencrypt\n" in after.content
