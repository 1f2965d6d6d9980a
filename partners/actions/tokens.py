"""What a relay shows to fetch its group's map: made once, kept as a hash, compared in constant time."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_approver
from partners.actions.issued import RELAY, fits
from partners.core.errors import SettingsRefused, StaleRefused
from partners.core.names import DnsName
from partners.models import Relay, RelayGroup, RelayToken, User

__all__ = ["group_of_token", "make_relay_token", "note_fetch", "revoke_relay_token", "token_of"]


def make_relay_token(group: RelayGroup, *, by: User, now: datetime, relay: str = "") -> str:
    """Return a new token for *group*; it is shown this once and kept as SHA-256 alone.

    relay: the name of the relay that is given it; the portal knows that relay from then on. A relay is in one group.
    """
    demand_approver(by)
    name = _relay_name(relay)
    token = RELAY.issue()
    with transaction.atomic():
        holder = Relay.objects.get_or_create(name=name, defaults={"group": group})[0] if name else None
        if holder is not None and holder.group_id != group.pk:
            raise SettingsRefused(_("relay %s") % name, _("it is in another relay group"), _("revoke its token there"))
        RelayToken.objects.create(group=group, relay=holder, prefix=token.prefix, sha256=token.sha256, made_at=now)
        detail = {"prefix": token.prefix, "relay": name}
        audit.record("relay-token.made", f"relay group {group}", by=by, now=now, detail=detail)
    return token.text


def revoke_relay_token(token: RelayToken, *, by: User, now: datetime) -> None:
    """End *token* at once; StaleRefused if it is ended already."""
    demand_approver(by)
    with transaction.atomic():
        ended = RelayToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)
        if not ended:
            raise StaleRefused(_("relay token %s") % token.prefix, _("it is revoked already"))
        audit.record(
            "relay-token.revoked", f"relay group {token.group}", by=by, now=now, detail={"prefix": token.prefix}
        )


def group_of_token(secret: str, *, now: datetime) -> RelayGroup | None:
    """Return the relay group that *secret* opens, None for any other text, and note the use.

    The prefix finds the row; the secret part decides, by its hash and in constant time.
    """
    token = token_of(secret, now=now)
    return token.group if token else None


def token_of(secret: str, *, now: datetime) -> RelayToken | None:
    """Return the token, with its group, that *secret* is; as group_of_token()."""
    prefix, rest = RELAY.parts(secret)
    token = RelayToken.objects.select_related("group").filter(prefix=prefix, revoked_at__isnull=True).first()
    if not fits(rest, token.sha256 if token else None) or token is None:
        return None
    RelayToken.objects.filter(pk=token.pk).update(used_at=now)
    return token


def note_fetch(token: RelayToken, number: int, *, now: datetime) -> None:
    """Note that the relay with *token* was answered with release *number*, or told that it has it already."""
    RelayToken.objects.filter(pk=token.pk).update(fetched_at=now, fetched_release=number)


def _relay_name(text: str) -> str:
    """Return *text* as the name of a host of ours, "" for none. Errors: NameRefused."""
    return str(DnsName.parse(text)) if text.strip() else ""
