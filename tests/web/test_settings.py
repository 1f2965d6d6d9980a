"""The settings page: relay groups are changed by approvers, two of them where it asks less; the rest is told."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.group_changes import change_group
from partners.models import GroupChange, RelayGroup, User
from tests.actions.people import approver, editor, person
from tests.kit.ca import root_ca

pytestmark = pytest.mark.django_db

FIELDS = {
    "postfix": "3.7.11",
    "openssl": "3.0.19",
    "map_type": "lmdb",
    "tafile_directory": "/etc/postfix/tlsportal",
    "main_cf": "smtp_tls_security_level = may\n",
}


@pytest.fixture
def ann() -> User:
    """An approver beside another one, and a group whose default is encrypt."""
    RelayGroup.objects.create(name="main", main_cf={"smtp_tls_security_level": "encrypt"})
    approver("bob")
    return approver("ann")


def signed_in(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def url(name: str, *arguments: object) -> str:
    return reverse(name, args=arguments)


def test_what_the_environment_says_is_told_with_its_name(ann: User, settings: pytest.FixtureRequest) -> None:
    """Networks and ports cannot be changed here; no password is on the page."""
    settings.PROBE_NETWORKS, settings.PROBE_PORTS = ["192.0.2.0/24"], ["2525"]
    settings.BROKER_URL = "redis://user:geheim@broker:6379/0"

    text = signed_in(ann).get(url("settings-home")).content.decode()

    assert "192.0.2.0/24" in text
    assert "TLSPORTAL_PROBE_NETWORKS" in text
    assert "25, 465, 587, 2525" in text
    assert "geheim" not in text


def test_a_group_is_added(ann: User) -> None:
    """With its parameters and its public CAs."""
    file = SimpleUploadedFile("ca.pem", root_ca("A CA").pem.encode())

    answer = signed_in(ann).post(url("relay-group-add"), {**FIELDS, "name": "dublin", "ca_file": file})

    group = RelayGroup.objects.get(name="dublin")
    assert answer.status_code == 302
    assert (group.map_type, group.main_cf) == ("lmdb", {"smtp_tls_security_level": "may"})
    assert "BEGIN CERTIFICATE" in group.ca_pem


def test_a_change_that_asks_less_waits_and_is_agreed_to(ann: User) -> None:
    """ann proposes and is not offered to agree; bob is, and then it is so."""
    answer = signed_in(ann).post(url("relay-group-change", "main"), {**FIELDS, "version": "1"}, follow=True)
    own, bob = answer.content.decode(), User.objects.get(email="bob@house.example")
    other = signed_in(bob).get(url("settings-home")).content.decode()
    signed_in(bob).post(url("relay-group-decide", GroupChange.objects.get().pk), {"act": "agree"})

    assert ('value="agree"' in own, 'value="agree"' in other) == (False, True)
    assert "somebody else must agree" in own
    assert RelayGroup.objects.get().main_cf == {"smtp_tls_security_level": "may"}


def test_an_author_who_agrees_anyway_is_refused(ann: User) -> None:
    """The page leads back with cause and cure; nothing moved."""
    signed_in(ann).post(url("relay-group-change", "main"), {**FIELDS, "version": "1"})

    answer = signed_in(ann).post(url("relay-group-decide", GroupChange.objects.get().pk), {"act": "agree"}, follow=True)

    assert b"a second person is needed" in answer.content
    assert RelayGroup.objects.get().version == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"main_cf": "nonsense"}, "postconf -n"),
        ({"postfix": "x"}, "a release is written like 3.7.11"),
        ({"tafile_directory": "/a b"}, "no plain absolute path"),
        ({"ca_file": SimpleUploadedFile("k", b"-----BEGIN PRIVATE KEY-----")}, "private key"),
        ({"version": "9"}, "somebody saved it in between"),
    ],
)
def test_a_bad_form_is_told(ann: User, given: dict[str, object], told: str) -> None:
    """422 with what is wrong; what was typed stays."""
    answer = signed_in(ann).post(url("relay-group-change", "main"), {**FIELDS, "version": "1", **given})

    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert RelayGroup.objects.get().version == 1


def test_an_editor_reads_and_changes_nothing(ann: User) -> None:
    """The forms are not there for them."""
    client = signed_in(editor())

    assert client.get(url("settings-home")).status_code == 200
    assert client.get(url("relay-group-add")).status_code == 404
    assert client.post(url("relay-group-change", "main"), FIELDS).status_code == 404


@pytest.mark.parametrize("name", ["settings-home", "relay-group-add", "relay-group-change"])
def test_others_are_refused(ann: User, name: str) -> None:
    """Management has no settings page; a visitor is asked to sign in."""
    address = url(name, *(["main"] if name == "relay-group-change" else []))

    assert signed_in(person("max", User.Role.MANAGEMENT)).get(address).status_code == 404
    assert Client().get(address).status_code == 302


def test_others_cannot_decide(ann: User) -> None:
    """Neither management, nor an editor, nor a visitor."""
    one = change_group(
        RelayGroup.objects.get(), {"main_cf": {"smtp_tls_security_level": "may"}}, version=1, by=ann, now=timezone.now()
    )
    assert one is not None
    address = url("relay-group-decide", one.pk)

    assert signed_in(person("max", User.Role.MANAGEMENT)).post(address, {"act": "agree"}).status_code == 404
    assert signed_in(editor()).post(address, {"act": "agree"}).status_code == 404
    assert Client().post(address, {"act": "agree"}).status_code == 302
    assert RelayGroup.objects.get().version == 1


def test_a_page_keeps_to_its_queries(ann: User, django_assert_max_num_queries) -> None:
    """However many groups and changes there are; three are session, user and groups."""
    for number in range(20):
        RelayGroup.objects.create(name=f"g{number}")
    client = signed_in(ann)

    with django_assert_max_num_queries(12 + 3):
        client.get(url("settings-home"))
    with django_assert_max_num_queries(12 + 3):
        client.get(url("relay-list"))
