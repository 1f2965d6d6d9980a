"""The second person as rules of the database: triggers on SQLite and PostgreSQL, from one list of conditions.

A row is refused where the condition of a rule is true. The actions ask the same before; the triggers are for code that
goes round them. What a single person did counts only while the installation is one of a single approver: told by the
accounts and by the audit entry that ends that mode, never by the flag of the row itself.

A later migration that makes one of these tables anew on SQLite has to remove() the rules before and install() them
after; tests/models/test_second_person_rules.py tells where one is missing.
"""

from typing import Final

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from partners.migrations._triggers import Rule, Rules
from partners.migrations._triggers import moved as _moved

__all__ = ["install", "remove", "trigger_names"]

_MODE_ENTRY = "OLD.act = 'single-operator.ended'"
_ENDED = "EXISTS (SELECT 1 FROM partners_auditentry e WHERE e.act = 'single-operator.ended')"
_APPROVERS = "FROM partners_user_groups ug JOIN auth_group g ON g.id = ug.group_id AND g.name = 'approver'"


def _is_approver(person: str) -> str:
    return (
        f"EXISTS (SELECT 1 {_APPROVERS} JOIN partners_user u ON u.id = ug.user_id AND u.is_active"
        f" WHERE ug.user_id = {person})"
    )


def _alone(person: str) -> str:
    """Whether *person* is the one approver of an installation that never had a second."""
    return f"(NOT {_ENDED} AND (SELECT COUNT(*) {_APPROVERS}) = 1 AND {_is_approver(person)})"


def _invited(person: str, contact: str) -> str:
    """Whether *person* brought *contact* in on a partner's side."""
    return (
        f"(EXISTS (SELECT 1 FROM partners_membership m WHERE m.user_id = {contact} AND m.invited_by_id = {person})"
        " OR EXISTS (SELECT 1 FROM partners_invitation i JOIN partners_user iu ON iu.email = i.email"
        f" WHERE iu.id = {contact} AND i.role = 'partner' AND i.used_at IS NOT NULL AND i.invited_by_id = {person}))"
    )


def _involved(person: str, candidate: str) -> str:
    """Whether *person* wrote the candidate or one of its changes, or invited a contact who did."""
    return (
        f"(EXISTS (SELECT 1 FROM partners_candidate ic WHERE ic.id = {candidate} AND ic.author_id = {person})"
        " OR EXISTS (SELECT 1 FROM partners_candidate_changes cc JOIN partners_change h ON h.id = cc.change_id"
        f" WHERE cc.candidate_id = {candidate} AND (h.author_id = {person} OR {_invited(person, 'h.author_id')})))"
    )


_COUNTS = (  # approval a: of these bytes and findings, by somebody who may still give it
    f"{_is_approver('a.person_id')} AND ((NOT a.single_operator AND NOT {_involved('a.person_id', 'NEW.id')})"
    f" OR (a.single_operator AND {_alone('a.person_id')}))"
)
_UNAPPROVED = f"""NEW.release_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM partners_release r
    WHERE r.id = NEW.release_id AND r.author_id = NEW.author_id AND r.needs_second = NEW.needs_second
      AND (NOT r.needs_second OR EXISTS (
        SELECT 1 FROM partners_approval a
        WHERE a.candidate_id = NEW.id AND a.person_id = r.approver_id AND a.single_operator = r.single_operator
          AND a.candidate_sha256 = NEW.sha256 AND a.findings_sha256 = NEW.findings_sha256 AND {_COUNTS})))"""
_DECIDED_ANEW = _moved("decided_by_id", "single_operator", "state", "proposed_by_id")
_LONE_PIN = f"NEW.single_operator AND NEW.decided_by_id IS NOT NULL AND NOT {_alone('NEW.decided_by_id')}"
_INVITER_PIN = (
    "NOT NEW.single_operator AND NEW.decided_by_id IS NOT NULL AND NEW.state IN ('staged', 'active')"
    f" AND {_invited('NEW.decided_by_id', 'NEW.proposed_by_id')}"
)
_LONE_INVITATION = f"NEW.single_operator AND ({_ENDED} OR (SELECT COUNT(*) {_APPROVERS}) > 1)"
_CLOSED = (
    "NOT EXISTS (SELECT 1 FROM partners_candidate c WHERE c.id = {row}.candidate_id AND c.state = 'open')"
    " OR EXISTS (SELECT 1 FROM partners_approval a WHERE a.candidate_id = {row}.candidate_id)"
)

