"""Lines of an existing table whose keys Postfix folds alike."""

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from partners.actions import adding_many, audit, imports
from partners.actions.imports import ImportReport, import_policy
from partners.actions.partners import add_partner
from partners.core.errors import StaleRefused
from partners.models import AuditEntry, Change, Channel, Nexthop, Partner, RelayGroup, Standing
from tests.actions.people import NOON, editor

pytestmark = pytest.mark.django_db


def states(report: ImportReport) -> list[tuple[str, str]]:
    """Key and state of each line."""
    return [(line.key, line.state) for line in report.lines]


@pytest.mark.parametrize("dry_run", [True, False])
class TestFoldedKeys:
    def test_within_the_table(self, dry_run: bool) -> None:
        """The A-label brings its U-label, which folds to the next line's key: that line is refused, and says why."""
        text = "xn--strae-oqa.example\tencrypt\nstrasse.example\tsecure\n"
        report = import_policy(text.encode(), by=editor(), now=NOON, dry_run=dry_run)

        assert states(report) == [("xn--strae-oqa.example", "taken"), ("strasse.example", "refused")]
        assert "straße.example" in report.lines[1].cause

    def test_with_what_is_there(self, dry_run: bool) -> None:
        """A key that folds to another partner's is refused by naming that row; the same key is present."""
        eda = editor()
        add_partner("Acme", "straße.example", "encrypt", "encrypted", by=eda, now=NOON)
        text = "STRASSE.example\tsecure\nstraße.example\tencrypt\n"
        report = import_policy(text.encode(), by=eda, now=NOON, dry_run=dry_run)

        assert [line.state for line in report.lines] == ["refused", "refused"]
        assert "partner Acme has" in report.lines[0].cause

    def test_upper_case_and_both_labels(self, dry_run: bool) -> None:
        """Case and form of one name are one key: the second line adds nothing."""
        text = "BÜCHER.example\tencrypt\n"
        eda = editor()
        add_partner("Books", "xn--bcher-kva.example", "encrypt", "encrypted", by=eda, now=NOON)

        assert states(import_policy(text.encode(), by=eda, now=NOON, dry_run=dry_run)) == [
            ("bücher.example", "present")
        ]
        assert Nexthop.objects.count() == 2


@pytest.mark.parametrize("dry_run", [True, False])
def test_fingerprints_of_another_algorithm_are_named(dry_run: bool) -> None:
    """A table of Postfix 2.5 holds MD5; relays that compare SHA-256 would find nothing pinned, and the line says why."""
    text = "acme.example fingerprint match=3D:95:34:51:24:66:33:B9:D2:40:99:C0:C1:17:0B:D1\n"

    report = import_policy(text.encode(), by=editor(), now=NOON, dry_run=dry_run)

    assert [line.state for line in report.lines] == ["refused"]
    assert "relay group main compares fingerprints of sha256" in report.lines[0].cause
    assert "smtp_tls_fingerprint_digest" in report.lines[0].cause


PAIRS = """\
acme.example\tencrypt
.acme.example\tsecure
bücher.example\tencrypt
.xn--bcher-kva.example\tencrypt
acme.example:587\tencrypt
[acme.example]\tencrypt
strasse.example\tencrypt
xn--strae-oqa.example\tencrypt
broken.example\tstrong
"""


def test_a_domain_and_its_parent_key_are_one_partners() -> None:
    """`x` and `.x` are two channels of one partner, whichever form the name has."""
    import_policy(PAIRS.encode(), by=editor(), now=NOON)

    held = {one.name: one.channels.count() for one in Partner.objects.all()}
    assert held == {"acme.example": 4, "bücher.example": 2, "strasse.example": 1}


def test_a_parent_key_joins_whoever_has_the_domain() -> None:
    """The partner has a name that people gave; a host in brackets may be anybody's relay, and is no reason."""
    eda = editor()
    add_partner("Acme", "acme.example", "encrypt", "encrypted", by=eda, now=NOON)
    add_partner("Relay Ltd", "[mx.books.example]", "encrypt", "encrypted", by=eda, now=NOON)
    text = ".acme.example\tsecure\nmx.books.example\tencrypt\n"

    report = import_policy(text.encode(), by=eda, now=NOON)

    assert [(line.partner, line.is_new) for line in report.lines] == [("Acme", False), ("mx.books.example", True)]


