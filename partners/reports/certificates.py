"""All certificates seen or announced: where each is in use, and what ends when."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.certificates import certificate_facts
from partners.core.errors import CertificateRefused
from partners.models import Certificate, ChainLink, Pin, PrivateAuthority
from partners.reports.kept import Kept
from partners.reports.whereabouts import Place, Whereabouts, places_of

__all__ = [
    "PAGE_ROWS",
    "SORTS",
    "VIEWS",
    "CertificateFilter",
    "CertificatePage",
    "CertificateRow",
    "certificate_page",
    "certificate_rows",
    "view_counts",
]

PAGE_ROWS: Final = 50
_CHUNK: Final = 200
_NAMES_SHOWN: Final = 3
_DIGITS_MAX: Final = 12
_DAY: Final = timedelta(days=1)
VIEWS: Final = ("used", "out", "14", "30", "90", "announced", "all")
SORTS: Final = {
    "end": ("not_after", "pk"),
    "-end": ("-not_after", "-pk"),
    "subject": ("subject", "pk"),
    "-subject": ("-subject", "-pk"),
    "issuer": ("issuer", "pk"),
    "-issuer": ("-issuer", "-pk"),
}
_OPEN: Final = (Pin.State.PROPOSED, Pin.State.STAGED, Pin.State.ACTIVE)


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """What a reader asks for. view: one of VIEWS; week: only what ends in the week of that Monday."""

    view: str = "used"
    query: str = ""
    week: date | None = None
    sort: str = "end"

    @classmethod
    def of(cls, given: Any) -> "CertificateFilter":
        """Read a query string; what cannot be read is not asked for."""
        view, sort = given.get("view", ""), given.get("sort", "")
        return cls(
            view=view if view in VIEWS else "used",
            query=" ".join(given.get("q", "").replace("\0", " ").split())[:200],
            week=_monday(given.get("week", "")),
            sort=sort if sort in SORTS else "end",
        )


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """One certificate. used, tone: for the validity bar; state: how it is known now."""

    pk: int
    title: str
    subject: str
    issuer: str
    kind: str
    names: str
    key_type: str
    sha256: str
    not_before: datetime | None
    not_after: datetime | None
    end_note: str
    used: int
    tone: str
    state: str
    state_word: str
    places: tuple[Place, ...]
    more: int


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """One page of the list, with the counts of its views. total: None where it was not counted; *_key: where to go on.

    number: of the page, where it was found by its number.
    """

    rows: tuple[CertificateRow, ...]
    first: int
    last: int
    total: int | None
    number: int
    has_previous: bool
    has_next: bool
    counts: Mapping[str, int]
    next_key: str = ""


def certificate_page(
    wanted: CertificateFilter, kept: Kept | None, *, page: int, after: str = "", now: datetime
) -> CertificatePage:
    """Return one page in eight queries, however many certificates there are.

    A page is found by its number, of a large estate by what stood last on the page before it.
    """
    if kept is not None:
        return _page_after(wanted, kept, after, now=now)
    pages = Paginator(_found(wanted, now=now), PAGE_ROWS)
    chosen = pages.get_page(page)
    certificates = list(chosen.object_list)
    return CertificatePage(
        rows=_rows(certificates, now=now),
        first=chosen.start_index(),
        last=chosen.end_index(),
        total=pages.count,
        number=chosen.number,
        has_previous=chosen.has_previous(),
        has_next=chosen.has_next(),
        counts=view_counts(now=now),
    )


def _page_after(wanted: CertificateFilter, kept: Kept, after: str, *, now: datetime) -> CertificatePage:
    """Return the page of a large estate that follows *after*: "ROW KEY", how many stood before and the last of them."""
    before, last = _position(after)
    name, *_key = SORTS[wanted.sort]
    found = _found(wanted, now=now, is_large=True)
    rows: list[Certificate] = []
    for part in _parts(found, name, last):
        if len(rows) <= PAGE_ROWS:
            rows += part[: PAGE_ROWS + 1 - len(rows)]
    shown, total = rows[:PAGE_ROWS], None
    if not (wanted.query or wanted.week):
        total = max(kept.figures["certificates"][wanted.view], before + len(shown))
    has_next = len(rows) > PAGE_ROWS
    return CertificatePage(
        rows=_rows(shown, now=now),
        first=before + 1 if shown else 0,
        last=before + len(shown),
        total=total,
        number=1,
        has_previous=before > 0,
        has_next=has_next,
        counts=kept.figures["certificates"],
        next_key=f"{before + len(shown)}-{shown[-1].pk}" if has_next else "",
    )


def _position(after: str) -> tuple[int, Certificate | None]:
    """Return how many rows stand before a page and the last of them; 0 and None for the first page."""
    before, _dash, pk = after.partition("-")
    if not all(part.isascii() and part.isdecimal() and len(part) <= _DIGITS_MAX for part in (before, pk)):
        return 0, None
    last = Certificate.objects.filter(pk=int(pk)).first()
    return (int(before), last) if last else (0, None)


def _parts(found: QuerySet[Certificate], name: str, last: Certificate | None) -> Iterator[QuerySet[Certificate]]:
    """Yield *found* after *last* in at most two parts, each read from an index: a certificate without an end has none.

    Without an end comes last, in the other direction first, as PostgreSQL has it.
    """
    field, is_down = name.removeprefix("-"), name.startswith("-")
    steps = ("-pk", "pk__lt", "lte", "lt") if is_down else ("pk", "pk__gt", "gte", "gt")
    order, beyond, reached, passed = steps
    value = getattr(last, field) if last else None
    known, unknown = found.filter(**{f"{field}__isnull": False}), found.filter(**{f"{field}__isnull": True})
    known, unknown = known.order_by(name, order), unknown.order_by(order)
    if last is not None and value is None:
        unknown = unknown.filter(**{beyond: last.pk})
        yield from (unknown, known) if is_down else (unknown,)
        return
    if last is not None:
        further = Q(**{f"{field}__{passed}": value}) | Q(**{beyond: last.pk})
        known = known.filter(further, **{f"{field}__{reached}": value})
    yield from (known,) if is_down and last is not None else (unknown, known) if is_down else (known, unknown)


def certificate_rows(wanted: CertificateFilter, *, now: datetime) -> Iterator[CertificateRow]:
    """Yield every certificate asked for, a few queries for each chunk of them."""
    chunk: list[Certificate] = []
    for one in _found(wanted, now=now).iterator(chunk_size=_CHUNK):
        chunk.append(one)
        if len(chunk) == _CHUNK:
            yield from _rows(chunk, now=now)
            chunk = []
    yield from _rows(chunk, now=now)


def in_use() -> QuerySet[Certificate]:
    """Return what a server shows now, or what somebody announced and nobody has refused or retired."""
    shown = ChainLink.objects.filter(
        certificate=OuterRef("pk"),
        observation__sightings__current=True,
        observation__sightings__endpoint__nexthops__isnull=False,
    )
    return Certificate.objects.filter(Exists(shown) | _announced())


def _announced() -> Any:
    """Return the condition that somebody announced it: as a pin that stands, or as a partner's own CA."""
    pins = Pin.objects.filter(certificate=OuterRef("pk"), state__in=_OPEN, channel__removed_at__isnull=True)
    trusted = PrivateAuthority.objects.filter(sha256=OuterRef("sha256"), channel__removed_at__isnull=True)
    return Exists(pins) | Exists(trusted)


