"""The world of all cases at once: zones, peers, certificates and files, made before the first message is sent."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import dns.name

from tests.kit.ca import Certificate, bundle
from tests.kit.daemon import private_directory
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.script import Tls
from tests.kit.smtpd import Peer, Smtpd
from tests.oracle.case import QUEUE, Case, Host, Naming, root, rsa_root, stranger

SHARED_ZONES = {"example": False, "test": True}  # name -> signed


@dataclass(frozen=True)
class Placed:
    """A case with everything that its placeholders stand for."""

    case: Case
    naming: Naming
    ca_file: Path

    @cached_property
    def table(self) -> tuple[tuple[str, str], ...]:
        """The policy map of the case, in order."""
        case, fill = self.case, self.naming.fill
        if case.table is not None:
            return tuple((fill(key), fill(value)) for key, value in case.table)
        return () if case.policy is None else ((self.nexthop, fill(case.policy)),)

    @cached_property
    def nexthop(self) -> str:
        """What the transport map says, or the mail domain."""
        return self.naming.fill(self.case.nexthop)

    @cached_property
    def rcpt_domain(self) -> str:
        """The domain of the recipient; one of its own where the transport map sends it elsewhere."""
        if self.case.rcpt:
            return self.naming.fill(self.case.rcpt)
        return self.nexthop if self.case.nexthop == "@" else f"{self.case.name}.rcpt.example"

    @cached_property
    def main_cf(self) -> dict[str, str]:
        """What main.cf says for this case, beside what is the same for all (see real.py)."""
        fill = self.naming.fill
        ours = {name: fill(value) for name, value in self.case.main_cf.items()}
        return {"smtp_tls_CAfile": str(self.ca_file), **ours}


class World:
    """Makes and keeps all that answers."""

    def __init__(self, servers: DnsServer, lab: Lab, smtpd: Smtpd) -> None:
        """Make nothing yet."""
        self._dns, self._lab, self._smtpd = servers, lab, smtpd
        self.directory = private_directory("oracle")
        self.ca_file = self.directory / "CAfile.pem"
        self.ca_file.write_text(bundle(root(), rsa_root()))
        self.peers: list[Peer] = []

    def place(self, cases: Iterable[Case]) -> list[Placed]:
        """Make the world of *cases*."""
        with self._dns.batch():
            for name, signed in SHARED_ZONES.items():
                self._dns.zone(name, signed=signed)
            return [self._place(case) for case in cases]

    def messages(self) -> dict[str, bool]:
        """Return for each recipient that was served whether the message came under TLS."""
        taken = [message for peer in self.peers for message in peer.messages]
        return {recipient: message.under_tls for message in taken for recipient in message.recipients}

    def _place(self, case: Case) -> Placed:
        naming = Naming(case.name, case.mail_domain, self.directory)
        for label, host in case.all_hosts.items():
            naming.addresses[label] = host.address or self._lab.address(version=host.version)
        for label, host in case.all_hosts.items():
            self._open(naming, label, host)
        self._publish(case, naming)
        for name, text in case.files.items():
            if not name.startswith(QUEUE):
                path = self.directory / f"{case.name}.{naming.fill(name)}"
                path.parent.mkdir(exist_ok=True)
                path.write_text(naming.fill(text))
                path.chmod(0o600 if case.private else 0o644)
        return Placed(case, naming, self.ca_file)

    def _open(self, naming: Naming, label: str, host: Host) -> None:
        tls = None
        if host.leaf is not None:
            naming.leaves[label] = host.leaf(naming)
        if host.leaf is not None or host.tls:
            leaf = naming.leaves.get(label)
            tls = Tls(leaf, **_tls_fields(host.tls, naming, leaf))
        if host.listens and not host.address:
            script = replace(host.script, tls=tls)
            self.peers.append(self._smtpd.peer(naming.addresses[label], host.port, script=script))

    def _publish(self, case: Case, naming: Naming) -> None:
        records = [naming.fill(record.replace("@", "<at>")) for record in case.dns]
        spoken_for = {record.split()[0] for record in records if record.split()[1] in {"A", "AAAA", "CNAME"}}
        spoken_for |= {label for label in case.all_hosts if any(f"<{label}>" in record for record in case.dns)}
        for label, host in case.all_hosts.items():
            if label not in spoken_for:
                records.append(f"{label} {'A' if host.version == 4 else 'AAAA'} {naming.addresses[label]}")
        records += [_tlsa(naming, text) for text in case.tlsa]
        for record in records:
            below, _, text = record.rpartition(": ")
            origin = f"{case.name}.{below}" if below else case.mail_domain
            self._zone(case, origin, is_ours=not below).put(text, below=dns.name.from_text(origin))
        if case.tweak is not None:
            case.tweak(self._zone(case, case.mail_domain, is_ours=True))

    def _zone(self, case: Case, origin: str, *, is_ours: bool) -> Any:
        if is_ours and case.own:
            return self._dns.zone(origin, signed=case.signed)
        shared = origin.rpartition(".")[2]
        return self._dns.zone(shared, signed=SHARED_ZONES[shared])


def _tls_fields(fields: Mapping[str, Any], naming: Naming, leaf: Certificate | None) -> dict[str, Any]:
    made = dict(fields)
    if "also" in made:
        made["also"] = made["also"](naming)
    if "sni" in made:
        made["sni"] = {naming.fill(name): maker(naming) for name, maker in made["sni"].items()}
    if "chain" in made:
        made["chain"] = made["chain"](leaf)
    return made


def _tlsa(naming: Naming, text: str) -> str:
    """Return the record of "[zone: ][owner] usage selector matching [of]"; owner stands for _25._tcp.owner."""
    below, _, rest = naming.fill(text.replace("@", "<at>")).rpartition(": ")
    words = rest.split()
    owner = "mx" if words[0].isdigit() else words.pop(0)
    usage, selector, matching = (int(word) for word in words[:3])
    association = _association(naming, "".join(words[3:]) or "leaf", selector, matching)
    owner = owner if owner[0] in "_*" else f"_25._tcp.{owner}".removesuffix(".@")
    octets = bytes([usage, selector, matching]).hex() + association
    return rf"{below + ': ' if below else ''}{owner} TLSA \# {octets}"


def _association(naming: Naming, of: str, selector: int, matching: int) -> str:
    label, _, word = of.rpartition(".")
    leaf = naming.leaves.get(label or "mx")
    subjects = {"leaf": leaf, "ca": leaf and leaf.issuer, "root": leaf and leaf.anchor, "other": stranger()}
    if word not in subjects:
        return of
    subject = subjects[word]
    if subject is None:
        raise ValueError(f"case {naming.name}: no {word} for a TLSA record")
    octets = subject.spki_der if selector == 1 else subject.der
    hashed = {1: hashlib.sha256, 2: hashlib.sha512}
    return hashed[matching](octets).hexdigest() if matching in hashed else octets.hex()


def names_of(cases: Sequence[Case]) -> list[str]:
    """Return the names, each once; ValueError for one that comes twice."""
    names = [case.name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"cases with the same name: {', '.join(sorted(twice))}")
    return names
