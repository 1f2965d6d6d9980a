"""Lines of an existing table whose keys Postfix folds alike."""

import pytest

from partners.actions.imports import ImportReport, import_policy
from partners.actions.partners import add_partner
from partners.models import Nexthop
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
