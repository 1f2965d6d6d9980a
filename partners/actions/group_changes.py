"""Changes of a relay group's settings: at once where they ask no less of any peer, else by two people."""

import hashlib
import re
import ssl
from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_approver, single_operator_mode
from partners.actions.leases import JUDGE_STALE, nudge
from partners.actions.maps import active_map
from partners.actions.relay_groups import demand_group, settings_of
from partners.core.certificates import certificate_facts
from partners.core.errors import CertificateRefused, SamePersonRefused, SettingsRefused, StaleRefused
from partners.core.weakenings import weakenings
from partners.models import GroupChange, RelayGroup, User

__all__ = ["CA_BYTES_MAX", "EDITABLE", "apply_change", "ca_set_of", "change_group", "main_cf_of", "refuse_change"]

EDITABLE: Final = ("postfix", "openssl", "map_type", "tafile_directory", "main_cf", "ca_pem", "vantage")
CA_BYTES_MAX: Final = 1024 * 1024  # ca-certificates of Debian 12 is 220 KB
_CA_MAX: Final = 500
_LINES_MAX: Final = 300
_PARAMETER = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,99})[ \t]*=[ \t]*([ -~]{0,1000})", re.ASCII)
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----", re.ASCII)


def change_group(
    group: RelayGroup, fields: Mapping[str, Any], *, version: int, by: User, now: datetime
) -> GroupChange | None:
    """Set *fields* (names in EDITABLE) of *group*; return the change that waits where a second person is needed.

    A change that asks less of a peer under the map in force (a CA more, a lower default, an older parameter) waits; one
    approver alone makes it at once, marked as such. version: of the row that the person looked at.
    Raises SettingsRefused for what cannot be read, StaleRefused where somebody saved since or nothing differs.
    """
    demand_approver(by)
    fresh = RelayGroup.objects.get(pk=group.pk)
    subject = _("relay group %s") % fresh.name
    if fresh.version != version:
        raise StaleRefused(subject, _("somebody saved it in between"), _("look at the new state and try again"))
    wanted = {name: value for name, value in fields.items() if name in EDITABLE and value != getattr(fresh, name)}
    if not wanted:
        raise StaleRefused(subject, _("nothing of it differs"))
    weaker = _weakened(fresh, wanted)
    alone = single_operator_mode()
    if not weaker or alone:
        with transaction.atomic():
            _apply(fresh, wanted, version=version, by=by, now=now, detail={"single_operator": bool(weaker) and alone})
        return None
    with transaction.atomic():
        change = GroupChange.objects.create(
            group=fresh, fields=wanted, version=version, weakens=weaker, author=by, made_at=now
        )
        audit.record(
            "relay-group.proposed",
            f"relay group {fresh.name}",
            by=by,
            now=now,
            detail={"change": change.pk, **_told(wanted)},
        )
    return change


def apply_change(change: GroupChange, *, by: User, now: datetime) -> None:
    """Make *change*, as the second person. SamePersonRefused for its author, StaleRefused where the group moved on."""
    demand_approver(by)
    change.refresh_from_db()
    subject = _("relay group %s") % change.group.name
    if change.author_id == by.pk:
        raise SamePersonRefused(subject, _("a second person is needed, and you proposed it"), _("ask an approver"))
    with transaction.atomic():
        _decide(change, GroupChange.State.APPLIED, by=by, now=now)
        detail = {"change": change.pk, "author": change.author_id}
        _apply(change.group, change.fields, version=change.version, by=by, now=now, detail=detail)


def refuse_change(change: GroupChange, *, by: User, now: datetime) -> None:
    """End *change*; its author may take it back this way."""
    demand_approver(by)
    with transaction.atomic():
        _decide(change, GroupChange.State.REFUSED, by=by, now=now)
        audit.record(
            "relay-group.refused", f"relay group {change.group.name}", by=by, now=now, detail={"change": change.pk}
        )


