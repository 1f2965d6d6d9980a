"""The audit trail tells every later edit of itself."""

import pytest
from django.db import IntegrityError

from partners.actions.audit import record, verify_chain
from partners.models import AuditEntry
from tests.actions.people import NOON, editor

pytestmark = pytest.mark.django_db


def three_entries() -> list[AuditEntry]:
    by = editor()
    return [record("partner.added", f"partner {n}", by=by, now=NOON, detail={"n": n, "ü": "ß"}) for n in range(3)]


class TestRecord:
    def test_each_entry_carries_the_hash_of_the_one_before(self) -> None:
        """The first has no predecessor; every other names exactly one."""
        first, second, third = three_entries()

        assert first.prev_hash == ""
        assert second.prev_hash == first.entry_hash
        assert third.prev_hash == second.entry_hash

    def test_the_chain_cannot_fork(self) -> None:
        """Two entries with the same predecessor are refused by the database itself."""
        _first, second, _third = three_entries()

        second.pk, second.entry_hash = None, "f" * 64
        with pytest.raises(IntegrityError):
            second.save(force_insert=True)


class TestVerifyChain:
    def test_an_untouched_chain_is_whole(self) -> None:
        """None is returned for a chain read back from the database, and for an empty one."""
        assert verify_chain() is None
        three_entries()
        assert verify_chain() is None

    @pytest.mark.parametrize("field", ["act", "subject", "entry_hash", "prev_hash"])
    def test_an_edited_field_is_found(self, field: str) -> None:
        """Whatever column is changed behind the portal's back, the entry is named."""
        _first, second, _third = three_entries()

        AuditEntry.objects.filter(pk=second.pk).update(**{field: "forged"})

        assert verify_chain() == second.pk

    def test_another_author_is_found(self) -> None:
        """Nobody can put an act on somebody else's name."""
        first, _second, _third = three_entries()

        AuditEntry.objects.filter(pk=first.pk).update(by=editor("mallory"))

        assert verify_chain() == first.pk

    def test_a_removed_entry_is_found(self) -> None:
        """The entry after the gap is named."""
        _first, second, third = three_entries()

        second.delete()

        assert verify_chain() == third.pk
