"""The rows of the partner list as mark-up: printed by hand, for in a template they were half of what the page costs."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from partners.templatetags.states import delivery_word, protection_word, state_mark, state_word

register = template.Library()

# format_html() escapes whatever is filled in; what is mark-up already was made by it as well.
_PICK: Final = (
    '<td data-drop><input class="form-check-input" type="checkbox" name="channel" value="{pk}"'
    ' aria-labelledby="pick-word p{pk}"></td>\n'
)
_FIRST: Final = """<td data-first>{state}</td>
<td data-wide><a class="name" href="{url}"{named}>{name}</a><code class="sub nowrap">{key}</code></td>
"""
_CELLS: Final = {
    "level": '<td data-drop><span class="lvl">{level}</span><span class="sub">{promise}</span></td>\n',
    "would": "<td data-wide>{would}{cause}</td>\n",
    "hosts": '<td class="num nowrap" data-drop>{hosts}</td>\n',
    "next": '<td class="nowrap" data-second>{ends}</td>\n',
    "owner": '<td data-drop class="nowrap">{owner}</td>\n',
    "seen": '<td class="num quiet nowrap" data-drop>{seen}</td>\n',
}
_LAST: Final = "</tr>\n"
_STATE: Final = (
    '<span class="st" data-state="{0}"><svg class="mark" aria-hidden="true"><use href="{1}#s-{0}"></use></svg>'
    "{2}</span>"
)
_LIFE: Final = (
    '{}<svg class="life" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
    '<rect class="f-line" width="100" height="6"/><rect class="f-{}" width="{}" height="6"/></svg>'
)
_NO_DATE: Final = mark_safe('<span class="only-wide">-</span>')


@register.simple_tag
def partner_rows(rows: Iterable[Mapping[str, str]], columns: Iterable[str], *, can_pick: bool = False) -> SafeString:
    """Print *rows*, as web/rows.py words them, with *columns* beside state and partner; can_pick: with a box each."""
    begin = f"<tr>\n{_PICK}{_FIRST}".replace("{named}", ' id="p{pk}"') if can_pick else f"<tr>\n{_FIRST}"
    shape = "".join((begin.replace("{named}", ""), *(_CELLS[name] for name in columns), _LAST))
    icons, not_yet = static("icons.svg"), _("not released yet")
    mark = cache(lambda state: format_html(_STATE, state_mark(state), icons, state_word(state)))
    promise, would = cache(protection_word), cache(delivery_word)
    printed = [
        format_html(
            shape,
            state=format_html(_STATE, "risk", icons, row["ends"]) if row["ends"] else mark(row["state"]),
            pk=row["pk"],
            url=row["url"],
            name=row["name"],
            key=row["key"],
            level=row["level"],
            promise=row["lowered"] or promise(row["agreed"]),
            would=", ".join(filter(None, (would(row["delivery"]), row["tls"]))) if row["delivery"] else not_yet,
            cause=format_html('<span class="sub">{}</span>', row["cause"]) if row["cause"] else "",
            hosts=row["hosts"] or "-",
            ends=format_html(_LIFE, row["ends_on"], row["tone"], row["used"]) if row["ends_on"] else _NO_DATE,
            owner=row["owner"],
            seen=row["seen"] or "-",
        )
        for row in rows
    ]
    return mark_safe("".join(printed))  # noqa: S308  each of them is escaped
