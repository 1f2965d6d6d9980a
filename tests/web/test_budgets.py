"""Every page of the URL conf costs few queries, in a house where each list has several rows (whole_house.py).

A new page is walked by itself. One whose address has parts needs a row in addresses(); one that costs more than the
budget joins, prefetches or reads a kept row instead of asking once a row.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse
from django.urls.converters import IntConverter

from partners.web import frame_urls, urls
from partners.web.access import ACCESS
from partners.web.codes import OwnConverter
from tests.web.whole_house import House, whole_house

pytestmark = pytest.mark.django_db

BUDGET: Final = 12  # queries without session, account and its roles
# url name -> its own number, and why it is another one
OWN_BUDGET: Final[Mapping[str, tuple[int, str]]] = {
    "partner-list": (6, "it is opened most, at 100,000 rows"),
    **dict.fromkeys(("watch", "watch-panel"), (17, "each lane of each vantage is counted along its own index")),
    # These grow with what they show, and are to come down to the budget; no page joins them.
    "today": (20, "too many still"),
    "partner-detail": (30, "too many still"),
    "channel-edit": (17, "too many still"),
}
# What answers no person with a page; tests of its own hold what it costs.
NO_PAGE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("relay-export", "relay-ca", "relay-manifest", "relay-tafile"), "a relay fetches it by a token"),
    **dict.fromkeys(("vantage-claim", "vantage-record"), "a probe elsewhere posts it by a token"),
}
# Further addresses of a page: searches, filters, orders, places, forms.
VARIANTS: Final[Mapping[str, Sequence[str]]] = {
    "partner-list": ("?q=partner", "?state=violated&sort=-seen", "?level=secure&agreed=pin&tag=bank&mine=1"),
    "bulk-preview": ("?act=tags&all=1&add=bank", "?act=probe&all=1", "?act=level&all=1&to=secure"),
    "partner-add": ("?fields=1", "?fields=1&nexthop=new.example"),
    "channel-edit": ("?card=fingerprint", "?card=secure"),
    "release-compare": ("?old=1&new=3",),
    "release-list": ("?before=3",),
    "certificate-list": ("?view=all&q=mx", "?view=announced", "?sort=subject", "?sort=-issuer&view=90"),
    "compliance": ("?state=violated", "?within=30", "?agreed=pin&effective=held", "?group=open&page=2"),
    "audit-list": ("?person=ann&subject=partner&before=20",),
    "alert-list": ("?shown=all&sort=partners", "?q=partner"),
}
READERS: Final = (("ann", "team"), ("eda", "team"), ("max", "management"), ("pat", "partner"), ("", "public"))
_NOT_ALLOWED: Final = 405
_STATUSES: Final = {200, 302, 304, 404, 410}
_ADVICE: Final = (
    "\nMend: select_related, Prefetch, a union or a kept row (partners/reports/) in place of a question per row. "
    "OWN_BUDGET holds exceptions, each with its reason."
)


def addresses(house: House) -> dict[str, list[Any]]:
    """Return the parts of each address that has some: the row that has most to show."""
    channel, candidate, release = house.busy.channel.pk, house.candidate.pk, house.release.number
    one = {
        name: [channel]
        for name in ("partner-detail", "channel-edit", "channel-lower", "channel-remove", "partner-probe-panel")
    }
    partner = {name: [house.busy.partner.pk] for name in ("partner-invite", "partner-notices", "partner-hours")}
    return {
        **one,
        **partner,
        **{name: [house.look] for name in ("look-show", "look-panel")},
        **{name: ["main"] for name in ("export-download", "export-ca", "relay-group-change")},
        **{name: [house.view] for name in ("saved-view-open", "saved-view-edit", "saved-view-remove")},
        "bulk-result": [house.bulk],
        "change-withdraw": [house.draft],
        "endpoint-detail": [house.endpoint],
        "candidate-detail": [candidate],
        "candidate-map": [candidate, "main"],
        "release-detail": [release],
        "release-map": [release, "main"],
        "portal-ours-pem": [house.own_certificate],
        "wall": [house.wall],
        "invitation-follow": ["no-such-token"],
    }


def pages() -> Iterator[URLPattern]:
    """Yield what is mounted, the frame included."""
    for pattern in (*urls.urlpatterns, *frame_urls.urlpatterns):
        if isinstance(pattern, URLPattern) and pattern.name not in NO_PAGE:
            yield pattern


def walked(house: House, audience: str) -> Iterator[tuple[str, str]]:
    """Yield name and address of each page that *audience* may open."""
    parts = addresses(house)
    for pattern in pages():
        name, needs = str(pattern.name), pattern.pattern.converters
        if audience not in ACCESS.get(name, {audience}) or not _takes_get(name, needs):
            continue
        if needs and name not in parts:
            pytest.fail(f"{name}: its address has the parts {list(needs)}: give it a row in addresses()")
        for variant in ("", *VARIANTS.get(name, ())):
            yield name, reverse(name, args=parts.get(name, [])) + variant


def _takes_get(name: str, needs: Mapping[str, Any]) -> bool:
    """Whether the door is a page and not a button's: those refuse the method before they look at anything."""
    filler = [1 if isinstance(one, (IntConverter, OwnConverter)) else "x" for one in needs.values()]
    return Client().get(reverse(name, args=filler)).status_code != _NOT_ALLOWED


def asked(client: Client, house: House, who: str, **request: Any) -> tuple[int, list[str]]:
    """Return status and queries of one request, without those of session, account and roles (each once)."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.generic(**request)
        b"".join(answer)  # a file is read to its end
    own = house.people[who].pk if who else 0
    beside = [
        re.compile(r'FROM "django_session"'),
        re.compile(rf'FROM "partners_user" WHERE "partners_user"\."id" = {own} LIMIT'),
        re.compile(rf'FROM "auth_group" INNER JOIN "partners_user_groups" .* = {own}$'),
    ]
    rows = []
    for query in queries:
        found = next((one for one in beside if one.search(query["sql"])), None)
        if found is None:
            rows.append(query["sql"])
        else:
            beside.remove(found)
    return answer.status_code, rows


def told(name: str, url: str, rows: Sequence[str]) -> str:
    """Return what a page asked, the same questions together, most first."""
    alike = Counter(re.sub(r"'[^']*'|\b\d+\b|(?:%s, )+", "?", row)[:160] for row in rows)
    lines = [f"    {count}x {row}" for row, count in alike.most_common()]
    return "\n".join([f"{name} {url}: {len(rows)} queries, {_budget(name)} wanted", *lines])


def _budget(name: str) -> int:
    return OWN_BUDGET.get(name, (BUDGET, ""))[0]


@pytest.fixture
def house() -> House:
    return whole_house()


@pytest.mark.parametrize(("who", "audience"), READERS)
def test_a_page_keeps_to_its_queries(house: House, who: str, audience: str) -> None:
    """Whoever opens it, with several rows of each kind to show."""
    client, over = Client(), []
    if who:
        client.force_login(house.people[who])

    for name, url in walked(house, audience):
        status, rows = asked(client, house, who, method="GET", path=url)
        assert status in _STATUSES, (name, url, status)
        if len(rows) > _budget(name):
            over.append(told(name, url, rows))

    assert not over, "\n".join([*over, _ADVICE])