def test_a_dry_run_says_what_the_import_does() -> None:
    """Line by line, partners included, also where the second key of a name is taken by a line above."""
    eda = editor()
    add_partner("Books", "bücher.example", "encrypt", "encrypted", by=eda, now=NOON)

    told = import_policy(PAIRS.encode(), by=eda, now=NOON, dry_run=True)
    unsigned = import_policy(PAIRS.encode(), by=None, now=NOON)
    channels = Channel.objects.count()

    assert import_policy(PAIRS.encode(), by=eda, now=NOON).lines == told.lines == unsigned.lines
    assert (channels, Channel.objects.count()) == (1, 1 + told.count("taken"))


def test_a_fault_in_the_middle_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a partner, not a group, not a word in the audit trail."""
    there: list[int] = []

    def failing(*_channels: object) -> None:
        there.append(Channel.objects.count())
        raise DatabaseError

    monkeypatch.setattr(adding_many, "restand", failing)
    with pytest.raises(DatabaseError):
        import_policy(PAIRS.encode(), by=editor(), now=NOON)

    assert there == [7]
    assert not any(model.objects.exists() for model in (Partner, Channel, Nexthop, RelayGroup, AuditEntry))


def test_a_name_that_was_taken_meanwhile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database decides; nothing of the table is kept, and the import can be asked for again."""
    read = imports._Known.read
    eda = editor()

    def late() -> object:
        known = read()
        add_partner("acme.example", "elsewhere.example", "encrypt", "encrypted", by=eda, now=NOON)
        return known

    monkeypatch.setattr(imports._Known, "read", late)
    with pytest.raises(StaleRefused, match="in between"):
        import_policy(PAIRS.encode(), by=eda, now=NOON)

    assert Partner.objects.count() == Channel.objects.count() == 1


def test_each_channel_has_its_own_entry_in_the_trail() -> None:
    """The same words as for one that was added by hand, in an unbroken chain, with the sums at its end."""
    eda = editor()
    import_policy(PAIRS.encode(), by=eda, now=NOON)

    told = list(AuditEntry.objects.filter(act="channel.added").order_by("pk"))
    assert [(one.by, one.subject) for one in told] == [
        (eda, f"partner {change.channel.partner_id}") for change in Change.objects.order_by("pk")
    ]
    assert told[2].detail["nexthops"] == ["bücher.example", "xn--bcher-kva.example"]
    assert AuditEntry.objects.latest("pk").act == "policy.imported"
    assert audit.verify_chain() is None
    assert set(Nexthop.objects.values_list("asked_by", "due_at")) == {("draft", NOON)}


@pytest.mark.parametrize("dry_run", [True, False])
def test_another_entry_under_a_key_that_is_there_is_told(dry_run: bool) -> None:
    """Nothing of the portal is overwritten; whoever compares the two tables reads where they differ."""
    eda = editor()
    add_partner("One", "one.example", "secure", "ca-and-name", match="mx.one.example", by=eda, now=NOON)
    add_partner("Two", "two.example", "encrypt", "encrypted", by=eda, now=NOON)
    text = "one.example\tnone\ntwo.example\tencrypt\n"

    one, two = import_policy(text.encode(), by=eda, now=NOON, dry_run=dry_run).lines

    assert (one.state, two.state) == ("present", "present")
    assert one.cause == "the portal has another entry for it, of level secure, which stays"
    assert two.cause == ""


def test_an_import_costs_the_same_for_many() -> None:
    """What is there is read once, and what is new is written for all lines at once."""
    eda, spent = editor(), []
    for count in (5, 25):
        text = "".join(f"n{one}.of{count}.example\tencrypt\n" for one in range(count))
        with CaptureQueriesContext(connection) as asked:
            import_policy(text.encode(), by=eda, now=NOON)
        spent.append(len(asked))

    assert spent[1] <= spent[0]
    assert Standing.objects.count() == 30
