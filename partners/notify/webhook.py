"""An alert as a signed JSON object, posted to an address that an approver named."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.utils.translation import override

from partners.core.errors import SettingsRefused, TemporaryFault
from partners.core.webhooks import PORTS, SIGNATURE_HEADER, secret_of, signature
from partners.fetch.https import Rules, ask
from partners.models import AlertDelivery
from partners.notify.content import content_of
from partners.notify.errors import DeliveryError

__all__ = ["beat", "body_of", "rules", "send"]

# RFC 9110: come back later; everything else of 4xx will not change by itself.
_LATER = frozenset({408, 425, 429})


def send(delivery: AlertDelivery, *, clock: Callable[[], float] = time.time) -> None:
    """Post *delivery* to its address. Errors: DeliveryError."""
    target = delivery.target
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    secret = secret_of(target.nonce, target.key_id, keys) if target else None
    if secret is None:
        raise DeliveryError("its secret was made with a key that is gone: make a new one", permanent=True)
    body = body_of(delivery)
    headers = {
        "Content-Type": "application/json",
        SIGNATURE_HEADER: signature(secret, int(clock()), body),
        "Tlsportal-Delivery": str(delivery.pk),
    }
    _demand_success("POST", delivery.address, body, headers)


def beat(url: str) -> None:
    """Tell *url* that a cycle came to its end. Errors: DeliveryError."""
    _demand_success("GET", url, b"", {})


def rules() -> Rules:
    """Return what the settings allow."""
    try:
        networks = [ip_network(word) for word in settings.NOTICE_NETWORKS]
        ports = PORTS | {int(word) for word in settings.NOTICE_PORTS}
    except ValueError as cause:
        raise SettingsRefused("TLSPORTAL_NOTICE_NETWORKS, TLSPORTAL_NOTICE_PORTS", str(cause)) from cause
    return Rules(networks=networks, ports=ports, ca_file=settings.NOTICE_CA)


def body_of(delivery: AlertDelivery) -> bytes:
    """Return the JSON: codes for machines, one sentence for people, in the target's language."""
    with override(delivery.language):
        content = content_of(delivery)
    told: dict[str, Any] = {
        "version": 1,
        "delivery": delivery.pk,
        "kind": content.kind,
        "alert": content.alert,
        "severity": content.severity.name.lower(),
        "cause": content.cause,
        "text": f"{content.word}: {content.sentence}",
        "where": content.where,
        "opened_at": _stamp(content.opened_at),
        "breaks_at": _stamp(content.breaks_at),
        "bounces_at": _stamp(content.bounces_at),
        "partners": [{"name": part.partner, "nexthops": list(part.keys), "url": part.url} for part in content.parts],
        "partner_count": content.total,
        "url": content.url,
    }
    return json.dumps(told, ensure_ascii=True, sort_keys=True).encode("ascii")


def _demand_success(method: str, url: str, body: bytes, headers: dict[str, str]) -> None:
    try:
        reply = ask(method, url, body=body, headers=headers, rules=rules())
    except SettingsRefused as cause:
        raise DeliveryError(str(cause), permanent=True) from cause
    except TemporaryFault as cause:
        raise DeliveryError(str(cause), permanent=False) from cause
    if 200 <= reply.status < 300:
        return
    if 300 <= reply.status < 400:
        raise DeliveryError(f"it answers {reply.status} and leads elsewhere, which is not followed", permanent=True)
    permanent = 400 <= reply.status < 500 and reply.status not in _LATER
    raise DeliveryError(f"it answers {reply.status}", permanent=permanent)


def _stamp(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
