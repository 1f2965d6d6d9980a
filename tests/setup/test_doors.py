"""The doors that hang in the wiring: health, sign-in, admin; what every answer carries, and what the log keeps back."""

import logging
import re

import pytest
from django.conf import settings
from django.test import Client, RequestFactory

from partners.admin import site
from partners.models import Address, Invitation, Nexthop, RelayToken, User
from tests.kit.redis import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    """A browser in which somebody is signed in who may see the admin."""
    client.force_login(User.objects.create_superuser("staff@example.com"))
    return client


class TestHealth:
    def test_both_within_reach_is_200(self, client, redis_server: RedisServer, monkeypatch):
        """Database and broker answer."""
        monkeypatch.setattr(settings, "BROKER_URL", redis_server.url)

        answer = client.get("/healthz")

        assert answer.status_code == 200
        assert answer.json() == {"healthy": True, "database": True, "broker": True, "late": []}

    def test_a_broker_that_is_gone_is_503(self, client, tmp_path, monkeypatch):
        """The answer says which one is missing, and not where it was looked for."""
        monkeypatch.setattr(settings, "BROKER_URL", f"redis+socket://{tmp_path}/gone.sock")

        answer = client.get("/healthz")

        assert (answer.status_code, answer.json()["broker"]) == (503, False)
        assert str(tmp_path) not in answer.content.decode()


class TestSignIn:
    def test_page_carries_the_strict_policies(self, client):
        """No frame, no foreign script, no referrer, no guessing of types."""
        answer = client.get("/accounts/login/")

        assert answer.status_code == 200
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "'unsafe" not in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("path", ["signup/", "email/", "confirm-email/", "confirm-email/abc/"])
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_doors_round_the_actions_are_closed(self, staff, path, method):
        """Nobody signs up alone, and nobody changes an address without a second person."""
        assert getattr(staff, method)(f"/accounts/{path}").status_code == 404

    def test_a_foreign_host_name_is_refused(self, client):
        """Links in mails begin with our name, whatever a request claims."""
        assert client.get("/accounts/login/", headers={"host": "evil.example.com"}).status_code == 400


class TestAdmin:
    def test_strangers_are_sent_to_the_one_sign_in_page(self, client):
        """The admin has no password form of its own that would go round the second factor."""
        answer = client.get("/admin/login/", {"next": "/admin/"})

        assert (answer.status_code, answer.url) == (302, "/accounts/login/?next=/admin/")

    def test_people_without_the_right_are_refused(self, client):
        """Signed in is not enough."""
        client.force_login(User.objects.create_user("editor@example.com"))

        assert client.get("/admin/", follow=True).status_code == 403

    def test_every_model_can_be_looked_at(self, staff):
        """Each table opens."""
        paths = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in site._registry]

        assert {path: staff.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)

    @pytest.mark.parametrize("path", ["add/", "{pk}/delete/"])
    def test_nothing_can_be_written(self, staff, path):
        """Only actions write."""
        pk = User.objects.get().pk

        assert staff.post(f"/admin/partners/user/{path.format(pk=pk)}").status_code == 403

    def test_a_post_to_a_row_changes_nothing(self, staff):
        """A row's own page can be read, and takes nothing."""
        person = User.objects.get()

        assert staff.post(f"/admin/partners/user/{person.pk}/change/", {"email": "x@example.com"}).status_code == 403
        person.refresh_from_db()
        assert person.email == "staff@example.com"

    def test_no_password_hash_is_shown(self, staff):
        """Columns that open a door stay out of sight."""
        person = User.objects.get()
        person.set_password("a long enough pass phrase")
        person.save()
        staff.force_login(person)

        page = staff.get(f"/admin/partners/user/{person.pk}/change/").content.decode()

        assert "staff@example.com" in page
        assert "argon2" not in page

    @pytest.mark.parametrize(
        "lookup",
        [
            "user/?password__startswith=argon2",
            "invitation/?sha256__startswith=a",
            "invitation/?invited_by__password__startswith=argon2",
            "relaytoken/?sha256__startswith=a",
            "address/?lease_token__startswith=a",
            "auditentry/?by__password__regex=^a",
        ],
    )
    def test_no_secret_is_spelt_out_by_filters(self, staff, lookup):
        """Each answer to a filter would tell a letter: over secret columns, near or far, there is none."""
        assert staff.get(f"/admin/partners/{lookup}").status_code == 400

    def test_every_column_that_opens_a_door_is_kept_back(self):
        """A column that somebody adds is seen by this test, not by a reader of the admin."""
        opens = re.compile(r"password|token|secret|lease|private_key|sha256$")
        request = RequestFactory().get("/admin/")

        told = {
            f"{model.__name__}.{field.name}"
            for model, view in site._registry.items()
            if model in {User, Invitation, RelayToken, Address, Nexthop}
            for field in model._meta.fields
            if opens.search(field.name)
            and (
                field.name in view.get_fields(request) or view.lookup_allowed(f"{field.name}__startswith", "a", request)
            )
        }

        assert told == set()


def test_log_keeps_links_and_queries_back(client, caplog):
    """One line per answer; the secret part of a path and the query are not in it."""
    with caplog.at_level(logging.INFO):
        client.get("/invitations/very-secret-token/?also=secret")

    lines = [str(record.msg) for record in caplog.records if "request_finished" in str(record.msg)]
    assert len(lines) == 1
    assert "GET /invitations/***/" in lines[0]
    assert "secret" not in "".join(str(record.msg) for record in caplog.records)