def _found(wanted: CertificateFilter, *, now: datetime, is_large: bool = False) -> QuerySet[Certificate]:
    """Return the certificates asked for, in order. is_large: by what was noted of their use, not by asking anew."""
    used = Certificate.objects.filter(in_use=True) if is_large else in_use()
    found = Certificate.objects.all() if wanted.view == "all" else used
    if wanted.view == "announced":
        found = Certificate.objects.filter(announced=True) if is_large else Certificate.objects.filter(_announced())
    elif wanted.view == "out":
        found = found.filter(not_after__lt=now)
    elif wanted.view.isdecimal():
        found = found.filter(not_after__gte=now, not_after__lt=now + int(wanted.view) * _DAY)
    if wanted.week:
        begin = datetime.combine(wanted.week, datetime.min.time(), tzinfo=now.tzinfo)
        found = found.filter(not_after__gte=begin, not_after__lt=begin + 7 * _DAY)
    if wanted.query:
        found = found.filter(_search(wanted.query))
    return found.order_by(*SORTS[wanted.sort])


def _search(query: str) -> Any:
    """Match a subject, an issuer, a name, a fingerprint (colons or none), a partner or a nexthop."""
    text, digest = query, query.replace(":", "").replace(" ", "").lower()
    shown = ChainLink.objects.filter(certificate=OuterRef("pk"), observation__sightings__current=True)
    at = "observation__sightings__endpoint__nexthops__"
    wanted: Any = Q(subject__icontains=text) | Q(issuer__icontains=text) | Q(dns_ids__icontains=text)
    if len(digest) >= 8:
        wanted |= Q(sha256__startswith=digest) | Q(spki_sha256__startswith=digest)
    wanted |= Exists(
        shown.filter(Q(**{f"{at}key__icontains": text.lower()}) | Q(**{f"{at}channel__partner__name__icontains": text}))
    )
    return wanted | Exists(
        Pin.objects.filter(certificate=OuterRef("pk"), state__in=_OPEN, channel__partner__name__icontains=text)
    )


