"""From state and certificate ends to alarms: what a person must be told of, by what happens to mail.

An alarm is computed anew each time; that it was told already, acknowledged or snoozed, an alert knows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from partners.core.compliance import Compliance, State
from partners.core.outcome import Delivery, HostOutcome, Verdict
from partners.core.reasons import REASON_TEXTS, Reason, ReasonText

__all__ = [
    "ENDS_SOON",
    "ESCALATE_AFTER",
    "NAME_SERVERS_MOVED",
    "PIN_ENDS",
    "RELAXATION_OVER",
    "SET_ASIDE",
    "STEADY",
    "UNKNOWN_LONG",
    "Alarm",
    "End",
    "Severity",
    "alarm_text",
    "alarms_of",
    "breaking_end",
    "ends_near",
    "flows",
    "is_ours",
    "warning_time",
]

UNKNOWN_LONG: Final = timedelta(hours=6)  # longer than the longest wait between two tries
STEADY: Final = timedelta(minutes=75)  # longer than one round: every address was looked at once more since it was good
WARN_SHARE: Final = 0.15  # of the lifetime: 7 days of 47, 13 of 90; an ACME client renews at a third
WARN_LONGEST: Final = timedelta(days=30)  # of a certificate of many years
ENDS_SOON: Final = "certificate-ends"
PIN_ENDS: Final = "pinned-certificate-ends"
RELAXATION_OVER: Final = "relaxation-over"
SET_ASIDE: Final = "set-aside"
NAME_SERVERS_MOVED: Final = "name-servers-moved"

# What only we can mend: nobody at the partner's is told of it, and no place is shared by it.
_OURS: Final = frozenset(
    {
        Reason.POLICY_INVALID,
        Reason.TLS_ENGINE_OFF,
        Reason.TLS_SETTINGS_UNUSABLE,
        Reason.WRAPPERMODE_NEEDS_TLS,
        Reason.FINGERPRINT_UNUSABLE,
        Reason.BELOW_AGREED,
        Reason.MAIL_LOOP,
        RELAXATION_OVER,
        SET_ASIDE,
        NAME_SERVERS_MOVED,  # whoever took a domain over reads its contacts' mail
    }
)


class Severity(IntEnum):
    """What happens to mail, worst first."""

    STOPPED = 1  # mail waits in our queue, or comes back, now
    BREAKS_SOON = 2  # it will, at a known moment
    WEAKER = 3  # it flows below what was agreed
    UNKNOWN = 4  # nobody can say, for too long


ESCALATE_AFTER: Final = {  # without anybody's acknowledgement
    Severity.STOPPED: timedelta(hours=1),
    Severity.BREAKS_SOON: timedelta(days=1),
    Severity.WEAKER: timedelta(days=1),
    Severity.UNKNOWN: timedelta(days=2),
}


def _(message: str) -> str:
    """Mark *message* as a message id, for the tools that collect what is to be translated."""
    return message


_TEXTS: Final = {
    ENDS_SOON: ReasonText(
        _("A certificate of the chain ends soon; after that moment Postfix would defer. Ask the partner to renew it."),
        _("A certificate that your mail server sends ends soon. Renew it in time, intermediates included."),
    ),
    PIN_ENDS: ReasonText(
        _("The pinned certificate ends soon and no successor is announced: mail stops when it is replaced untold."),
        _("Your certificate ends soon. Announce the next one to us before you put it in place."),
        "fingerprint",
    ),
    RELAXATION_OVER: ReasonText(
        _("The entry was lowered until a day that is over, and is so still: its return would stop mail, or waits."),
        _("We are to strengthen the protection of mail to you again."),
    ),
    NAME_SERVERS_MOVED: ReasonText(
        _(
            "Other name servers serve the domain than before: it may have changed hands. Ask a contact you know, by "
            "another way than mail; once you are sure, note it at the alert (I look after it)."
        ),
        _("Other name servers serve your domain than before. Tell us whether that was you."),
    ),
    SET_ASIDE: ReasonText(
        _("Looking at it ended our worker three times, so nobody looks now. Ask for a new look, and read the log."),
        _("We cannot look at your mail servers at the moment; this is our fault."),
    ),
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing to be told of a channel. cause: a stable code. where: for people.

    place: "address:port" that others may share, "" where the cause is the channel's own. breaks_at: when mail stops.
    """

    cause: str
    severity: Severity
    where: str = ""
    place: str = ""
    breaks_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The end of a certificate that mail rests on. lifetime: of the leaf that was shown with it."""

    at: datetime
    lifetime: timedelta
    where: str = ""
    place: str = ""


def is_ours(cause: str) -> bool:
    """Whether *cause* is the mail team's alone to mend."""
    return cause in _OURS


