"""The map of one relay group: rendered from snapshots, read back from an artefact, looked up as Postfix does."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from partners.actions.drafts import Snapshot
from partners.actions.relay_groups import DEFAULT_GROUP, settings_of
from partners.core.bundle import CA_NAME
from partners.core.certificates import DIGESTS, turning_points
from partners.core.chain import Anchors
from partners.core.entry import PolicyEntry
from partners.core.errors import EntryRefused, MapRefused, RefusedInput
from partners.core.grammar import Invalid, ParsedPolicy, digest_of, parse_value
from partners.core.levels import SecurityLevel
from partners.core.names import Nexthop, lookup_keys, table_key
from partners.core.policymap import render
from partners.core.relay import RelaySettings
from partners.core.wording import told
from partners.models import Artefact, CandidateMap, Channel, Head, Pin, PrivateAuthority, RelayGroup

__all__ = [
    "GroupMap",
    "Named",
    "active_map",
    "active_maps",
    "active_text",
    "demand_entries",
    "keys_of",
    "released_map",
    "render_group",
]

Applying = tuple[str, tuple[str | None, ...]]  # a value, and what each of its tafiles holds, or the CA set's hash
_BY_CA = {SecurityLevel.VERIFY, SecurityLevel.SECURE}


@dataclass(frozen=True)
class GroupMap:
    """The bytes of one relay group's map. tafiles: path as tafile= names it -> PEM; ca_pem: as of an Artefact."""

    group: RelayGroup
    text: str
    tafiles: dict[str, str] = field(default_factory=dict)
    ca_pem: str | None = None

    @classmethod
    def of(cls, row: "Artefact | CandidateMap") -> "GroupMap":
        """Return the map that *row* keeps; its group is read with it."""
        return cls(row.group, row.text, dict(row.tafiles), row.ca_pem)

    @property
    def columns(self) -> dict[str, Any]:
        """What a row keeps of it."""
        columns = {"text": self.text, "tafiles": self.tafiles, "ca_pem": self.ca_pem, "sha256": self.sha256}
        return {"group": self.group, **columns}

    @property
    def sha256(self) -> str:
        """Hash of text, CA set and tafiles; of the text alone where there is neither."""
        digest = hashlib.sha256(self.text.encode())
        if self.ca_pem is not None:
            digest.update(f"\0{CA_NAME}\0{self.ca_pem}".encode())
        for path, pem in sorted(self.tafiles.items()):
            digest.update(f"\0{path}\0{pem}".encode())
        return digest.hexdigest()

    @cached_property
    def relay(self) -> RelaySettings:
        """The settings under which this map is judged, its tafiles and its CA set included."""
        return settings_of(self.group, self.tafiles, self.ca_pem)

    @cached_property
    def entries(self) -> dict[str, str]:
        """Key -> value of every line that is no comment; MapRefused for a line that the portal did not write."""
        found: dict[str, str] = {}
        for number, line in enumerate(self.text.splitlines(), start=1):
            if not line or line.startswith("#"):
                continue
            key, tab, value = line.partition("\t")
            if not tab or not key or not value or key in found:
                raise MapRefused(
                    _("relay group %s") % self.group.name, _("line %s of its map is not one of ours") % number
                )
            found[key] = value
        return found

    @cached_property
    def _keys(self) -> dict[str, str]:
        """Folded key -> key as written: Postfix folds both sides of a lookup."""
        return {table_key(key): key for key in self.entries}

    def key_of(self, nexthop: str) -> str | None:
        """Return the key that applies to *nexthop*, whoever's it is, None for main.cf's default."""
        return next((self._keys[key] for key in lookup_keys(nexthop) if key in self._keys), None)

    def policy_of(self, key: str) -> ParsedPolicy | Invalid:
        """Return what Postfix reads under *key*."""
        return parse_value(self.entries[key], self.relay.postfix, self.relay)

    def applying(self, nexthop: str) -> Applying | None:
        """Return what applies to *nexthop*, such that equal answers mean equal policies.

        The CA set is part of it where it decides. At the lower levels it moves a word in the log and no message.
        """
        key = self.key_of(nexthop)
        if key is None:
            level = self.relay.smtp_tls_security_level
            return ("", (self._ca_sha256,)) if level in _BY_CA else None
        policy = self.policy_of(key)
        paths = policy.tafile if isinstance(policy, ParsedPolicy) else ()
        anchors = tuple(self.tafiles.get(path) for path in paths)
        by_ca = isinstance(policy, ParsedPolicy) and policy.level in _BY_CA and not paths
        return self.entries[key], (self._ca_sha256,) if by_ca else anchors

    @cached_property
    def turning_points(self) -> frozenset[datetime]:
        """The moments at which a date of a CA that this map trusts begins or ceases to count."""
        of_set = Anchors.from_ca_file(self.relay.ca_pem).certificates
        of_tafiles = (Anchors.from_ta_files((pem.encode(),)) for pem in self.tafiles.values())
        return turning_points((*of_set, *(der for one in of_tafiles if one for der in one.certificates)))

    @cached_property
    def _ca_sha256(self) -> str:
        """Hash of the set that the relays read with this map."""
        return hashlib.sha256(self.relay.ca_pem).hexdigest()


