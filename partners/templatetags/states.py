"""Marks and words of the states, the same on every page."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext, gettext_noop, ngettext

from partners.core.levels import Protection

register = template.Library()

# state in code -> (data-state of the style sheet, word)
_STATES = {
    "compliant": ("ok", gettext_noop("As agreed")),
    "violated": ("bad", gettext_noop("Violated")),
    "weaker": ("weak", gettext_noop("Weaker")),
    "unknown": ("unk", gettext_noop("Unknown")),
    "rolling": ("roll", gettext_noop("Rolling")),
    "pending": ("pend", gettext_noop("Pending")),
}
_DELIVERIES = {
    "deliver": ("ok", gettext_noop("deliver")),
    "defer": ("bad", gettext_noop("defer")),
    "bounce": ("bad", gettext_noop("bounce")),
    "unknown": ("unk", gettext_noop("not known")),
}
_PROTECTIONS = {
    **{one.value: one.word for one in Protection},
    "held": gettext_noop("held back"),
    "not-known": gettext_noop("not known"),
}
_PINS = {
    "proposed": gettext_noop("Proposed"),
    "staged": gettext_noop("Waits for a release"),
    "active": gettext_noop("In force"),
    "retired": gettext_noop("Retired"),
    "refused": gettext_noop("Refused"),
    "withdrawn": gettext_noop("Withdrawn"),
}
_UNKNOWN = ("unk", gettext_noop("not known"))


@register.filter
def state_mark(state: str) -> str:
    """Return the style sheet's name of *state*."""
    return _STATES.get(state, _UNKNOWN)[0]


@register.filter
def state_word(state: str) -> str:
    """Return the word for *state* in the reader's language."""
    return gettext(_STATES.get(state, _UNKNOWN)[1])


@register.filter
def pin_word(state: str) -> str:
    """Return the word for the *state* of a pin, in the reader's language."""
    return gettext(_PINS.get(state, _UNKNOWN[1]))


@register.filter
def delivery_mark(delivery: str) -> str:
    """Return the style sheet's name of what Postfix would do."""
    return _DELIVERIES.get(delivery, _UNKNOWN)[0]


@register.filter
def delivery_word(delivery: str) -> str:
    """Return what Postfix would do, in the reader's language."""
    return gettext(_DELIVERIES.get(delivery, _UNKNOWN)[1])


@register.filter
def protection_word(protection: str) -> str:
    """Return the word for a protection that was agreed or is given, in the reader's language."""
    return gettext(_PROTECTIONS.get(protection, _UNKNOWN[1]))


@register.filter
def in_words(arcs: Iterable[Any]) -> list[Any]:
    """Return *arcs*, whose word is a state in code, with its mark and its word in the reader's language."""
    return [replace(arc, state=state_mark(arc.word), word=state_word(arc.word)) for arc in arcs]


@register.filter
def breakable(names: str) -> str:
    """Return names of the DNS that may be broken after a dot, and there alone."""
    return format_html_join(mark_safe(".<wbr>"), "{}", ((label,) for label in names.split(".")))


@register.filter
def in_days(at: datetime, now: datetime) -> str:
    """Say in how many days of the calendar *at* comes; what is over is told in days too."""
    days = abs((localtime(at).date() - localtime(now).date()).days)
    if days == 0:
        return gettext("today")
    if at < now:
        return ngettext("%s day ago", "%s days ago", days) % days
    return ngettext("in %s day", "in %s days", days) % days
