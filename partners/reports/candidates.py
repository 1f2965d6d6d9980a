"""A candidate as its page shows it: what happens to mail, what the guard found, what changes, who may do what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.outcome import Delivery
from partners.core.second_person import is_second
from partners.models import Approval, Candidate, Change, Nexthop, Release, User, VerdictRow
from partners.reports.changed import GroupDiff, PartnerRow, group_diff, partner_rows
from partners.reports.differences import Moved, compared
from partners.reports.findings import FindingRow, Owner, finding_rows
from partners.reports.names import person_name
from partners.reports.relays import published_release

__all__ = ["CandidatePage", "Doing", "Reader", "candidate_page"]

SHOWN: Final = 200  # findings and rows; an import of thousands is read in the map file
_HARM = ("bounce", "defer", "unknown", "deliver")  # worst first


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks, and what the rules let that person do at all; alone: the portal has one approver."""

    person: User
    may_approve: bool
    alone: bool


@dataclass(frozen=True, slots=True)
class Doing:
    """A button. why_not: what keeps it shut, and what opens it; empty where it is open."""

    why_not: str = ""
    shown: bool = True

    @property
    def is_open(self) -> bool:
        """Whether it would be taken now."""
        return self.shown and not self.why_not


@dataclass(frozen=True)
class CandidatePage:
    """The whole page."""

    candidate: Candidate
    state: str
    title: str
    why: str
    figures: tuple[dict[str, object], ...]
    findings: tuple[FindingRow, ...]
    blocks: int
    rows: tuple[PartnerRow, ...]
    diffs: tuple[GroupDiff, ...]
    approvals: tuple[Approval, ...]
    approve: Doing
    publish: Doing
    abandon: Doing
    alone: bool
    published: Release | None
    findings_hidden: int
    rows_hidden: int


def candidate_page(pk: int, reader: Reader) -> CandidatePage | None:
    """Return the page of candidate *pk* for *reader*, None if there is none."""
    candidate = Candidate.objects.select_related("author", "base", "release").filter(pk=pk).first()
    if candidate is None:
        return None
    changes = tuple(candidate.changes.select_related("channel__partner", "author").order_by("made_at", "pk"))
    maps = tuple(candidate.maps.select_related("group").order_by("group__name"))
    base = {one.group_id: one.text for one in candidate.base.artefacts.all()} if candidate.base else {}
    found = {one.group.name: compared(base.get(one.group_id, ""), one.text) for one in maps}
    moved = {one.key: one for difference in found.values() for one in difference.moved}
    owners = _owners(changes, {*moved, *_keys_of(candidate.findings)})
    authors = candidate.involved(changes)
    approvers, is_open = _approvers(), candidate.state == Candidate.State.OPEN
    seconds = tuple(person for person in approvers if person.pk not in authors)
    rows = finding_rows(
        candidate.findings,
        owners,
        who=_who(reader, seconds, is_author=reader.person.pk in authors) if is_open else "",
        changes=frozenset(change.pk for change in changes),
        many_groups=len(maps) > 1,
    )
    counted = _counted(candidate, approvers, authors, alone=reader.alone)
    published = published_release()
    is_latest = (published.pk if published else None) == candidate.base_id
    blocked = {row.key for row in rows if row.blocks}
    state, title = _verdict(candidate, rows, counted, is_latest=is_latest)
    whose = {change.channel_id: person_name(change.author) for change in changes}
    less, outcomes = _less(candidate.findings), _outcomes(candidate, moved)
    partners = partner_rows(moved.values(), owners, less, outcomes, whose)
    return CandidatePage(
        candidate=candidate,
        state=state,
        title=title,
        why=_why(candidate, rows, counted),
        figures=_figures(moved, owners, rows),
        findings=rows[:SHOWN],
        blocks=len(blocked),
        rows=partners[:SHOWN],
        diffs=tuple(group_diff(group, difference) for group, difference in found.items()),
        approvals=counted,
        approve=_approve(candidate, reader, counted, seconds, authors),
        publish=_publish(candidate, counted, is_latest=is_latest),
        abandon=Doing(shown=is_open),
        alone=reader.alone,
        published=published,
        findings_hidden=max(len(rows) - SHOWN, 0),
        rows_hidden=max(len(partners) - SHOWN, 0),
    )


def _keys_of(findings: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(one.get("nexthop") or one.get("key") or "") for one in findings} - {""}