def view_counts(*, now: datetime) -> dict[str, int]:
    """Return how many each view holds, in three queries."""
    ends = {
        str(days): Count("pk", filter=Q(not_after__gte=now, not_after__lt=now + days * _DAY)) for days in (14, 30, 90)
    }
    counted = in_use().aggregate(
        used=Count("pk"),
        out=Count("pk", filter=Q(not_after__lt=now)),
        **{f"within_{name}": count for name, count in ends.items()},
    )
    return {
        "used": counted["used"],
        "out": counted["out"],
        **{name: counted[f"within_{name}"] for name in ends},
        "announced": Certificate.objects.filter(_announced()).count(),
        "all": Certificate.objects.count(),
    }


def _rows(certificates: Sequence[Certificate], *, now: datetime) -> tuple[CertificateRow, ...]:
    """Return the rows of *certificates*, in four queries."""
    where = places_of(certificates)
    return tuple(_row(one, where.get(one.pk, Whereabouts()), now=now) for one in certificates)


def _row(one: Certificate, where: Whereabouts, *, now: datetime) -> CertificateRow:
    used, tone, note = _validity(one, now=now)
    state, word = _state(one, where, now=now)
    names = list(one.dns_ids)
    more_names = len(names) - _NAMES_SHOWN
    shown = ", ".join(names[:_NAMES_SHOWN])
    if more_names > 0:
        shown = _("%(names)s and %(more)s more") % {"names": shown, "more": more_names}
    title = one.subject.removeprefix("CN=") if "," not in one.subject else one.subject
    return CertificateRow(
        pk=one.pk,
        title=title or shown,
        subject=one.subject,
        issuer=one.issuer,
        kind=_kind(bytes(one.der)),
        names=shown,
        key_type=one.key_type,
        sha256=one.sha256,
        not_before=one.not_before,
        not_after=one.not_after,
        end_note=note,
        used=used,
        tone=tone,
        state=state,
        state_word=word,
        places=where.places,
        more=where.more,
    )


def _kind(der: bytes) -> str:
    """Say whether it is a CA's or a server's."""
    try:
        return _("CA") if certificate_facts(der).is_ca else _("server")
    except CertificateRefused:
        return _("cannot be read")


def _validity(one: Certificate, *, now: datetime) -> tuple[int, str, str]:
    """Return the used share of the lifetime, its tone, and the end in words."""
    if one.not_after is None:
        return 0, "unk", _("no readable end")
    begin, end = one.not_before or one.first_seen_at, one.not_after
    used = 100 if end <= begin else max(0, min(100, int(100 * ((now - begin) / (end - begin)))))
    days = (localtime(end).date() - localtime(now).date()).days
    if end <= now:
        return 100, "bad", _("ran out")
    if days == 0:
        return used, "risk", _("in less than a day")
    return used, "risk" if days < 14 else "ok", ngettext("in %s day", "in %s days", days) % days


def _state(one: Certificate, where: Whereabouts, *, now: datetime) -> tuple[str, str]:
    """Return mark and word: what is shown now, then what is announced, then what is gone."""
    if where.is_shown:
        if one.not_after and one.not_after <= now:
            return "bad", _("seen, ran out")
        return "ok", _("seen and announced") if where.is_announced else _("seen")
    if where.is_announced:
        return "pend", _("announced")
    return "unk", _("seen no more")


def _monday(text: str) -> date | None:
    """Return the Monday of the week of *text*, None where it is no day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day - timedelta(days=day.weekday()) if date(2000, 1, 3) <= day <= date(2200, 1, 1) else None
