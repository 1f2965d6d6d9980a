"""What a cause means to whom, as a sentence in the reader's language."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.core.observation import NotMeasuredCause
from partners.core.reasons import REASON_TEXTS, Reason

__all__ = ["partner_sentence", "reason_of", "team_sentence"]

_UNSEEN: dict[str, Promise] = {
    NotMeasuredCause.CONNECT_TIMEOUT.value: gettext_lazy("No answer came to our connection in time."),
    NotMeasuredCause.CONNECT_REFUSED.value: gettext_lazy("The connection was refused."),
    NotMeasuredCause.UNREACHABLE.value: gettext_lazy("The address cannot be reached from here."),
    NotMeasuredCause.TIMEOUT.value: gettext_lazy("The session did not end in time."),
    NotMeasuredCause.CLOSED.value: gettext_lazy("The connection was closed early."),
    NotMeasuredCause.TOO_MUCH.value: gettext_lazy("The answer was longer than we read."),
    NotMeasuredCause.TEMPORARY_REPLY.value: gettext_lazy("The server asked us to come back later."),
    NotMeasuredCause.NOT_ALLOWED.value: gettext_lazy("The address lies in a network that may not be probed."),
    NotMeasuredCause.LOOKUP_FAILED.value: gettext_lazy("The DNS gave no answer."),
    NotMeasuredCause.NEVER.value: gettext_lazy("Nothing was looked at yet."),
    NotMeasuredCause.CANCELLED.value: gettext_lazy("The look was stopped; it comes again by itself."),
    NotMeasuredCause.CRASHED.value: gettext_lazy("The look failed on our side; it comes again by itself."),
    NotMeasuredCause.UNREADABLE.value: gettext_lazy("What came of the last look cannot be read."),
}

_REASONS = {reason.value: reason for reason in Reason}


def reason_of(code: str) -> Reason | None:
    """Return *code* as a reason, None where it is none (a cause of not knowing, or empty)."""
    return _REASONS.get(code)


def team_sentence(code: str) -> str:
    """Return what *code* means to the mail team and to management; a code that nobody knows stays as it is."""
    reason = reason_of(code)
    return _(REASON_TEXTS[reason].team) if reason else str(_UNSEEN.get(code, code))


def partner_sentence(code: str) -> str:
    """Return what *code* means to the partner, and what to do there; "" for a code that nobody knows."""
    reason = reason_of(code)
    return _(REASON_TEXTS[reason].partner) if reason else str(_UNSEEN.get(code, ""))