@dataclass(frozen=True, slots=True)
class Named:
    """The rows that snapshots name: pins by primary key; private CAs by SHA-256 (equal hash, equal PEM)."""

    pins: Mapping[int, Pin]
    authorities: Mapping[str, PrivateAuthority]

    @classmethod
    def by(cls, shots: Iterable[Snapshot], pins: Iterable[Pin] | None = None) -> "Named":
        """Return those that *shots* name, in two queries at most; pins: all that there may be, where they are read."""
        keys, authorities = set[int](), set[str]()
        for shot in shots:
            keys.update(shot["pins"])
            authorities.update(shot["authorities"])
        cas = PrivateAuthority.objects.filter(sha256__in=authorities) if authorities else ()
        known = Pin.objects.in_bulk(keys) if pins is None else {one.pk: one for one in pins}
        return cls(known, {one.sha256: one for one in cas})


def render_group(group: RelayGroup, shots: Mapping[int, Snapshot], named: Named | None = None) -> GroupMap:
    """Return the map of *group* for the channels in *shots*: comments and lines, by key.

    named: the rows that *shots* name, where the caller has read them.
    Raises EntryRefused where an entry cannot stand in a map of this group, MapRefused where two channels hold one key.
    """
    rows = named or Named.by(shots.values())
    tafiles: dict[str, str] = {}
    entries: list[PolicyEntry] = []
    comments: dict[str, list[str]] = {}
    for shot in shots.values():
        own = list(_entries(group, shot, rows))
        for _entry, files in own:
            tafiles |= files
        entries += [entry for entry, _files in own]
        if own:
            comments[min(entry.nexthop.text for entry in entries[-len(own) :])] = shot["comment"].splitlines()
    return GroupMap(group, render(entries, comments=comments).text, tafiles, group.ca_pem)


def active_map(group: RelayGroup) -> GroupMap:
    """Return the published map of *group*; an empty one before its first release."""
    head = Head.objects.filter(pk=1, release__isnull=False).select_related("release").first()
    artefact = Artefact.objects.filter(group=group, release=head.release).first() if head and head.release else None
    return released_map(group, artefact)


def active_maps(groups: Iterable[RelayGroup]) -> dict[int, GroupMap]:
    """Return active_map() of each of *groups* by its key, in one query."""
    there = {group.pk: group for group in groups}
    head = Head.objects.filter(pk=1).values("release")
    found = {one.group_id: one for one in Artefact.objects.filter(group__in=there, release__in=head)}
    return {pk: released_map(group, found.get(pk)) for pk, group in there.items()}


