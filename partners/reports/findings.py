"""What the guard found, as rows for people: worst first, each with its cause in words and with who may agree."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from partners.reports.sentences import team_sentence

__all__ = ["FindingRow", "Owner", "finding_rows", "outcome_state", "outcome_word"]

_HOSTS_SHOWN: Final = 6
_QUIET_SHOWN: Final = 12
_ORDER: Final = ("bad", "unk", "weak", "ok")
_GOOD: Final = frozenset({"Verified", "Trusted"})
_DELIVERIES: dict[str, Promise] = {
    "deliver": gettext_lazy("deliver"),
    "defer": gettext_lazy("defer"),
    "bounce": gettext_lazy("bounce"),
    "unknown": gettext_lazy("not known"),
}
# what a weakening is about (core/weakenings.py) -> what it means; the values stand beside it.
_ASKS_LESS: dict[str, Promise] = {
    "level": gettext_lazy("The level accepts servers that the one before does not."),
    "match": gettext_lazy("Further names or fingerprints are accepted."),
    "tafile": gettext_lazy("Further trust anchors are accepted, or others than before."),
    "CA set": gettext_lazy("Further public CAs are trusted, or others than before."),
    "smtp_tls_scert_verifydepth": gettext_lazy("Longer chains are accepted."),
    "dane": gettext_lazy("Other rules apply to TLSA records."),
    "mx_host_pattern": gettext_lazy("Other MX hosts may be used."),
    "protocols": gettext_lazy("Further TLS versions are allowed, or they cannot be compared."),
    "ciphers": gettext_lazy("Further ciphers are allowed, or they cannot be compared."),
    "exclude": gettext_lazy("Ciphers are no longer excluded."),
    "servername": gettext_lazy("Another name is asked for in the handshake."),
    "enable_rpk": gettext_lazy("Raw public keys are asked for, without a certificate."),
    "smtp_tls_wrappermode": gettext_lazy("TLS no longer stands before the first line."),
    "tls_required_enable": gettext_lazy("A sender can now switch the policy off with a header."),
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose key it is, and which changes of the candidate touch that channel."""

    partner: str
    channel: int | None
    changes: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding. points: further sentences, one per host; who: who may agree, or why nobody has to.

    take_out: whether something would be left of the candidate without this partner.
    """

    state: str
    title: str
    key: str
    text: str
    points: tuple[str, ...] = ()
    who: str = ""
    channel: int | None = None
    blocks: bool = False
    weakens: bool = False
    take_out: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """A finding with what is known around it."""

    finding: Mapping[str, Any]
    key: str
    owner: Owner
    who: str
    where: str
    take_out: bool
    outcome: Mapping[str, Any] | None


def finding_rows(
    findings: Iterable[Mapping[str, Any]],
    owners: Mapping[str, Owner],
    *,
    who: str,
    changes: frozenset[int],
    many_groups: bool,
) -> tuple[FindingRow, ...]:
    """Return the rows, worst first. who: the sentence on who may agree; changes: all that the candidate holds."""
    rows = []
    quiet = []
    listed = list(findings)
    outcomes = {(one["group"], one["nexthop"]): one for one in listed if one.get("kind") == "outcome"}
    weaker = {(one["group"], one["key"]) for one in listed if one.get("kind") == "weakening"}
    for finding in listed:
        if not finding.get("blocks") and (finding["group"], finding.get("nexthop")) in weaker:
            continue  # told with the weakening that brings it
        key = str(finding.get("nexthop") or finding.get("key") or "")
        owner = owners.get(key, Owner(key, None))
        where = _("relay group %s") % finding["group"] if many_groups else ""
        take_out = bool(owner.changes) and bool(changes - owner.changes)
        case = _Case(finding, key, owner, who, where, take_out, outcomes.get((finding["group"], key)))
        if finding.get("kind") == "weakening":
            rows.append(_weakening(case))
        elif finding.get("blocks"):
            rows.append(_outcome(case))
        else:
            quiet.append(case)
    rows.sort(key=lambda row: _ORDER.index(row.state))
    return (*rows, _together(quiet)) if quiet else tuple(rows)


def outcome_word(delivery: str, tls_status: str) -> str:
    """Return what Postfix would do, in the reader's language; its TLS status stays Postfix's word."""
    word = str(_DELIVERIES.get(delivery, _DELIVERIES["unknown"]))
    if delivery != "deliver" or not tls_status:
        return word
    plaintext = _("without TLS")
    return f"{word}, {plaintext if tls_status == 'none' else tls_status}"


def outcome_state(delivery: str, tls_status: str) -> str:
    """Return the mark of an outcome."""
    if delivery == "deliver":
        return "ok" if tls_status in _GOOD else "weak"
    return "bad" if delivery in {"defer", "bounce"} else "unk"


def _weakening(case: _Case) -> FindingRow:
    """Return the row of what is asked less."""
    finding = case.finding
    name = case.owner.partner if case.key else _("Every nexthop without an entry")
    text = str(_ASKS_LESS.get(str(finding.get("what")), finding.get("cause", "")))
    was_becomes = _("was %(was)s, becomes %(becomes)s") % {"was": finding["before"], "becomes": finding["after"]}
    return FindingRow(
        state="weak",
        title=_("%s asks less") % name,
        key=case.key,
        text=f"{text} ({case.where})" if case.where else text,
        points=(was_becomes, *_becomes(case.outcome)),
        who=case.who,
        channel=case.owner.channel,
        weakens=True,
        take_out=case.take_out,
    )


def _becomes(outcome: Mapping[str, Any] | None) -> list[str]:
    """Return what Postfix would do by a weakening, where it differs from now and is told nowhere else."""
    after = outcome.get("after") if outcome and not outcome.get("blocks") else None
    if not after:
        return []
    return [_("Postfix would: %s.") % outcome_word(str(after["delivery"]), str(after["tls_status"]))]


def _together(cases: Sequence[_Case]) -> FindingRow:
    """Return one row for all whose outcome differs while no mail stops."""
    rows = [
        _("%(key)s: %(becomes)s; now: %(was)s") % {"key": case.key, "becomes": becomes, "was": was}
        for case in cases
        for was, becomes in [_change_of(case.finding)]
    ]
    more = len(rows) - _QUIET_SHOWN
    tail = [ngettext("and %s more", "and %s more", more) % more] if more > 0 else []
    title = ngettext(
        "%s outcome differs, and no mail stops by it", "%s outcomes differ, and no mail stops by it", len(rows)
    )
    return FindingRow(
        state="ok",
        title=title % len(rows),
        key="",
        text=_("Nobody has to agree to these."),
        points=(*rows[:_QUIET_SHOWN], *tail),
    )


def _change_of(finding: Mapping[str, Any]) -> tuple[str, str]:
    """Return what Postfix does now and would do, with the level where the words are the same."""
    before, after = finding.get("before"), finding["after"]
    was = outcome_word(str(before["delivery"]), str(before["tls_status"])) if before else _("no entry")
    becomes = outcome_word(str(after["delivery"]), str(after["tls_status"]))
    if before and was == becomes:  # the level alone differs, or some hosts
        return f"{was} ({before['level']})", f"{becomes} ({after['level']})"
    return was, becomes


def _outcome(case: _Case) -> FindingRow:
    """Return the row of an outcome that blocks: mail would stop, lose hosts, or nobody knows."""
    after = case.finding.get("after")
    points: list[str] = []
    delivery = str(after["delivery"]) if after else "unknown"
    if after is None:
        text = _("No known nexthop falls under this key, so nobody can say what it does.")
    else:
        was, becomes = _change_of(case.finding)
        text = _("Postfix would: %(becomes)s; now: %(was)s.") % {"becomes": becomes, "was": was}
        text = f"{text} {_sentences(str(after['text']))}".strip()
        points = _host_points(after.get("hosts", ()), str(after["text"]))
    return FindingRow(
        state="unk" if delivery == "unknown" else "bad",
        title=_title(case.owner.partner, delivery),
        key=case.key,
        text=f"{text} ({case.where})" if case.where else text,
        points=tuple(points),
        who=case.who,
        channel=case.owner.channel,
        blocks=True,
        take_out=case.take_out,
    )


def _title(partner: str, delivery: str) -> str:
    """Say what happens to the mail of *partner*."""
    if delivery == "unknown":
        return _("%s: nobody knows what would happen") % partner
    if delivery == "defer":
        return _("Mail to %s would be deferred") % partner
    if delivery == "bounce":
        return _("Mail to %s would bounce") % partner
    return _("Mail to %s would lose hosts") % partner


def _sentences(codes: str) -> str:
    """Return the sentences for *codes*, as a finding joins them; a reply of the peer stays as it is."""
    parts = [part.strip() for part in codes.split(",") if part.strip()]
    told = [team_sentence(part) for part in parts]
    return codes if told == parts and len(parts) > 1 else " ".join(told)


def _host_points(hosts: Sequence[Mapping[str, Any]], told: str) -> list[str]:
    """Return a sentence per host that would not take mail, the first few of many; *told* is not said again."""
    rows = [
        _("%(mx_host)s (%(address)s): %(outcome)s %(cause)s")
        % {
            "mx_host": host.get("mx_host", ""),
            "address": host.get("address", ""),
            "outcome": outcome_word(str(host.get("delivery", "")), str(host.get("tls_status", ""))),
            "cause": "" if host.get("text", "") == told else f"- {_sentences(str(host.get('text', '')))}",
        }
        for host in hosts
        if host.get("delivery") != "deliver"
    ]
    more = len(rows) - _HOSTS_SHOWN
    tail = [ngettext("and %s more host", "and %s more hosts", more) % more] if more > 0 else []
    return [*rows[:_HOSTS_SHOWN], *tail]