def alarm_text(cause: str) -> ReasonText | None:
    """Return what *cause* means to whom, as message ids; None for a code that nobody knows any more."""
    known = {reason.value: reason for reason in Reason}
    return _TEXTS.get(cause) or (REASON_TEXTS[known[cause]] if cause in known else None)


def warning_time(lifetime: timedelta, share: float = WARN_SHARE) -> timedelta:
    """Return how long before its end a certificate of *lifetime* becomes an alarm."""
    return min(lifetime * share, WARN_LONGEST)


def ends_near(ends: Iterable[End], now: datetime, *, share: float = WARN_SHARE) -> list[End]:
    """Return those of *ends* that lie ahead and within their warning time, the first one first."""
    near = [end for end in ends if now < end.at <= now + warning_time(end.lifetime, share)]
    return sorted(near, key=lambda end: (end.at, end.place))


def breaking_end(ends: Sequence[End], flows_at: Callable[[datetime], bool]) -> End | None:
    """Return the first of *ends* (sorted) after which mail would not flow as it does now, None where none matters.

    flows_at: whether the judge lets mail flow at a moment with the facts of now; Postfix looks at no date of a pinned
    certificate, and at none of a chain that it does not use.
    """
    asked: dict[datetime, bool] = {}
    for end in ends:
        after = end.at + timedelta(seconds=1)
        if after not in asked:
            asked[after] = flows_at(after)
        if not asked[after]:
            return end
    return None


def alarms_of(
    state: Compliance,
    verdicts: Sequence[Verdict],
    now: datetime,
    *,
    breaks: End | None = None,
    pin: End | None = None,
    own: Iterable[str] = (),
) -> tuple[Alarm, ...]:
    """Return what is to be told of a channel in *state*; nothing where all is well, rolling, or not judged yet.

    verdicts: those the state rests on. breaks: the end after which mail stops. pin: the near end of a pinned
    certificate without a successor: mail stops when the partner replaces it untold. own: RELAXATION_OVER, SET_ASIDE,
    NAME_SERVERS_MOVED.
    """
    found = [alarm for alarm in (_of_state(state, verdicts), _of_age(state, now)) if alarm]
    if breaks is not None and state.state is not State.VIOLATED:
        found.append(Alarm(ENDS_SOON, Severity.BREAKS_SOON, breaks.where, breaks.place, breaks.at))
    elif pin is not None and state.state not in {State.VIOLATED, State.ROLLING}:
        found.append(Alarm(PIN_ENDS, Severity.BREAKS_SOON, pin.where, "", pin.at))
    severities = {
        RELAXATION_OVER: Severity.WEAKER,
        NAME_SERVERS_MOVED: Severity.WEAKER,
        SET_ASIDE: Severity.UNKNOWN,
    }
    found += [Alarm(cause, severities[cause]) for cause in own]
    return tuple(found)


def _of_state(state: Compliance, verdicts: Sequence[Verdict]) -> Alarm | None:
    severity = {State.VIOLATED: Severity.STOPPED, State.WEAKER: Severity.WEAKER}.get(state.state)
    if severity is None:
        return None
    cause = state.cause or state.state.value
    return Alarm(cause, severity, state.where, "" if is_ours(cause) else _place(state.where, verdicts))


def _of_age(state: Compliance, now: datetime) -> Alarm | None:
    """Return the alarm of a state that nothing was seen of for too long; the cause varies, the alarm does not."""
    since = state.unknown_since or (state.since if state.state is State.UNKNOWN else None)
    if since is None or now - since < UNKNOWN_LONG:
        return None
    return Alarm(Reason.NOT_MEASURED, Severity.UNKNOWN, state.where)


def _place(where: str, verdicts: Sequence[Verdict]) -> str:
    """Return "address:port" of the host that *where* names, "" where it is a nexthop: that is nobody else's."""
    rows: list[HostOutcome] = [row for verdict in verdicts for row in verdict.hosts]
    return next((f"{row.address}:{row.port}" for row in rows if row.where == where), "")


def flows(verdicts: Iterable[Verdict]) -> bool:
    """Whether mail is taken somewhere under every one of *verdicts*; what is not known stops nothing."""
    return all(verdict.delivery not in {Delivery.DEFER, Delivery.BOUNCE} for verdict in verdicts)