def released_map(group: RelayGroup, artefact: Artefact | None) -> GroupMap:
    """Return what *artefact* keeps, an empty map for None; MapRefused where its bytes are not those of its hash."""
    if artefact is None:
        return GroupMap(group, "")
    one = GroupMap(group, artefact.text, dict(artefact.tafiles), artefact.ca_pem)
    if one.sha256 != artefact.sha256:
        raise MapRefused(_("relay group %s") % group.name, _("its published map is not what was released"))
    return one


def active_text(group: RelayGroup) -> str:
    """Return the published map of *group*, byte for byte; empty before its first release."""
    return active_map(group).text


def keys_of(nexthops: str | Sequence[str]) -> set[str]:
    """Return the keys of what a person typed, both forms of an internationalised name. Errors: NameRefused."""
    texts = [nexthops] if isinstance(nexthops, str) else list(nexthops)
    return {key for text in texts for key in Nexthop.parse(text).keys()}  # noqa: SIM118  no mapping


def demand_entries(shot: Snapshot, channel: Channel, groups: Sequence[RelayGroup] | None = None) -> None:
    """Raise EntryRefused where a relay group could not take the entries of *shot*.

    Before the first group is named, the oldest supported release stands for it: nothing is taken unchecked. groups: all
    of them, where the caller has read them.
    """
    if shot["removed"]:
        return
    there = RelayGroup.objects.all() if groups is None else groups
    for group in there or [RelayGroup(name=DEFAULT_GROUP)]:
        render_group(group, {channel.pk or 0: shot})


def _entries(group: RelayGroup, shot: Snapshot, named: Named) -> Iterator[tuple[PolicyEntry, dict[str, str]]]:
    """Yield the entries of one channel with the tafiles they name."""
    if shot["removed"]:
        return
    relay = settings_of(group)
    level = SecurityLevel(shot["level"])
    match = tuple(shot["match"].splitlines())
    if level is SecurityLevel.FINGERPRINT:
        given = [*match, *(named.pins[key].digests.get(relay.fingerprint_digest, "") for key in shot["pins"])]
        match = _of_algorithm(given, relay.fingerprint_digest)
        if any(given) and not match:
            raise _never_compared(group, shot, relay.fingerprint_digest)
    files = {}
    if level.takes_tafile:
        files = {f"{group.tafile_directory}/{one}.pem": named.authorities[one].pem for one in shot["authorities"]}
    for key in shot["nexthops"]:
        try:
            entry = PolicyEntry(
                Nexthop.parse(key),
                level,
                match=match,
                tafile=tuple(files),
                protocols=shot["protocols"],
                ciphers=shot["ciphers"],
                exclude=shot["exclude"],
                servername=shot["servername"],
            ).check_for(relay.postfix)
        except RefusedInput as refused:
            cause = _("relay group %(group)s: %(cause)s") % {"group": group.name, "cause": told(refused.cause, _)}
            raise EntryRefused(refused.subject, cause, refused.cure) from refused
        yield entry, files


def _of_algorithm(digests: Sequence[str], algorithm: str) -> tuple[str, ...]:
    """Return the digests that the relays compare; what is no digest at all is left for PolicyEntry to refuse."""
    kept = []
    for text in digests:
        digest = digest_of(text) if text else b""
        if digest is None or len(digest) == DIGESTS.get(algorithm) or (text and len(digest) not in DIGESTS.values()):
            kept.append(text)
    return tuple(kept)


def _never_compared(group: RelayGroup, shot: Snapshot, algorithm: str) -> EntryRefused:
    """Return the refusal of fingerprints that are all of another algorithm than the relays compare."""
    cause = _("relay group %(group)s compares fingerprints of %(algorithm)s, and none of those given is one")
    return EntryRefused(
        _("nexthop %s") % shot["nexthops"][0],
        cause % {"group": group.name, "algorithm": algorithm},
        _("give the certificate or its fingerprint of that algorithm, or set the group's smtp_tls_fingerprint_digest"),
    )
