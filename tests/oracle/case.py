"""A case of the oracle: one oddity, one line that says what it shows, and all that a delivery needs around it.

    Case("wildcard-is-one-label", "a wildcard covers one label, not two", "secure match=a.b.@", leaf=named("*.@"))

Whatever is not said is good: one MX host `mx` with a leaf for its name under the lab's root, at which main.cf's CAfile
points. In texts of a case:

    @          its mail domain (<at> is the sign itself)      <name>        its name
    <mx>       the address of its host `mx`                   <file:x>      the path of its file x
    <root>     the name of the lab's root in a CApath
    <pin>      fingerprint of the leaf of host `mx`, <pin.sha1> by digest, <pkey>, <pkey.md5> of the public key
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Unpack, cast

from cryptography import x509
from OpenSSL import crypto

from tests.kit.ca import Certificate, Oddities, root_ca, self_signed
from tests.kit.script import Script
from tests.kit.zones import Zone

PAST, FUTURE = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
QUEUE = "queue:"  # a file of this name lies in the queue directory, where a chrooted smtp(8) finds it
_PLACEHOLDER = re.compile(r"@|<(name|at|root|file|pin|pkey)?(?:[.:]?([^<> ]+))?>")


@dataclass
class Naming:
    """What the placeholders of one case stand for; filled in while the world is made."""

    name: str
    domain: str
    files: Path
    addresses: dict[str, str] = field(default_factory=dict)
    leaves: dict[str, Certificate] = field(default_factory=dict)

    def fill(self, text: "Text") -> str:
        """Return *text* with every placeholder replaced."""
        return text(self) if callable(text) else _PLACEHOLDER.sub(self._stands_for, text)

    @property
    def leaf(self) -> Certificate:
        """The leaf of host `mx`."""
        return self.leaves["mx"]

    def _stands_for(self, found: re.Match[str]) -> str:
        if found[0] == "@":
            return self.domain
        word, detail = found[1], found[2]
        if word == "name":
            return self.name
        if word == "at":
            return "@"
        if word == "root":
            return (
                f"{crypto.X509.from_cryptography(x509.load_der_x509_certificate(root().der)).subject_name_hash():08x}.0"
            )
        if word == "file":
            return str(self.files / f"{self.name}.{detail}")
        if word == "pin":
            return self.leaf.cert_fingerprint(detail or "sha256")
        if word == "pkey":
            return self.leaf.pkey_fingerprint(detail or "sha256")
        return self.addresses[detail]


Text = str | Callable[[Naming], str]
Maker = Callable[[Naming], Certificate]


@cache
def root() -> Certificate:
    """The root in main.cf's CAfile; P-256."""
    return root_ca("Oracle root")


@cache
def rsa_root() -> Certificate:
    """The other root in main.cf's CAfile; RSA, for signatures with old digests."""
    return root_ca("Oracle RSA root", key="rsa2048")


@cache
def stranger() -> Certificate:
    """A root that no CAfile knows."""
    return root_ca("Oracle stranger")


def named(*names: str | bytes, by: Callable[[], Certificate] = root, **odd: Unpack[Oddities]) -> Maker:
    """Return the maker of a leaf for *names* issued *by* a CA; texts of names, common_name and ips are filled."""
    return lambda naming: by().leaf(*_names(naming, names), **_filled(naming, odd))


def alone(*names: str | bytes, **odd: Unpack[Oddities]) -> Maker:
    """Return the maker of a self-signed leaf for *names*."""
    return lambda naming: self_signed(*_names(naming, names), **_filled(naming, odd))


def _names(naming: Naming, names: tuple[str | bytes, ...]) -> list[str | bytes]:
    return [naming.fill(name) if isinstance(name, str) else name for name in names]


