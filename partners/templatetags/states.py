"""Marks and words of the states, the same on every page."""

from django import template
from django.utils.translation import gettext, gettext_noop

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
def delivery_mark(delivery: str) -> str:
    """Return the style sheet's name of what Postfix would do."""
    return _DELIVERIES.get(delivery, _UNKNOWN)[0]


@register.filter
def delivery_word(delivery: str) -> str:
    """Return what Postfix would do, in the reader's language."""
    return gettext(_DELIVERIES.get(delivery, _UNKNOWN)[1])
