"""Look at a nexthop before anything of a partner is kept: the same probe, guard and leases, other rows.

A look belongs to who asked for it and is gone after some hours. Its addresses are spoken to for LOOK_SPAN, one
connection at a time as ever; what was seen there stands at the address, so that nobody has to ask twice.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.actions.endpoints import tie_endpoints
from partners.actions.leases import PROBE_ASKED, LookClaim, nudge
from partners.actions.maps import keys_of
from partners.actions.observations import keep_observation
from partners.actions.relay_groups import settings_by_group, settings_of
from partners.actions.stored import Stored, peers_of
from partners.core.effective import nexthop_port
from partners.core.errors import ActionRefused, RefusedInput
from partners.core.facts_json import facts_from_json
from partners.core.grammar import ParsedPolicy
from partners.core.levels import SecurityLevel
from partners.core.observation import PERMISSIVE, NexthopFacts, TlsProfile
from partners.core.relay import RelaySettings
from partners.core.verdict import profiles_needed
from partners.models import Endpoint, Look, RelayGroup, User

__all__ = [
    "LOOKS_MAX",
    "LOOKS_WITHIN",
    "LOOK_LIFETIME",
    "LOOK_REST",
    "ask_look",
    "drop_expired",
    "look_facts",
    "record_look",
]

LOOK_LIFETIME: Final = timedelta(hours=12)  # a form that was begun in the morning can be ended in the evening
LOOK_REST: Final = timedelta(seconds=60)  # asked again within, the look before is the answer
LOOKS_WITHIN: Final = timedelta(minutes=10)
LOOKS_MAX: Final = 20  # of one person within LOOKS_WITHIN: more is no adding of partners
_ADDRESSES_MAX: Final = 50  # of one look
_PROPOSED: Final = (SecurityLevel.DANE_ONLY, SecurityLevel.SECURE, SecurityLevel.ENCRYPT)

log = structlog.get_logger(__name__)


def ask_look(typed: str, *, by: User, now: datetime) -> Look:
    """Return a look at what was *typed*, due now; a person's own look at the same of a moment ago is taken again.

    Raises RefusedInput for what is no nexthop or has no mail server of its own, ActionRefused after too many.
    """
    demand_editor(by)
    key = _key_of(typed)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=by.pk)  # two windows of one person count together
        drop_expired(now=now)
        mine = Look.objects.filter(owner=by)
        same = mine.filter(key=key, made_at__gt=now - LOOK_REST).order_by("-made_at").first()
        if same is not None:
            return same
        if mine.filter(made_at__gt=now - LOOKS_WITHIN).count() >= LOOKS_MAX:
            raise ActionRefused(
                _("look at %s") % key,
                _("you asked for %(count)s looks within %(minutes)s minutes")
                % {"count": LOOKS_MAX, "minutes": LOOKS_WITHIN // timedelta(minutes=1)},
                _("wait a little, or go on without a look"),
            )
        look = Look.objects.create(owner=by, key=key, made_at=now, expires_at=now + LOOK_LIFETIME, due_at=now)
        audit.record("look.asked", f"nexthop {key}", by=by, now=now)
        nudge(PROBE_ASKED)
    return look


def record_look(claim: LookClaim, facts: NexthopFacts, *, now: datetime) -> bool:
    """Keep what the DNS said for a look and make its addresses due; False without the lease."""
    seen = keep_observation(facts)
    wanted = set(_wanted(facts))
    with transaction.atomic():
        mine = Look.objects.filter(pk=claim.pk, lease_token=claim.token)
        fields = {"dns": seen, "looked_up_at": facts.looked_up_at, "due_at": None}
        if not mine.update(lease_token="", lease_until=None, crashes=0, **fields):
            log.warning("look.dropped", nexthop=claim.key, cause="lease lost")
            return False
        Look.objects.get(pk=claim.pk).endpoints.set(tie_endpoints(wanted, asked=True, now=now))
    return True


def look_facts(look: Look) -> dict[str, Stored]:
    """Return key -> what was seen, for each key that *look* stands for; nothing before the lookup is done."""
    facts = facts_from_json(look.dns.facts) if look.dns else None
    if not isinstance(facts, NexthopFacts) or look.looked_up_at is None:
        return {}
    peers = tuple(peers_of({one.pk: one for one in look.endpoints.select_related("address").order_by("pk")}).values())
    return {
        key: Stored(replace(facts, nexthop=key, looked_up_at=look.looked_up_at), peers)
        for key in sorted(keys_of(look.key))
    }


def drop_expired(*, now: datetime) -> None:
    """Take away the looks that are over, and the endpoints that were theirs alone."""
    over = list(Look.objects.filter(expires_at__lte=now).values_list("pk", flat=True))
    if not over:
        return
    theirs = list(Endpoint.objects.filter(looks__in=over, nexthops__isnull=True).values_list("pk", flat=True))
    Look.objects.filter(pk__in=over).delete()
    Endpoint.objects.filter(pk__in=theirs, looks__isnull=True, nexthops__isnull=True).delete()


def _key_of(typed: str) -> str:
    """Return the one key that is looked at, in ASCII where there is such a form."""
    words = typed.split()
    if len(words) != 1:
        raise RefusedInput(_("nexthop"), _("one is looked at a time"), _("name the partner's mail domain"))
    keys = sorted(keys_of(words), key=lambda key: (not key.isascii(), key))
    if keys[0].startswith("."):
        raise RefusedInput(
            _("nexthop %s") % keys[0],
            _("it stands for the domains below it and has no mail server of its own"),
            _("look at one of them, or go on without a look"),
        )
    return keys[0]


def _wanted(facts: NexthopFacts) -> Iterator[tuple[str, int, TlsProfile]]:
    """Yield each session that judging the proposed levels needs on any relay group; a bounded number."""
    named = list(dict.fromkeys(address for host in facts.hosts for address in host.addresses))[:_ADDRESSES_MAX]
    yield from ((address, nexthop_port(facts.nexthop), PERMISSIVE) for address in named)
    for relay in _relays():
        for level in _PROPOSED:
            for address, port, profile in profiles_needed(ParsedPolicy(level), facts, relay):
                # A permissive handshake stands for one that restricts nothing (verdict.py): it is not made twice.
                if address in named and replace(profile, strict=False, anonymous=False) != PERMISSIVE:
                    yield address, port, profile


def _relays() -> list[RelaySettings]:
    """Return the settings of all relay groups that can be read; before the first is named its default stands."""
    found = [one for one in settings_by_group().values() if isinstance(one, RelaySettings)]
    return found or [settings_of(RelayGroup())]
