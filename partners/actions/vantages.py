"""Probes elsewhere: their tokens, what they claim, and what they report.

They use the claims and the records of our own workers. A token opens its vantage alone: it claims addresses of that
vantage, and reports on what it holds. It learns an address, a port and a TLS profile, and never whose they are.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_approver
from partners.actions.cycles import end_visit, tell_visit
from partners.actions.issued import VANTAGE, fits
from partners.actions.leases import LEASE, AddressClaim, Target, claim_addresses, database_now, renew, spoken_to
from partners.actions.patience import patience_at
from partners.actions.probing import Result, record_peers
from partners.core.errors import ActionRefused, RefusedInput, StaleRefused
from partners.core.facts_json import profile_from_json, profile_to_json
from partners.core.observation import NotMeasured, NotMeasuredCause, PeerFacts
from partners.core.reported import AGO_SECONDS_MAX, Place, certificates_of, outcome_of_report, refused
from partners.core.vantage import HERE, demand_vantage
from partners.models import Address, Endpoint, User, VantageToken

__all__ = [
    "CLAIMS_MAX",
    "HELD_MAX",
    "REQUESTS_PER_MINUTE",
    "SLOW_HELD_MAX",
    "claim_for",
    "make_vantage_token",
    "record_report",
    "revoke_vantage_token",
    "vantage_of",
]

CLAIMS_MAX: Final = 50  # addresses at a time
HELD_MAX: Final = 400  # addresses of one vantage under way
SLOW_HELD_MAX: Final = 50  # in its slow lane, beside these
REQUESTS_PER_MINUTE: Final = 240  # of one token
_RESULTS_MAX: Final = 200  # addresses in one report
_PEERS_MAX: Final = 1000  # sessions with one address
_LEASE_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MINUTE = timedelta(minutes=1)

log = structlog.get_logger(__name__)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Held:
    """One claim that a report names."""

    pk: int
    token: str


def make_vantage_token(vantage: str, *, by: User, now: datetime) -> str:
    """Return a new token for the probe at *vantage*; it is shown this once and kept as SHA-256 alone."""
    demand_approver(by)
    demand_vantage(vantage)
    if vantage == HERE:
        raise ActionRefused(_("vantage %s") % vantage, _("that is where the portal's own workers are"))
    issued = VANTAGE.issue()
    with transaction.atomic():
        VantageToken.objects.create(vantage=vantage, prefix=issued.prefix, sha256=issued.sha256, made_at=now)
        audit.record("vantage-token.made", f"vantage {vantage}", by=by, now=now, detail={"prefix": issued.prefix})
    return issued.text


def revoke_vantage_token(token: VantageToken, *, by: User, now: datetime) -> None:
    """End *token* at once, and give back what is claimed with it; StaleRefused if it is ended already."""
    demand_approver(by)
    with transaction.atomic():
        if not VantageToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now):
            raise StaleRefused(_("vantage token %s") % token.prefix, _("it is revoked already"))
        held = Address.objects.select_for_update(no_key=True).filter(
            lease_token__startswith=token.prefix, vantage=token.vantage
        )
        Address.objects.filter(pk__in=list(held.order_by("pk").values_list("pk", flat=True))).update(
            lease_token="", lease_until=None
        )
        detail = {"prefix": token.prefix}
        audit.record("vantage-token.revoked", f"vantage {token.vantage}", by=by, now=now, detail=detail)


def vantage_of(secret: str, *, now: datetime) -> VantageToken | None:
    """Return the token that *secret* is, None for any other text, and count the use.

    Raises ActionRefused where it asks too often; whoever has it by theft keeps nobody else waiting.
    """
    prefix, rest = VANTAGE.parts(secret)
    token = VantageToken.objects.filter(prefix=prefix, revoked_at__isnull=True).first()
    if not fits(rest, token.sha256 if token else None) or token is None:
        return None
    mine = VantageToken.objects.filter(pk=token.pk)
    over = Q(asked_since__isnull=True) | Q(asked_since__lte=now - _MINUTE) | Q(asked_since__gt=now)
    if not mine.filter(over).update(asked_since=now, asked_times=1, used_at=now) and not mine.filter(
        asked_times__lt=REQUESTS_PER_MINUTE
    ).update(asked_times=F("asked_times") + 1, used_at=now):
        raise ActionRefused(_("vantage %s") % token.vantage, _("its token asks too often"), _("wait a minute"))
    return token


def claim_for(token: VantageToken, wish: object) -> Json:
    """Claim addresses for the probe with *token* and prolong what it holds; return both as JSON.

    wish: {"limit": how many more, "slow": how many more of the slow lane, "held": [{"claim", "token"}]}; a probe that
    does not know that lane is given none of it. Errors: RefusedInput for any other shape.
    """
    limit, slow, held = _wish(wish)
    now = database_now()
    kept = _still_held(token, held)
    renew(kept)
    held_by_lane = Address.objects.filter(vantage=token.vantage, lease_until__gt=now).values_list("is_slow")
    at_work = dict(held_by_lane.annotate(count=Count("pk")).order_by())
    free = min(limit, CLAIMS_MAX, HELD_MAX - at_work.get(False, 0))
    claims = claim_addresses(free, now=now, vantage=token.vantage, holder=token.prefix) if free > 0 else []
    slow = min(slow, SLOW_HELD_MAX - at_work.get(True, 0))
    late = claim_addresses(slow, now=now, vantage=token.vantage, is_slow=True, holder=token.prefix) if slow > 0 else []
    if free > 0 and not claims and not late and not at_work:
        end_visit(token.vantage)
    return {
        "lease_seconds": int(LEASE.total_seconds()),
        "patience": asdict(patience_at(token.vantage)),
        "held": [{"claim": one.pk, "token": one.token} for one in kept],
        "addresses": [
            {
                "claim": one.pk,
                "token": one.token,
                "address": one.address,
                "slow": one in late,
                "targets": [
                    {"target": target.pk, "port": target.port, "profile": profile_to_json(target.profile)}
                    for target in one.targets
                ],
            }
            for one in [*claims, *late]
        ],
    }


def record_report(token: VantageToken, report: object) -> int:
    """Keep what the probe with *token* reports on addresses that it holds; return how many addresses were kept.

    report: {"certificates": [base64], "results": [{"claim", "token", "peers": [{"target", "ago", "facts"}]}]}, all the
    sessions of an address at once. A claim that is lost, or another's, is dropped. Facts that cannot be read count as
    not measured at that session alone. Errors: RefusedInput for any other shape; then nothing of the report is kept.
    """
    if not isinstance(report, dict) or report.keys() - {"certificates", "results"}:
        raise refused("it is no object with certificates and results")
    certificates = certificates_of(report.get("certificates", []))
    named = [(_held(one), one) for one in _list(report.get("results"), _RESULTS_MAX)]
    claims = {one.pk: one for one in _still_held(token, [held for held, _one in named])}
    now = database_now()
    batch: list[Result] = []
    told: set[int] = set()
    for held, one in named:
        claim = claims.get(held.pk)
        if claim is None or held.pk in told:
            continue
        told.add(held.pk)
        batch += _results(claim, _list(one.get("peers"), _PEERS_MAX), certificates, now=now)
    if batch:
        record_peers(batch, now=now)
        VantageToken.objects.filter(pk=token.pk).update(reported_at=now)
        tell_visit(token.vantage, [one.facts for one in batch], now=now)
    if len(told) < len(named):
        log.warning("vantage.dropped", vantage=token.vantage, count=len(named) - len(told))
    return len(told)


def _results(
    claim: AddressClaim, peers: Sequence[object], certificates: Sequence[bytes], *, now: datetime
) -> list[Result]:
    """Return one result for each session of *claim*; what the report leaves out, or had too long ago, was not done."""
    targets = {target.pk: target for target in claim.targets}
    found: dict[int, PeerFacts | NotMeasured] = {}
    for raw in peers:
        if not isinstance(raw, dict) or raw.keys() - {"target", "ago", "facts"}:
            raise refused("peers: no object with target, ago and facts")
        target, ago = targets.get(_number(raw.get("target"))), raw.get("ago")
        if isinstance(ago, bool) or not isinstance(ago, int | float) or ago < 0:
            raise refused("peers: ago is no number of seconds")
        if target is None or target.pk in found or ago > AGO_SECONDS_MAX:
            continue  # its row may have gone since it was claimed
        found[target.pk] = _outcome(claim, target, raw.get("facts"), certificates, at=now - timedelta(seconds=ago))
    for target in claim.targets:
        if target.pk not in found:
            cause, detail = NotMeasuredCause.CANCELLED, "the probe elsewhere did not report on it"
            found[target.pk] = NotMeasured(claim.address, target.port, target.profile, now, cause, detail=detail)
    return [Result(claim, targets[pk], facts) for pk, facts in found.items()]


def _outcome(
    claim: AddressClaim, target: Target, raw: object, certificates: Sequence[bytes], *, at: datetime
) -> PeerFacts | NotMeasured:
    """Return what *raw* says of one session; what cannot be read is no reason to come again at once."""
    try:
        return outcome_of_report(raw, certificates, Place(claim.address, target.port, target.profile, at))
    except RefusedInput as refusal:
        log.warning("vantage.unreadable", vantage=claim.vantage, address=claim.address, cause=refusal.cause)
        cause = NotMeasuredCause.UNREADABLE
        return NotMeasured(claim.address, target.port, target.profile, at, cause, detail=f"report: {refusal.cause}")


def _still_held(token: VantageToken, held: Sequence[_Held]) -> list[AddressClaim]:
    """Return those of *held* that are leased to *token* itself, with their sessions as our rows say."""
    tokens = {one.pk: one.token for one in held}
    rows = {
        row.pk: row
        for row in Address.objects.filter(vantage=token.vantage, pk__in=tokens, lease_token__startswith=token.prefix)
        if hmac.compare_digest(row.lease_token, tokens[row.pk])
    }
    targets: dict[int, list[Target]] = {pk: [] for pk in rows}
    # As they are claimed: a session that nobody names any more is not missed.
    for one in Endpoint.objects.filter(spoken_to(database_now()), address__in=rows).order_by("pk") if rows else ():
        targets[one.address_id].append(Target(one.pk, one.port, profile_from_json(one.profile)))
    return [
        AddressClaim(
            pk,
            str(row.address),
            row.lease_token,
            tuple(targets[pk]),
            open={one.pk for one in targets[pk]},
            vantage=token.vantage,
        )
        for pk, row in rows.items()
    ]


def _wish(raw: object) -> tuple[int, int, list[_Held]]:
    if not isinstance(raw, dict) or raw.keys() - {"limit", "slow", "held"}:
        raise refused("it is no object with limit, slow and held")
    held = [_held(one) for one in _list(raw.get("held", []), HELD_MAX + SLOW_HELD_MAX)]
    return _number(raw.get("limit")), _number(raw.get("slow", 0)), held


def _held(raw: object) -> _Held:
    """Return the claim that *raw* names. Errors: RefusedInput."""
    if not isinstance(raw, Mapping):
        raise refused("a claim is no object")
    token = raw.get("token")
    if not isinstance(token, str) or not _LEASE_TOKEN.fullmatch(token):
        raise refused("a claim has no token")
    return _Held(_number(raw.get("claim")), token)


def _number(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw < 2**63:
        raise refused("a number is none, or too large")
    return raw


def _list(raw: object, most: int) -> list[Any]:
    if not isinstance(raw, list) or len(raw) > most:
        raise refused("a list is none, or too long")
    return raw
