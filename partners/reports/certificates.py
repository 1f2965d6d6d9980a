"""All certificates seen or announced: where each is in use, and what ends when."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.certificates import certificate_facts
from partners.core.errors import CertificateRefused
from partners.models import Certificate, ChainLink, Pin, PrivateAuthority
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
]

PAGE_ROWS: Final = 50
_CHUNK: Final = 200
_NAMES_SHOWN: Final = 3
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
    """One page of the list, with the counts of its views."""

    rows: tuple[CertificateRow, ...]
    first: int
    last: int
    total: int
    number: int
    has_previous: bool
    has_next: bool
    counts: Mapping[str, int]


def certificate_page(wanted: CertificateFilter, *, page: int, now: datetime) -> CertificatePage:
    """Return one page in eight queries, however many certificates there are."""
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
        counts=_counts(now=now),
    )


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


def _found(wanted: CertificateFilter, *, now: datetime) -> QuerySet[Certificate]:
    """Return the certificates asked for, in order."""
    found = Certificate.objects.all() if wanted.view == "all" else in_use()
    if wanted.view == "announced":
        found = Certificate.objects.filter(_announced())
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


def _counts(*, now: datetime) -> dict[str, int]:
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
    days = (end - now).days
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
