"""The public CAs of a release, and the relay groups whose settings no release carries yet."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from partners.core.bundle import CA_NAME
from partners.models import Artefact, Head, RelayGroup

__all__ = ["ReleasedSet", "released_set", "unreleased_groups"]

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class ReleasedSet:
    """The CA set of an artefact. path: where relays find it; elsewhere: another file that main.cf names instead."""

    count: int
    sha256: str
    path: str
    elsewhere: str


def released_set(artefact: Artefact) -> ReleasedSet | None:
    """Return the CA set of *artefact*, None where it carries none."""
    if not artefact.ca_pem:
        return None
    path = f"{artefact.group.tafile_directory}/{CA_NAME}"
    named = str(artefact.group.main_cf.get("smtp_tls_CAfile", "")).strip()
    sha256 = hashlib.sha256(artefact.ca_pem.encode()).hexdigest()
    return ReleasedSet(len(_CERTIFICATE.findall(artefact.ca_pem)), sha256, path, named if named != path else "")


def unreleased_groups() -> tuple[str, ...]:
    """Return the groups without a map in the published release, or with another CA set than it has; in two queries."""
    head = Head.objects.filter(pk=1, release__isnull=False).first()
    if head is None:
        return ()
    released = dict(Artefact.objects.filter(release=head.release_id).values_list("group_id", "ca_pem"))
    groups = RelayGroup.objects.only("pk", "name", "ca_pem")
    return tuple(one.name for one in groups if one.pk not in released or (released[one.pk] or "") != one.ca_pem)
