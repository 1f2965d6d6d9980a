"""What list.py compares, and what is wanted of it."""

from collections.abc import Mapping

__all__ = ["PAGES", "WANTED", "shares"]

PAGES = {
    **{
        path: path
        for path in (
            "/today/",
            "/compliance/",
            "/compliance/?page=40",
            "/certificates/",
            "/certificates/?sort=subject",
            "/certificates/?sort=-issuer",
            "/certificates/?view=all",
            "/certificates/?q=p05",
            "/certificates/?view=90&sort=issuer",
            "/compliance/?state=violated",
            "/compliance/?group=open",
            "/compliance/?agreed=pin",
            "/compliance/?effective=encrypted",
            "/compliance/?within=30",
            "/alerts/?shown=over",
            "/settings/notices/",
            "/audit/",
            "/releases/",
            "/releases/1/",
            "/alerts/",
            "/approvals/",
            "/relays/",
            "/watch/",
            "/servers/",
            "/servers/providers/",
            "/export/",
            "/settings/",
        )
    },
    "a partner's page": "/partners/{pk}/",
    "a partner's edit": "/partners/{pk}/edit/",
}
WANTED = {
    "list / changelist": 0.5,
    "growth of the list": 1.1,
    "deepest page / first": 1.1,
    "search / the admin's": 0.15,
    **{f"{path} / changelist": 1.0 for path in PAGES},
}


def shares(large: Mapping[str, float], small: Mapping[str, float]) -> Mapping[str, float]:
    """Return the figures of WANTED, from the costs at two sizes."""
    base, first = large["changelist"], large["list by harm"]
    return {
        "list / changelist": first / base,
        "growth of the list": first / small["list by harm"],
        "deepest page / first": large["list deepest"] / first,
        "search / the admin's": large["list search"] / large["changelist search"],
        **{f"{path} / changelist": large[path] / base for path in PAGES},
    }
