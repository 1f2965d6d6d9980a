r"""Zones of the kit's DNS: records as text, signed here so that a test can also break the signatures.

    zone = dns.zone("example.com")                            unsigned
    zone = dns.zone("example.com", signed=True)               with a chain from the kit's own root
    zone.add("@ MX 10 mx", "mx A 198.18.0.1", "mx AAAA 2001:db8::1", "alias CNAME mx.example.net.", "@ MX 0 .")
    zone.add(r"_25._tcp.mx TLSA \# 030101ff")                 octets that are no such record
    zone.replace("@ MX 10 other")                             instead of all records of that name and type
    zone.remove("mx AAAA")                                    all of that name and type; NODATA or NXDOMAIN follows
    zone.tlsa("mx", leaf)                                     3 1 1; usage=, selector=, matching=, port=
    zone.spoil("mx A")                                        its signature is wrong from now on: SERVFAIL, "bogus"
    zone.signatures = "expired"                               or "broken", "none": of the whole zone

Names are relative to the zone unless they end with a dot. Every change is served when the call returns.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Literal

import dns.dnssec
import dns.dnssectypes
import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rdtypes.ANY.DNSKEY
import dns.rdtypes.ANY.DS
import dns.rdtypes.ANY.RRSIG
import dns.zone
import dns.zonefile
from cryptography.hazmat.primitives.asymmetric import ec
from dns.rdtypes.dnskeybase import Flag

from tests.kit.ca import Certificate

DAY_SECONDS = 86400
NAMESERVER = "ns.kit-dns."
Signatures = Literal["good", "broken", "expired", "none"]
Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


class Zone:
    """One zone; `commit` is called after each change."""

    def __init__(self, name: str, *, signed: bool, ttl: int, commit: "Callable[[Zone], None]") -> None:
        """Begin with SOA and NS."""
        self.origin = dns.name.from_text(name)
        self.is_signed, self.ttl = signed, ttl
        self.serial = int(time.time())
        self._signatures: Signatures = "good"
        self._rrsets: dict[Key, dns.rdataset.Rdataset] = {}
        self._spoiled: set[Key] = set()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._commit = commit
        self.put(f"@ NS {NAMESERVER}")

    @property
    def name(self) -> str:
        """The name without a dot at its end; "." for the root."""
        return self.origin.to_text(omit_final_dot=True)

    @property
    def dnskey(self) -> dns.rdtypes.ANY.DNSKEY.DNSKEY:
        """The one key that signs all."""
        algorithm = dns.dnssectypes.Algorithm.ECDSAP256SHA256
        return dns.dnssec.make_dnskey(self._key.public_key(), algorithm, Flag.ZONE | Flag.SEP)

    @property
    def ds(self) -> dns.rdtypes.ANY.DS.DS:
        """What the parent says about the key."""
        return dns.dnssec.make_ds(self.origin, self.dnskey, dns.dnssectypes.DSDigest.SHA256)

    @property
    def signatures(self) -> Signatures:
        """The state of the signatures of a signed zone."""
        return self._signatures

    @signatures.setter
    def signatures(self, state: Signatures) -> None:
        self._signatures = state
        self._commit(self)

    def add(self, *records: str) -> "Zone":
        """Add *records*, each "NAME [TTL] TYPE VALUE"."""
        self.put(*records)
        self._commit(self)
        return self

    def replace(self, *records: str) -> "Zone":
        """Put *records* in the place of all that have the same names and types."""
        for key, _ in self._parse(*records):
            self._rrsets.pop(key, None)
        return self.add(*records)

    def remove(self, *owners: str) -> "Zone":
        """Remove all records of each "NAME TYPE", or of a bare NAME."""
        for owner in owners:
            name, _, rdtype = owner.partition(" ")
            gone = self._key_of(owner)[0] if not rdtype else None
            keys = [key for key in self._rrsets if key[0] == gone] if gone else [self._key_of(owner)]
            for key in keys:
                if self._rrsets.pop(key, None) is None:
                    raise KeyError(f"zone {self.name}: there is no {name} {rdtype}")
        self._commit(self)
        return self

    def tlsa(
        self, owner: str, leaf: Certificate, *, usage: int = 3, selector: int = 1, matching: int = 1, port: int = 25
    ) -> "Zone":
        """Publish *leaf* (or the CA given) for *port* of *owner* (RFC 6698)."""
        selected = leaf.spki_der if selector else leaf.der
        digest = {0: selected, 1: hashlib.sha256(selected).digest(), 2: hashlib.sha512(selected).digest()}[matching]
        name = f"_{port}._tcp" if owner == "@" else f"_{port}._tcp.{owner}"
        return self.add(f"{name} TLSA {usage} {selector} {matching} {digest.hex()}")

    def spoil(self, owner: str) -> "Zone":
        """Break the signatures of "NAME TYPE" alone."""
        self._spoiled.add(self._key_of(owner))
        self._commit(self)
        return self

    def put(self, *records: str, below: dns.name.Name | None = None) -> None:
        """Add *records* without serving them yet; names are relative to *below* instead of the zone."""
        for key, rdataset in self._parse(*records, origin=below):
            known = self._rrsets.setdefault(key, dns.rdataset.Rdataset(rdataset.rdclass, rdataset.rdtype))
            for rdata in rdataset:
                known.add(rdata, rdataset.ttl)

    def text(self, children: "list[Zone]") -> str:
        """Return the zone file with the delegations to *children*, signed if the zone is."""
        self.serial += 1
        zone = dns.zone.Zone(self.origin, relativize=False)
        soa = f"@ {self.ttl} SOA {NAMESERVER} kit.invalid. {self.serial} 3600 600 86400 {self.ttl}"
        delegations = [f"{child.origin} {self.ttl} NS {NAMESERVER}" for child in children]
        delegations += [f"{child.origin} {self.ttl} DS {child.ds}" for child in children if child.is_signed]
        for (name, _), rdataset in [*self._rrsets.items(), *self._parse(soa, *delegations)]:
            zone.find_node(name, create=True).replace_rdataset(rdataset)
        if self.is_signed and self._signatures != "none":
            self._sign(zone)
        return str(zone.to_text(sorted=False, relativize=False))

    def _sign(self, zone: dns.zone.Zone) -> None:
        shift = 60 * DAY_SECONDS if self._signatures == "expired" else 0
        begin = int(time.time()) - DAY_SECONDS - shift
        end = begin + 30 * DAY_SECONDS
        keys = [(self._key, self.dnskey)]
        dns.dnssec.sign_zone(zone, keys=[*keys], inception=begin, expiration=end, dnskey_ttl=self.ttl)
        for name, node in zone.nodes.items():
            for signed in list(node.rdatasets):
                key = (name, signed.covers)
                if signed.rdtype == dns.rdatatype.RRSIG and (self._signatures == "broken" or key in self._spoiled):
                    node.replace_rdataset(_broken(signed))

    def _parse(self, *records: str, origin: dns.name.Name | None = None) -> list[tuple[Key, dns.rdataset.Rdataset]]:
        found = []
        for record in records:
            if r" \# " in record:
                found.append(self._generic(record, origin or self.origin))
                continue
            try:
                rrsets = dns.zonefile.read_rrsets(
                    record,
                    origin=origin or self.origin,
                    relativize=False,
                    rdclass=dns.rdataclass.IN,
                    default_ttl=self.ttl,
                )
            except (dns.exception.DNSException, ValueError) as cause:
                raise ValueError(f"zone {self.name}: {record!r}: {cause}") from cause
            found += [((rrset.name, rrset.rdtype), rrset.to_rdataset()) for rrset in rrsets]
        return found

    def _generic(self, record: str, origin: dns.name.Name) -> tuple[Key, dns.rdataset.Rdataset]:
        r"""Read 'NAME TYPE \# HEX', octets that need not be such a record (RFC 3597 section 5, without the length)."""
        owner, rdtype, _, octets = record.split()
        found = dns.rdataset.Rdataset(dns.rdataclass.IN, dns.rdatatype.from_text(rdtype))
        found.add(dns.rdata.GenericRdata(found.rdclass, found.rdtype, bytes.fromhex(octets)), self.ttl)
        return (dns.name.from_text(owner, origin), found.rdtype), found

    def _key_of(self, owner: str) -> Key:
        name, _, rdtype = owner.partition(" ")
        absolute = self.origin if name == "@" else dns.name.from_text(name, self.origin)
        return absolute, dns.rdatatype.from_text(rdtype or "ANY")


def _broken(signed: dns.rdataset.Rdataset) -> dns.rdataset.Rdataset:
    spoiled = dns.rdataset.Rdataset(signed.rdclass, signed.rdtype, signed.covers)
    for rdata in signed:
        if isinstance(rdata, dns.rdtypes.ANY.RRSIG.RRSIG):
            wrong = rdata.signature[:-1] + bytes([rdata.signature[-1] ^ 1])
            spoiled.add(rdata.replace(signature=wrong), signed.ttl)
    return spoiled
