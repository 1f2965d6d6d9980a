"""Query strings of lists, and the head cells that sort by one."""

from collections.abc import Mapping

from django.utils.http import urlencode

__all__ = ["query_url", "sort_head"]


def query_url(given: Mapping[str, str], **more: str) -> str:
    """Return the query of a list with *more* in place of what was given; an empty text takes away."""
    return "?" + urlencode({name: text for name, text in {**given, **more}.items() if text})


def sort_head(name: str, sort: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the link that sorts by *name*, the other way round where *sort* is that already, and how it sorts now."""
    order = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    return {"url": query_url(given, sort=f"-{name}" if sort == name else name), "sorted": order}