def _owners(changes: Sequence[Change], keys: set[str]) -> dict[str, Owner]:
    """Return whose each of *keys* is: what the changes say, then the rows of the nexthops."""
    of_channel: dict[int, set[int]] = {}
    for change in changes:
        of_channel.setdefault(change.channel_id, set()).add(change.pk)
    owners = {
        row.key: Owner(row.channel.partner.name, row.channel_id, frozenset(of_channel.get(row.channel_id, ())))
        for row in Nexthop.objects.filter(key__in=keys).select_related("channel__partner")
    }
    for change in changes:
        for shot in (change.before, change.after):
            for key in (shot or {}).get("nexthops", ()):
                owners[key] = Owner(
                    change.channel.partner.name, change.channel_id, frozenset(of_channel[change.channel_id])
                )
    return owners


def _approvers() -> tuple[User, ...]:
    """Return who may agree to what others wrote, by name."""
    people = User.objects.filter(is_active=True, groups__name=User.Role.APPROVER.value)
    return tuple(sorted(people.exclude(groups__name=User.Role.PARTNER.value), key=person_name))


def _who(reader: Reader, seconds: Sequence[User], *, is_author: bool) -> str:
    """Say who may be the second person, and why the reader may not."""
    if reader.alone:
        return _("There is one approver alone: your approval is kept as an act of a single operator.")
    names = ", ".join(person_name(person) for person in seconds if person.pk != reader.person.pk)
    if is_author and names:
        return _("You wrote a part of it or invited who did, so somebody else must agree: %s.") % names
    if reader.may_approve and not is_author:
        return _("You may agree, or %s.") % names if names else _("You may agree.")
    if names:
        return _("%s may agree.") % names
    return _("Nobody here may agree: every approver wrote a part of it or invited who did. Invite a further approver.")


def _counted(
    candidate: Candidate, approvers: Sequence[User], authors: set[int], *, alone: bool
) -> tuple[Approval, ...]:
    """Return the approvals that count now: of these bytes and findings, by whoever still is a second person."""
    rows = candidate.approvals.select_related("person").filter(
        candidate_sha256=candidate.sha256, findings_sha256=candidate.findings_sha256
    )
    if candidate.state != Candidate.State.OPEN:
        return tuple(rows)
    able = {person.pk for person in approvers}
    return tuple(
        row
        for row in rows
        if is_second(
            may_approve=row.person_id in able,
            is_author=row.person_id in authors,
            given_alone=row.single_operator,
            alone_now=alone,
        )
    )


def _verdict(
    candidate: Candidate, rows: Sequence[FindingRow], counted: Sequence[Approval], *, is_latest: bool
) -> tuple[str, str]:
    """Return the mark and the sentence that stand first."""
    if candidate.state == Candidate.State.PUBLISHED:
        return "ok", _("Published as release %s.") % (candidate.release.number if candidate.release else "")
    if candidate.state == Candidate.State.ABANDONED:
        return "unk", _("Given up: it never reaches the relays.")
    if not is_latest:
        return "weak", _("Another release was published since it was cut: cut it again.")
    if any(row.blocks for row in rows):
        return _blocked(rows, counted)
    if candidate.needs_second and not counted:
        return "weak", _("It asks less than before; a second person must agree.")
    return _may_go(candidate)


def _may_go(candidate: Candidate) -> tuple[str, str]:
    """Return the same where nothing keeps it back: good news alone where the mail of all that it moves arrives."""
    if lost := len(_undelivered(candidate)):
        text = ngettext(
            "No mail stops by it, and it may be published; mail to %s nexthop waits or comes back either way.",
            "No mail stops by it, and it may be published; mail to %s nexthops waits or comes back either way.",
            lost,
        )
        return "weak", text % lost
    return "ok", _("Every known nexthop keeps its mail. It may be published.")


def _undelivered(candidate: Candidate) -> set[str]:
    """Return the nexthops of the findings to which no message would be delivered."""
    lost = {Delivery.DEFER.value, Delivery.BOUNCE.value}
    # Of a weakening "after" is its line, or none.
    found = (one for one in candidate.findings if isinstance(one.get("after"), dict))
    return {str(one["nexthop"]) for one in found if one["after"].get("delivery") in lost}