_RULES: Final = (
    Rule(
        "approval_of_these_bytes",
        "partners_approval",
        "NOT EXISTS (SELECT 1 FROM partners_candidate c WHERE c.id = NEW.candidate_id AND c.state = 'open'"
        " AND c.author_id = NEW.author_id AND c.sha256 = NEW.candidate_sha256"
        " AND c.findings_sha256 = NEW.findings_sha256)",
    ),
    Rule("approval_by_approver", "partners_approval", f"NOT {_is_approver('NEW.person_id')}"),
    Rule(
        "approval_by_no_author",
        "partners_approval",
        f"NOT NEW.single_operator AND {_involved('NEW.person_id', 'NEW.candidate_id')}",
    ),
    Rule("approval_alone", "partners_approval", f"NEW.single_operator AND NOT {_alone('NEW.person_id')}"),
    Rule("candidate_told_as_found", "partners_candidate", "NOT NEW.needs_second AND <weakens>"),
    Rule(
        "candidate_frozen",
        "partners_candidate",
        "",
        f"{_moved('author_id', 'base_id', 'cut_at')} OR (OLD.release_id IS NOT NULL AND "
        f"{_moved('release_id', 'sha256', 'findings', 'findings_sha256', 'needs_second', 'state')})",
    ),
    Rule("candidate_approved", "partners_candidate", _UNAPPROVED, f"OLD.release_id IS NULL AND {_UNAPPROVED}"),
    Rule(
        "candidate_changes_closed",
        "partners_candidate_changes",
        _CLOSED.format(row="NEW"),
        "1 = 1",
        _CLOSED.format(row="OLD"),
    ),
    Rule(
        "change_frozen",
        "partners_change",
        "",
        f"{_moved('author_id', 'channel_id')} OR (OLD.release_id IS NOT NULL AND {_moved('before', 'after')})",
    ),
    Rule(
        "release_alone",
        "partners_release",
        f"NEW.single_operator AND (NEW.approver_id IS NULL OR NOT {_alone('NEW.approver_id')})",
        _moved("number", "author_id", "approver_id", "needs_second", "single_operator"),
    ),
    Rule(
        "head_of_a_candidate",
        "partners_head",
        "NEW.release_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM partners_candidate c"
        " WHERE c.release_id = NEW.release_id AND c.state = 'published')",
    ),
    Rule("pin_alone", "partners_pin", _LONE_PIN, f"{_DECIDED_ANEW} AND {_LONE_PIN}"),
    Rule("pin_by_no_inviter", "partners_pin", _INVITER_PIN, f"{_DECIDED_ANEW} AND {_INVITER_PIN}"),
    Rule(
        "invitation_alone",
        "partners_invitation",
        _LONE_INVITATION,
        f"{_moved('single_operator', 'approved_by_id', 'agreed_at')} AND {_LONE_INVITATION}",
    ),
    Rule("mode_ended_for_good", "partners_auditentry", "", _MODE_ENTRY, _MODE_ENTRY),
)

_WEAKENS = {
    "sqlite": "EXISTS (SELECT 1 FROM json_each(NEW.findings) f WHERE json_extract(f.value, '$.kind') = 'weakening'"
    " OR json_extract(f.value, '$.blocks') = 1)",
    "postgresql": "EXISTS (SELECT 1 FROM jsonb_array_elements(NEW.findings) f WHERE f ->> 'kind' = 'weakening'"
    " OR f -> 'blocks' = 'true'::jsonb)",
}
# Deleting is asked on PostgreSQL alone: on SQLite, emptying a table for tests is a DELETE as any.
_ALL: Final = Rules("second_person_", _RULES, {"weakens": _WEAKENS}, frozenset({"postgresql"}))


def trigger_names(vendor: str) -> set[str]:
    """Return the names of the triggers that install() makes on *vendor*."""
    return _ALL.trigger_names(vendor)


def install(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the triggers."""
    _ALL.install(schema_editor)


def remove(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away."""
    _ALL.remove(schema_editor)
