"""A relay group's settings follow the relays; what asks less of a peer takes two people."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from partners.actions.group_changes import apply_change, ca_set_of, change_group, main_cf_of, refuse_change
from partners.actions.judging import judge_due, judge_nexthops
from partners.actions.leases import JUDGE_STALE
from partners.core.errors import CertificateRefused, NotAllowed, SamePersonRefused, SettingsRefused, StaleRefused
from partners.models import AuditEntry, GroupChange, RelayGroup, User
from tests.actions.people import NOON, approver, editor
from tests.actions.watched import ask_dns, watched
from tests.kit.ca import root_ca, self_signed

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
LOWER = {"main_cf": {"smtp_tls_security_level": "may"}}
HIGHER = {"main_cf": {"smtp_tls_security_level": "encrypt"}}


@pytest.fixture
def group() -> RelayGroup:
    return RelayGroup.objects.create(name="main", main_cf={"smtp_tls_security_level": "encrypt"})


@pytest.fixture
def ann() -> User:
    approver("bob")
    return approver("ann")


def bob() -> User:
    return User.objects.get(email="bob@house.example")


def test_what_asks_no_less_is_done_at_once(group: RelayGroup, ann: User) -> None:
    """A stricter default, written down with the parameter."""
    group.main_cf = {}
    group.save()

    assert change_group(group, HIGHER, version=1, by=ann, now=NOON) is None

    group.refresh_from_db()
    assert (group.main_cf, group.version) == (HIGHER["main_cf"], 2)
    assert AuditEntry.objects.first().act == "relay-group.changed"


@pytest.mark.parametrize(
    "fields",
    [pytest.param(LOWER, id="default"), pytest.param({"ca_pem": root_ca("A CA").pem}, id="ca-set")],
)
def test_what_asks_less_waits_for_a_second_person(group: RelayGroup, ann: User, fields: dict[str, object]) -> None:
    """Nothing moves until another approver agrees; the author is refused."""
    group.main_cf = {"smtp_tls_security_level": "verify"} if "ca_pem" in fields else group.main_cf
    group.save()
    change = change_group(group, fields, version=1, by=ann, now=NOON)
    assert change is not None
    assert change.weakens

    with pytest.raises(SamePersonRefused):
        apply_change(change, by=ann, now=NOON)
    group.refresh_from_db()
    assert group.version == 1
    apply_change(change, by=bob(), now=NOON)

    group.refresh_from_db()
    assert {name: getattr(group, name) for name in fields} == fields


def test_a_change_of_what_moved_on_is_stale(group: RelayGroup, ann: User) -> None:
    """What was agreed is what was looked at, or nothing."""
    change = change_group(group, LOWER, version=1, by=ann, now=NOON)
    change_group(group, {"openssl": "3.0.20"}, version=1, by=ann, now=NOON)
    assert change is not None

    with pytest.raises(StaleRefused):
        apply_change(change, by=bob(), now=NOON)

    assert GroupChange.objects.get().state == GroupChange.State.OPEN
    group.refresh_from_db()
    assert group.main_cf == {"smtp_tls_security_level": "encrypt"}


def test_a_change_is_decided_once(group: RelayGroup, ann: User) -> None:
    """Refused by its author, it cannot be made any more."""
    change = change_group(group, LOWER, version=1, by=ann, now=NOON)
    assert change is not None
    refuse_change(change, by=ann, now=NOON)

    with pytest.raises(StaleRefused):
        apply_change(change, by=bob(), now=NOON)


def test_the_database_knows_the_second_person_too(group: RelayGroup, ann: User) -> None:
    """Nobody writes an applied change that its author decided."""
    with pytest.raises(IntegrityError):
        GroupChange.objects.create(
            group=group, fields={}, version=1, author=ann, made_at=NOON, state="applied", decided_by=ann
        )


def test_one_approver_alone_is_marked(group: RelayGroup) -> None:
    """In single-operator mode it is done at once, and the trail says so."""
    alone = approver("ann")

    assert change_group(group, LOWER, version=1, by=alone, now=NOON) is None
    assert AuditEntry.objects.first().detail["single_operator"] is True


@pytest.mark.parametrize(
    "fields",
    [
        {"postfix": "x"},
        {"map_type": "mysql"},
        {"tafile_directory": "/etc/a b"},
        {"main_cf": {"smtp_tls_wrappermode": "maybe"}},
    ],
)
def test_what_cannot_be_read_is_refused(group: RelayGroup, ann: User, fields: dict[str, object]) -> None:
    """Nothing is judged by a guess; nothing is written."""
    with pytest.raises(SettingsRefused):
        change_group(group, fields, version=1, by=ann, now=NOON)

    group.refresh_from_db()
    assert group.version == 1


def test_a_change_is_judged_by_at_once(group: RelayGroup, ann: User, django_capture_on_commit_callbacks) -> None:
    """The judge is woken, and what it judged a minute ago is due again."""
    nexthop = watched("acme.example", by=editor())
    ask_dns(nexthop, "192.0.2.1", at=NOON)
    judge_nexthops([nexthop.pk], now=NOON)
    assert judge_due(10, now=NOON + MINUTE) == 0

    with django_capture_on_commit_callbacks() as woken:
        change_group(group, {"openssl": "3.0.20"}, version=1, by=ann, now=NOON + MINUTE)

    assert (JUDGE_STALE,) in [one.args for one in woken]
    assert judge_due(10, now=NOON + 2 * MINUTE) == 1
    assert judge_due(10, now=NOON + 3 * MINUTE) == 0


def test_an_editor_changes_nothing(group: RelayGroup, ann: User) -> None:
    """Settings are an approver's."""
    with pytest.raises(NotAllowed):
        change_group(group, LOWER, version=1, by=editor(), now=NOON)


def test_the_trail_holds_no_pem(group: RelayGroup, ann: User) -> None:
    """Of a CA set its hash is written down."""
    change_group(group, {"ca_pem": root_ca("A CA").pem}, version=1, by=ann, now=NOON)

    assert "BEGIN" not in str(AuditEntry.objects.first().detail)
    assert "ca_sha256" in AuditEntry.objects.first().detail


def test_main_cf_is_read_as_postconf_prints_it() -> None:
    """Comments and empty lines aside."""
    assert main_cf_of("# a\nsmtp_tls_security_level = may\n\nsmtp_tls_CAfile =\n") == {
        "smtp_tls_security_level": "may",
        "smtp_tls_CAfile": "",
    }


@pytest.mark.parametrize("text", ["nonsense", "a b = c", "a = b\na = c", "a = \x1b[0m", "a = ü", "x = 1\n" * 301])
def test_other_texts_are_no_main_cf(text: str) -> None:
    """The line is named."""
    with pytest.raises(SettingsRefused):
        main_cf_of(text)


def test_a_ca_set_is_certificates_alone() -> None:
    """What stands around them is dropped, for it is a comment; an empty set is one too."""
    ca = root_ca("A CA")

    assert ca_set_of(f"comment\n{ca.pem}\nend") == f"{ca.pem.strip()}\n"
    assert ca_set_of("") == ""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("no certificate", id="nothing"),
        pytest.param(root_ca("A").pem + root_ca("A").key_pem, id="key"),
        pytest.param(self_signed("mx.example").pem, id="leaf"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", id="garbage"),
        pytest.param("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", id="no-base64"),
    ],
)
def test_other_files_are_no_ca_set(text: str) -> None:
    """A private key is refused at once; a server's certificate is no CA."""
    with pytest.raises((SettingsRefused, CertificateRefused)):
        ca_set_of(text)
