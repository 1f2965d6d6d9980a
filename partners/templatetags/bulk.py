"""Rows of the pages about many partners at once as mark-up: there are up to hundreds of them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from partners.templatetags.states import delivery_word

register = template.Library()

_NAME: Final = '<td data-wide><a class="name" href="{}">{}</a>{}</td>'
_KEY: Final = '<code class="sub breaks">{}</code>'
_TEXT: Final = '<td class="wrapcode" data-wide>{}</td>'
_LABELLED: Final = '<td class="wrapcode" data-wide data-l="{}">{}</td>'  # a phone has no head
_ICON: Final = '<svg class="mark" aria-hidden="true"><use href="{}#s-{}"></use></svg>'
_MARK: Final = '<span class="st" data-state="{}">{}{}</span>'
_STATES: Final = {"deliver": "ok", "defer": "bad", "bounce": "bad"}


@register.simple_tag
def bulk_rows(rows: Iterable[Any], kind: str) -> SafeString:
    """Print planned rows (actions/many.py): what would become of each, or why it stays (kind "refused")."""
    return format_html_join("", "<tr>{}</tr>", ((_planned(row, kind),) for row in rows))


@register.simple_tag
def bulk_done(rows: Iterable[Mapping[str, Any]], kind: str) -> SafeString:
    """Print what a BulkAct keeps of its rows; kind "left": with the reason instead."""
    return format_html_join("", "<tr>{}</tr>", ((_done(row, kind),) for row in rows))


def _planned(row: Any, kind: str) -> SafeString:
    name = format_html(_NAME, _address(row.channel), row.name, format_html(_KEY, row.key) if row.key else "")
    if kind == "refused":
        return format_html("{}" + _TEXT, name, row.refusal)
    before = format_html(_LABELLED, _("Now"), _value(row.before, kind)) if kind != "probe" else ""
    would = format_html(_TEXT, _would(row)) if kind == "level" else ""
    after = (
        format_html(_LABELLED, _("Then"), _value(row.after, kind)) if kind != "probe" else format_html(_TEXT, row.after)
    )
    return format_html("{}{}{}{}", name, before, after, would)


def _would(row: Any) -> SafeString:
    """Say what Postfix would do at each nexthop, worst first, and whether a second person is needed."""
    told = [
        _mark(
            _STATES.get(one.delivery.value, "unk"),
            ", ".join(filter(None, (delivery_word(one.delivery.value), _status(one)))),
        )
        for one in sorted(row.verdicts, key=lambda one: one.delivery.value == "deliver")[:2]
    ]
    if row.unseen and not told:
        told.append(_mark("unk", _("not known: nobody looked yet")))
    if row.weaker:
        told.append(format_html('<span class="sub">{}</span>', _("asks less: a second person has to agree")))
    return format_html_join("", '<span class="lineblock">{}</span>', ((one,) for one in told))


def _value(text: str, kind: str) -> SafeString | str:
    """Print machine text as such."""
    return format_html("<code>{}</code>", text) if text and kind == "level" else text or "-"


def _mark(state: str, text: str) -> SafeString:
    return format_html(_MARK, state, format_html(_ICON, static("icons.svg"), state), text)


def _status(verdict: Any) -> str:
    status = str(verdict.tls_status.value)
    return status if verdict.delivery.value == "deliver" and status != "none" else ""


def _done(row: Mapping[str, Any], kind: str) -> SafeString:
    name = format_html(_NAME, _address(row["channel"]), row["name"] or _("gone"), "")
    if kind == "left":
        return format_html("{}" + _TEXT, name, row["why"])
    before = format_html(_LABELLED, _("Before"), _value(row["before"], kind)) if kind != "probe" else ""
    after = (
        format_html(_LABELLED, _("Then"), _value(row["after"], kind)) if before else format_html(_TEXT, row["after"])
    )
    return format_html("{}{}{}", name, before, after)


def _address(channel: int) -> str:
    return reverse("partner-detail", args=[channel])