def _blocked(rows: Sequence[FindingRow], counted: Sequence[Approval]) -> tuple[str, str]:
    """Return the same where mail would stop, or nobody knows."""
    if counted:
        return "weak", _("It may be published: %s accepted that mail may stop.") % person_name(counted[0].person)
    stops = {row.key for row in rows if row.blocks and row.state == "bad"}
    if stops:
        text = ngettext(
            "Blocked: mail to %s nexthop would stop, or lose hosts.",
            "Blocked: mail to %s nexthops would stop, or lose hosts.",
            len(stops),
        )
        return "bad", text % len(stops)
    unknown = {row.key for row in rows if row.blocks}
    text = ngettext(
        "Blocked: nobody knows what would happen to mail to %s nexthop.",
        "Blocked: nobody knows what would happen to mail to %s nexthops.",
        len(unknown),
    )
    return "bad", text % len(unknown)


def _why(candidate: Candidate, rows: Sequence[FindingRow], counted: Sequence[Approval]) -> str:
    """Say of how many more nobody knows, with what it was compared, and who agreed."""
    told = []
    stops = {row.key for row in rows if row.blocks and row.state == "bad"}
    unknown = {row.key for row in rows if row.blocks} - stops
    if stops and unknown and candidate.state == Candidate.State.OPEN:
        text = ngettext(
            "Of %s more, nobody knows what would happen.", "Of %s more, nobody knows what would happen.", len(unknown)
        )
        told.append(text % len(unknown))
    if candidate.base:
        told.append(_("Compared with release %s, which was published when it was cut.") % candidate.base.number)
    else:
        told.append(_("It is the first release: the relays have no map of ours yet."))
    if counted:
        told.append(_("Agreed by %s.") % ", ".join(person_name(row.person) for row in counted))
    return " ".join(told)


def _figures(
    moved: Mapping[str, Moved], owners: Mapping[str, Owner], rows: Sequence[FindingRow]
) -> tuple[dict[str, object], ...]:
    """Return the three numbers beside the verdict."""
    partners = {owners[key].partner if key in owners else key for key in moved}
    stops = {row.key for row in rows if row.blocks}
    weaker = {row.key for row in rows if row.weakens}
    return (
        {"value": len(partners), "label": ngettext("partner changes", "partners change", len(partners))},
        {"value": len(stops), "label": ngettext("nexthop blocks", "nexthops block", len(stops))},
        {"value": len(weaker), "label": ngettext("weakening", "weakenings", len(weaker))},
    )


def _less(findings: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the keys that ask less; a weakening that is not proven to be none counts as one."""
    return frozenset(str(one.get("key") or "") for one in findings if one.get("kind") == "weakening")


def _outcomes(candidate: Candidate, moved: Mapping[str, Moved]) -> dict[str, tuple[str, str]]:
    """Return key -> what Postfix would do: as the guard found, else as it does now (the guard found no difference)."""
    rows = VerdictRow.objects.filter(nexthop__key__in=moved).values_list("nexthop__key", "delivery", "tls_status")
    found: dict[str, tuple[str, str]] = {}
    for key, delivery, status in rows:
        found[key] = min(found.get(key, (delivery, status)), (delivery, status), key=_harm)
    guarded: dict[str, tuple[str, str]] = {}
    for one in candidate.findings:
        if one.get("kind") == "outcome" and one.get("after"):
            told = (str(one["after"]["delivery"]), str(one["after"]["tls_status"]))
            guarded[one["nexthop"]] = min(guarded.get(one["nexthop"], told), told, key=_harm)
    return {**found, **guarded}


def _harm(told: tuple[str, str]) -> int:
    return _HARM.index(told[0]) if told[0] in _HARM else len(_HARM)


def _approve(
    candidate: Candidate,
    reader: Reader,
    counted: Sequence[Approval],
    seconds: Sequence[User],
    authors: set[int],
) -> Doing:
    """Return the button for the second person; whoever would be refused is not shown one."""
    if candidate.state != Candidate.State.OPEN:
        return Doing(shown=False)
    is_author = reader.person.pk in authors
    if not reader.may_approve or (is_author and not reader.alone):
        return Doing(_who(reader, seconds, is_author=is_author), shown=False)
    if any(row.person_id == reader.person.pk for row in counted):
        return Doing(_("You have agreed to these bytes and findings."), shown=False)
    return Doing()


def _publish(candidate: Candidate, counted: Sequence[Approval], *, is_latest: bool) -> Doing:
    """Return the button that reaches the relays, with what keeps it shut."""
    if candidate.state != Candidate.State.OPEN:
        return Doing(shown=False)
    if not is_latest:
        return Doing(_("Another release was published since it was cut. Cut it again."))
    if candidate.needs_second and not counted:
        return Doing(_("It opens when a second person has agreed to these bytes and findings."))
    return Doing()
