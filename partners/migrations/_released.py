"""What was released stays as it was: triggers on SQLite and PostgreSQL.

No action changes or deletes a release, its artefacts, or the candidate, changes and approvals that it came from: going
back is a release of its own. The triggers hold the same against whatever else writes. Whoever may drop triggers can
drop these too; the audit trail then still tells the sha256 of each release.

The head moves forwards alone, for an older release is a map that nobody looked at today. The bytes of a release that
came from a candidate are those of the candidate, and those were frozen when it was cut.
"""

from typing import Final

from partners.migrations._triggers import Rule, Rules, moved

__all__ = ["RULES"]

_BYTES = ("group_id", "text", "tafiles", "ca_pem", "sha256")
_SAME = " AND ".join(f"NOT (m.{name} <differs> NEW.{name})" for name in _BYTES)
_NEVER = "1 = 1"
_NUMBER = "(SELECT r.number FROM partners_release r WHERE r.id = {row}.release_id)"
_IS_RELEASED = (
    "EXISTS (SELECT 1 FROM partners_candidate c WHERE c.id = {row}.candidate_id AND c.release_id IS NOT NULL)"
)
_IS_CLOSED = (
    "NOT EXISTS (SELECT 1 FROM partners_candidate c WHERE c.id = NEW.candidate_id AND c.state = 'open')"
    " OR EXISTS (SELECT 1 FROM partners_approval a WHERE a.candidate_id = NEW.candidate_id)"
)

RULES: Final = Rules(
    "released_",
    (
        Rule(
            "release_stays",
            "partners_release",
            "",
            moved("id", "number", "published_at", "published_by_id", "reason"),  # the rest is of the second person
            _NEVER,
        ),
        Rule(
            "artefact_stays",
            "partners_artefact",
            "EXISTS (SELECT 1 FROM partners_candidate c WHERE c.release_id = NEW.release_id AND NOT EXISTS ("
            f"SELECT 1 FROM partners_candidatemap m WHERE m.candidate_id = c.id AND {_SAME}))",
            moved("id", "release_id", *_BYTES),
            _NEVER,
        ),
        Rule(
            "map_stays",
            "partners_candidatemap",
            _IS_CLOSED,
            moved("id", "candidate_id", *_BYTES),
            _IS_RELEASED.format(row="OLD"),
        ),
        Rule("candidate_stays", "partners_candidate", "", "", "OLD.release_id IS NOT NULL"),
        Rule("approval_stays", "partners_approval", "", _IS_RELEASED.format(row="OLD"), _IS_RELEASED.format(row="OLD")),
        Rule(
            "change_stays",
            "partners_change",
            "",
            f"OLD.release_id IS NOT NULL AND {moved('release_id', 'made_at', 'withdrawn_at')}",
            "OLD.release_id IS NOT NULL",
        ),
        Rule(
            "head_goes_forwards",
            "partners_head",
            "",
            "OLD.release_id IS NOT NULL AND (NEW.release_id IS NULL OR (NEW.release_id <> OLD.release_id AND "
            f"{_NUMBER.format(row='NEW')} <= {_NUMBER.format(row='OLD')}))",
            "OLD.release_id IS NOT NULL",
        ),
    ),
    {},
    frozenset({"sqlite", "postgresql"}),
)
