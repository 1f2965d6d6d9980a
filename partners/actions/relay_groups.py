"""Groups of relays, and their rows as the settings that judge() reads."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_approver
from partners.core.bundle import CA_NAME
from partners.core.errors import SettingsRefused
from partners.core.levels import SecurityLevel
from partners.core.lifetime import TIME_UNITS, seconds_of
from partners.core.relay import OpensslRelease, PostfixRelease, RelaySettings
from partners.core.vantage import HERE, demand_vantage
from partners.models import RelayGroup, User

__all__ = [
    "DEFAULT_GROUP",
    "MAP_TYPES",
    "add_group",
    "demand_group",
    "ensure_group",
    "settings_by_group",
    "settings_of",
]

DEFAULT_GROUP = "main"
_LIST = re.compile(r"[,\s:]+")
MAP_TYPES = {"hash", "lmdb", "cdb", "btree", "texthash"}
_PATH = re.compile(r"/[A-Za-z0-9._/-]{1,199}", re.ASCII)  # becomes tafile=: no blank, comma or control character


def ensure_group(*, now: datetime) -> RelayGroup:
    """Return the first relay group; make "main", with Debian 12's releases, where there is none."""
    group = RelayGroup.objects.first()
    if group is not None:
        return group
    with transaction.atomic():
        group, made = RelayGroup.objects.get_or_create(name=DEFAULT_GROUP)
        if made:
            audit.record("relay-group.added", f"relay group {group}", by=None, now=now)
    return group


def add_group(
    name: str,
    *,
    postfix: str,
    openssl: str,
    main_cf: Mapping[str, str] | None = None,
    ca_pem: str = "",
    map_type: str = "hash",
    tafile_directory: str = "/etc/postfix/tlsportal",
    vantage: str = HERE,
    by: User,
    now: datetime,
) -> RelayGroup:
    """Add a relay group; SettingsRefused for what the relays could not take."""
    demand_approver(by)
    subject = _("relay group %s") % name
    group = RelayGroup(
        name=name,
        postfix=postfix,
        openssl=openssl,
        map_type=map_type,
        tafile_directory=tafile_directory,
        main_cf=dict(main_cf or {}),
        ca_pem=ca_pem,
        vantage=vantage,
    )
    demand_group(group)
    if RelayGroup.objects.filter(name=name).exists():
        raise SettingsRefused(subject, _("there is one of that name"))
    with transaction.atomic():
        group.save(force_insert=True)
        audit.record("relay-group.added", f"relay group {name}", by=by, now=now)
    return group


def demand_group(group: RelayGroup) -> None:
    """Raise SettingsRefused where the columns of *group* could not stand in a map or cannot be read."""
    subject = _("relay group %s") % group.name
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", group.name):
        raise SettingsRefused(subject, _("its name takes a-z, 0-9 and -"))
    if group.map_type not in MAP_TYPES:
        known = ", ".join(sorted(MAP_TYPES))
        raise SettingsRefused(subject, _("map type %s is not known") % group.map_type, known)
    if not _PATH.fullmatch(group.tafile_directory):
        raise SettingsRefused(subject, _("the directory of trust anchors is no plain absolute path"))
    demand_vantage(group.vantage)
    settings_of(group)


def settings_by_group(groups: Iterable[RelayGroup] | None = None) -> dict[int, RelaySettings | str]:
    """Return the settings of each relay group by its key, or why they cannot be read; in one query, for pages.

    groups: all of them, where the caller has read them.
    """
    found: dict[int, RelaySettings | str] = {}
    for group in RelayGroup.objects.all() if groups is None else groups:
        try:
            found[group.pk] = settings_of(group)
        except SettingsRefused as refused:
            found[group.pk] = refused.told_in(_)
    return found


def settings_of(
    group: RelayGroup, ta_files: Mapping[str, str] | None = None, ca_pem: str | None = None
) -> RelaySettings:
    """Return what *group* says of its relays; SettingsRefused names the parameter that cannot be read.

    ta_files, ca_pem: path -> PEM and the CA set of the map that is to be judged; None is the group's own set.
    """
    authorities = group.ca_pem if ca_pem is None else ca_pem
    subject = _("relay group %s") % group.name
    try:
        postfix, openssl = PostfixRelease.parse(group.postfix), OpensslRelease.parse(group.openssl)
    except ValueError as cause:
        raise SettingsRefused(subject, _("a release is written like 3.7.11"), str(cause)) from cause
    known = {field.name: field.default for field in fields(RelaySettings)}
    given: dict[str, Any] = {}
    extra: list[tuple[str, str]] = []
    for name, text in sorted(group.main_cf.items()):
        if name not in known or name in {"postfix", "openssl", "ca_pem", "ta_files", "extra"}:
            extra.append((name, str(text)))
            continue
        try:
            given[name] = _value(name, str(text).strip(), known[name])
        except ValueError as cause:
            raise SettingsRefused(
                subject, _("%(name)s = %(text)s cannot be read") % {"name": name, "text": text}
            ) from cause
    if authorities and not given.get("smtp_tls_CAfile"):
        given["smtp_tls_CAfile"] = f"{group.tafile_directory}/{CA_NAME}"
    return RelaySettings(
        postfix=postfix,
        openssl=openssl,
        ca_pem=authorities.encode(),
        ta_files=tuple((path, pem.encode()) for path, pem in sorted((ta_files or {}).items())),
        extra=tuple(extra),
        **given,
    )


def _value(name: str, text: str, default: object) -> Any:
    """Return *text* in the type of the field *name*, told by its default."""
    if isinstance(default, bool):
        if text.lower() not in {"yes", "no"}:
            raise ValueError(text)
        return text.lower() == "yes"
    if isinstance(default, SecurityLevel):
        return SecurityLevel(text.lower())
    if isinstance(default, int):
        return seconds_of(text, TIME_UNITS[name]) if name in TIME_UNITS else int(text)
    if isinstance(default, frozenset):
        words = frozenset(_LIST.split(text.lower())) - {""}
        return frozenset({"ipv4", "ipv6"}) if words == {"all"} else words
    if isinstance(default, tuple):
        separator = r"[,\s]+" if name == "smtp_tls_trust_anchor_file" else _LIST.pattern
        if name == "smtp_tls_fingerprint_cert_match":
            separator = r"[,\s|]+"
        return tuple(word for word in re.split(separator, text) if word)
    return text