def _filled(naming: Naming, odd: Oddities) -> Oddities:
    filled: dict[str, Any] = dict(odd)
    if isinstance(filled.get("common_name"), str):
        filled["common_name"] = naming.fill(filled["common_name"])
    for several in ("common_name", "ips", "permitted", "excluded"):
        if isinstance(filled.get(several), (tuple, list)):
            filled[several] = tuple(naming.fill(text) for text in filled[several])
    return cast("Oddities", filled)


GOOD = named("mx.@")
PLAIN = Script()


@dataclass(frozen=True, kw_only=True)
class Host:
    """What answers at one address.

    leaf: None has no certificate. tls: fields of tests.kit.script.Tls; also, and the values of sni, are makers, and
    chain is a function of the leaf. version: of IP. listens: False refuses connections. address: instead of a new one.
    """

    leaf: Maker | None = GOOD
    script: Script = PLAIN
    tls: Mapping[str, Any] = field(default_factory=dict)
    version: int = 4
    port: int = 25
    listens: bool = True
    address: str = ""


@dataclass(frozen=True)
class Case:
    """One delivery; see the module.

    policy: the value at the nexthop's key, None for no entry; table: the whole map instead, in order.
    leaf, script, tls: of host `mx`; hosts: instead of it. dns: records below the mail domain, "test: …" below
    <name>.test instead; each host gets its address record unless a record names it. tlsa: "[owner] usage selector
    matching [leaf|ca|root|other|hex]". signed: the domain lies in a signed zone; own: in a zone of its own, which
    `tweak` may spoil. domain: instead of <name>.example (then in a zone of its own, if `own`).
    nexthop: as a transport map says it; rcpt: the recipient's domain, where it is not the nexthop.
    files: by name; private: root alone may read them. releases: those that the case is about, by their beginning.
    open: why predict is known to differ; the case is counted apart, and fails once it agrees.
    """

    name: str
    shows: str
    policy: Text | None = None
    _: None = field(default=None, kw_only=True)
    leaf: Maker | None = field(default=GOOD, kw_only=True)
    script: Script = field(default=PLAIN, kw_only=True)
    tls: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    hosts: Mapping[str, Host] = field(default_factory=dict, kw_only=True)
    dns: tuple[str, ...] = field(default=("@ MX 10 mx",), kw_only=True)
    tlsa: tuple[str, ...] = field(default=(), kw_only=True)
    signed: bool = field(default=False, kw_only=True)
    own: bool = field(default=False, kw_only=True)
    tweak: Callable[[Zone], object] | None = field(default=None, kw_only=True)
    domain: str = field(default="", kw_only=True)
    nexthop: str = field(default="@", kw_only=True)
    rcpt: str = field(default="", kw_only=True)
    table: tuple[tuple[str, Text], ...] | None = field(default=None, kw_only=True)
    main_cf: Mapping[str, Text] = field(default_factory=dict, kw_only=True)
    files: Mapping[str, Text] = field(default_factory=dict, kw_only=True)
    private: bool = field(default=False, kw_only=True)
    chroot: bool = field(default=False, kw_only=True)
    age: int = field(default=0, kw_only=True)
    headers: tuple[str, ...] = field(default=(), kw_only=True)
    releases: tuple[str, ...] = field(default=("3.7", "3.10"), kw_only=True)
    open: str = field(default="", kw_only=True)

    @property
    def mail_domain(self) -> str:
        """The name at which its records are."""
        return self.domain or f"{self.name}.{'test' if self.signed else 'example'}"

    @property
    def all_hosts(self) -> Mapping[str, Host]:
        """Every host by its label."""
        return self.hosts or {"mx": Host(leaf=self.leaf, script=self.script, tls=self.tls)}

    @property
    def lies_in_queue(self) -> bool:
        """Whether a file of it is in the queue directory, so that its path must be told."""
        return any(name.startswith(QUEUE) for name in self.files)

    def is_about(self, release: str) -> bool:
        """Whether it is run with *release*."""
        return any(release.startswith(f"{one}.") for one in self.releases)