def main_cf_of(text: str) -> dict[str, str]:
    """Read lines "name = value", as postconf -n prints them. Errors: SettingsRefused names the line."""
    found: dict[str, str] = {}
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) > _LINES_MAX:
        raise SettingsRefused(_("main.cf"), _("it has more than %s parameters") % _LINES_MAX)
    for line in lines:
        parts = _PARAMETER.fullmatch(line)
        if parts is None or parts[1] in found:
            cause = _("%s is no line like name = value, or stands twice") % repr(line[:60])
            raise SettingsRefused(_("main.cf"), cause, _("paste what postconf -n prints"))
        found[parts[1]] = parts[2].strip()
    return found


def ca_set_of(text: str) -> str:
    """Return the certificates in *text* as PEM and nothing around them. Errors: SettingsRefused, CertificateRefused."""
    if "PRIVATE KEY" in text:
        raise SettingsRefused(_("CA set"), _("it holds a private key; nothing of it was kept"))
    blocks = [block.group() for block in _PEM.finditer(text)]
    if text.strip() and not blocks:
        raise SettingsRefused(_("CA set"), _("it holds no certificate"), _("give the file of smtp_tls_CAfile"))
    if len(blocks) > _CA_MAX or len(text) > CA_BYTES_MAX:
        raise SettingsRefused(_("CA set"), _("it is larger than we read"))
    for block in blocks:
        if not certificate_facts(_der(block)).is_ca:
            raise CertificateRefused(_("CA set"), _("one of its certificates is not a CA's"))
    return "".join(f"{block}\n" for block in blocks)


def _weakened(group: RelayGroup, wanted: Mapping[str, Any]) -> list[str]:
    """Return a sentence on each thing that *wanted* asks less of a peer under the map in force."""
    active = active_map(group)
    changed = copy(group)
    for name, value in wanted.items():
        setattr(changed, name, value)
    demand_group(changed)
    before, after = settings_of(group, active.tafiles), settings_of(changed, active.tafiles)
    found = [one.sentence for one in weakenings(active.entries, active.entries, before, after)][:50]
    if changed.vantage != group.vantage:  # who sees from there decides from now on what is believed of every peer
        found.append(f"facts seen from {changed.vantage} are believed in place of those seen from {group.vantage}")
    return found


def _apply(
    group: RelayGroup,
    wanted: Mapping[str, Any],
    *,
    version: int,
    by: User,
    now: datetime,
    detail: Mapping[str, object],
) -> None:
    """Write *wanted* if the row still has *version*, with its audit entry, in the caller's transaction."""
    subject = _("relay group %s") % group.name
    if not RelayGroup.objects.filter(pk=group.pk, version=version).update(
        **wanted, version=version + 1, changed_at=now
    ):
        raise StaleRefused(subject, _("somebody saved it in between"), _("look at the new state and try again"))
    told = {**detail, **_told(wanted)}
    audit.record("relay-group.changed", f"relay group {group.name}", by=by, now=now, detail=told)
    nudge(JUDGE_STALE)


def _decide(change: GroupChange, state: GroupChange.State, *, by: User, now: datetime) -> None:
    """Move an open *change* to *state*; StaleRefused if somebody else did so before."""
    open_one = GroupChange.objects.filter(pk=change.pk, state=GroupChange.State.OPEN)
    if not open_one.update(state=state, decided_by=by, decided_at=now):
        raise StaleRefused(_("relay group %s") % change.group.name, _("this change is decided already"))


def _told(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return *wanted* as the audit trail keeps it: of a CA set its hash."""
    told = {name: value for name, value in wanted.items() if name != "ca_pem"}
    if "ca_pem" in wanted:
        told["ca_sha256"] = hashlib.sha256(str(wanted["ca_pem"]).encode()).hexdigest()
    return told


def _der(block: str) -> bytes:
    """Return the bytes of one PEM block. Errors: SettingsRefused where they are no base64."""
    try:
        return ssl.PEM_cert_to_DER_cert(block)
    except ValueError as cause:
        raise SettingsRefused(_("CA set"), _("one of its certificates cannot be read")) from cause
