"""main.cf, with the releases and the chroot column, as RelaySettings: one smtp transport of one relay.

The fields of RelaySettings are the parameters that count, read by their types; every other one is ignored. What the
files hold comes through a reader, as core opens none.
Source: postconf(5); src/global/mail_conf_*.c; smtp_params.c and global_tls_level() in src/smtp.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any, Protocol, get_args, get_origin, get_type_hints

from OpenSSL import crypto

from partners.core.engine import is_loadable_ca_file, is_loadable_pair
from partners.core.errors import SettingsRefused
from partners.core.expansion import expand
from partners.core.grammar import parse_value
from partners.core.levels import SecurityLevel
from partners.core.names import shown
from partners.core.pem import read_pem
from partners.core.relay import OpensslRelease, PostfixRelease, RelaySettings

__all__ = ["FRESH_INSTALL", "NOT_SET", "Files", "MainCf", "client_certificates", "relay_settings", "unheeded"]

# What a new installation's main.cf says; without the line, compatibility_level is 0 (see NOT_SET).
FRESH_INSTALL = "3.6"
NOT_SET = "0"
TA_FILES_MAX = 200

_DEFAULTS = {
    "config_directory": "/etc/postfix",
    "queue_directory": "/var/spool/postfix",
    "data_directory": "/var/lib/postfix",
    "default_database_type": "hash",
    "mail_owner": "postfix",
    "myhostname": "",
    "mydomain": "localdomain",
    "relayhost": "",
    "fallback_relay": "",
    "smtp_fallback_relay": "$fallback_relay",
    "smtp_use_tls": "no",
    "smtp_enforce_tls": "no",
    "smtp_tls_enforce_peername": "yes",
    "smtp_tls_fingerprint_digest": "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}",
    "tls_append_default_CA": "no",
}
_SSL3_OUT = "!SSLv2, !SSLv3"  # before release 3.6
_BOOLEANS = {"yes": True, "no": False}
_LIST = re.compile(r"[,\s]+")
_TIME = re.compile(r"(\d+)([smhdw]?)", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_HASHED = re.compile(r"([0-9a-f]{8})\.(\d+)", re.ASCII)
_FAMILIES = frozenset({"ipv4", "ipv6"})
# Parameters of the handshake, of OpenSSL and of the dialogue that no field stands for, with their defaults.
_UNHEEDED = {
    "smtp_delivery_status_filter": "",
    "smtp_discard_ehlo_keyword_address_maps": "",
    "smtp_dns_reply_filter": "",
    "smtp_reply_filter": "",
    "smtp_tls_force_insecure_host_tlsa_lookup": "no",
    "smtp_tls_per_site": "",
    "tls_config_file": "default",
    "tls_config_name": "",
    "tls_eecdh_auto_curves": "X25519 X448 prime256v1 secp521r1 secp384r1",
    "tls_ffdhe_auto_groups": "ffdhe2048 ffdhe3072",
}
_OPENSSL_DEFAULTS = ("/usr/lib/ssl/cert.pem", "/usr/lib/ssl/certs")  # Debian's OPENSSLDIR
_NOT_PARAMETERS = {"postfix", "openssl", "ca_pem", "ta_files", "ca_is_known", "tls_engine_failure", "chroot"}
_NOT_PARAMETERS |= {"foreign_sources", "extra"}


class Files(Protocol):
    """The relay's files, as its smtp(8) would find them; the caller bounds sizes."""

    def read(self, path: str, *, reader: str = "", within: str = "") -> bytes | None:
        """Return the contents of *path*, None where it cannot be read.

        reader: the user who opens it, "" for root; the place and the permissions are that machine's.
        within: the directory in which that user is already, as its root or as where relative paths begin.
        """

    def names(self, path: str) -> list[str]:
        """Return the names in the directory *path*, [] where it cannot be read."""


@dataclass(frozen=True, slots=True)
class MainCf:
    """The parameters that are set, and the release whose defaults stand for the others.

    compatibility_level: what counts where it is not set: NOT_SET for the whole main.cf of a relay, FRESH_INSTALL for
    a few parameters that somebody wrote down. machine: values of one machine's "postconf -x" that stand for built-in
    defaults; not for those that depend on another parameter, which master.cf may set anew.
    """

    given: Mapping[str, str]
    release: PostfixRelease
    compatibility_level: str = FRESH_INSTALL
    machine: Mapping[str, str] = field(default_factory=dict)
    _expanded: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def value(self, name: str) -> str:
        """Return *name* with all $names expanded. Errors: SettingsRefused."""
        if name not in self._expanded:
            self._expanded[name] = expand(self.raw(name), self.raw).strip()
        return self._expanded[name]

    def raw(self, name: str) -> str:
        """Return *name* as written, or the built-in default; "" for what is not known."""
        if name in self.given:
            return self.given[name]
        by_release = self._defaults_of_release()
        if name in by_release:
            return by_release[name]
        if name in self.machine and name not in _DEPENDENT:
            return self.machine[name]
        return _DEFAULTS.get(name, _TEXTS.get(name, ""))

    def is_set(self, name: str) -> bool:
        """Whether main.cf has a line for *name*."""
        return name in self.given

    def is_known(self, name: str) -> bool:
        """Whether the value of *name* is more than the default of RelaySettings."""
        return name in self.given or name in _COMPUTED or (name in self.machine and name not in _DEPENDENT)

    def switch(self, name: str) -> bool:
        """Return a parameter that says yes or no."""
        return bool(_switch(name, self.value(name)))

    def number(self, name: str) -> int:
        """Return a parameter that is a number, or a time in seconds; 0 where it is not set."""
        return _number(name, self.value(name)) if self.is_set(name) else 0

    def _defaults_of_release(self) -> dict[str, str]:
        """Return the defaults that changed over time; 3.11's level is "may" (RELEASE_NOTES-3.6, RELEASE_NOTES-3.11)."""
        found = {"compatibility_level": self.compatibility_level, "mail_version": str(self.release)}
        if self.release < PostfixRelease(3, 6):
            found |= {"smtp_tls_protocols": _SSL3_OUT, "smtp_tls_mandatory_protocols": _SSL3_OUT}
            found |= {"smtp_tls_fingerprint_digest": "md5"}
        if self.release >= PostfixRelease(3, 11):
            found |= {"smtp_tls_security_level": "${{$compatibility_level} <level {3.11} ? {} : {may}}"}
        return found


def relay_settings(
    main_cf: MainCf, *, openssl: OpensslRelease, chroot: bool, files: Files, policies: tuple[str, ...] = ()
) -> RelaySettings:
    """Return what of *main_cf* changes the outcome of a delivery.

    policies: right-hand sides whose tafiles are read as well. Errors: SettingsRefused names the parameter that
    Postfix could not use either.
    """
    changes: dict[str, Any] = {"postfix": main_cf.release, "openssl": openssl, "chroot": chroot, "ca_is_known": True}
    for name, read in _READERS.items():
        if main_cf.is_known(name):
            changes[name] = read(name, main_cf.value(name))
    changes["smtp_tls_security_level"] = _level(main_cf)
    changes["compatibility_level"] = main_cf.value("compatibility_level")
    settings = RelaySettings(**changes)
    queue = main_cf.value("queue_directory")
    settings = settings.with_(
        ca_pem=_ca_pem(main_cf, settings, queue, files), tls_engine_failure=_engine_failure(main_cf, queue, files)
    )
    parsed = [parse_value(policy, main_cf.release) for policy in policies]
    paths = dict.fromkeys((*settings.smtp_tls_trust_anchor_file, *(path for one in parsed for path in one.tafile)))
    if len(paths) > TA_FILES_MAX:
        raise SettingsRefused("tafile", f"more than {TA_FILES_MAX} files are named")
    owner = main_cf.value("mail_owner")
    read_files = tuple((path, _opened(path, queue, files, owner, chroot=chroot)) for path in paths)
    return settings.with_(ta_files=read_files)


def unheeded(main_cf: MainCf, *, has_policy: bool) -> str:
    """Return a parameter that could change the outcome and is not followed, with its value; "" for none.

    has_policy: whether smtp_tls_policy_maps names a table, beside which smtp_tls_per_site is ignored.
    """
    for name, default in _UNHEEDED.items():
        if name == "smtp_tls_per_site" and has_policy:
            continue
        if main_cf.is_set(name) and (value := main_cf.value(name)) != default:
            return f"{name} = {value} is not followed"
    digest = main_cf.value("smtp_tls_fingerprint_digest").lower()
    if digest.startswith("shake"):  # a digest without a length of its own: releases differ over whether it is one
        return f"smtp_tls_fingerprint_digest = {digest} is not followed"
    return ""


def _level(main_cf: MainCf) -> SecurityLevel:
    """global_tls_level(): the newer parameter, else the three older ones."""
    text = main_cf.value("smtp_tls_security_level")
    if not text:
        if main_cf.switch("smtp_enforce_tls"):
            return SecurityLevel.VERIFY if main_cf.switch("smtp_tls_enforce_peername") else SecurityLevel.ENCRYPT
        return SecurityLevel.MAY if main_cf.switch("smtp_use_tls") else SecurityLevel.NONE
    level = next((level for level in SecurityLevel if level.value == text.lower()), None)
    if level is None:
        raise SettingsRefused("smtp_tls_security_level", f"Postfix knows no level {shown(text)}", "correct main.cf")
    return level


def _opened(path: str, queue: str, files: Files, owner: str, *, chroot: bool) -> bytes | None:
    """Return what smtp(8) reads of a file that it opens after it has left root and, maybe, gone into its chroot."""
    is_within = chroot or not path.startswith("/")
    return files.read(_ta_path(path, queue, chroot=chroot), reader=owner, within=queue if is_within else "")


def _ta_path(path: str, queue: str, *, chroot: bool) -> str:
    """Return where smtp(8) finds a trust anchor file: relative to the queue directory, its root in a chroot."""
    return posixpath.join(queue, path.lstrip("/") if chroot else path)


def _ca_pem(main_cf: MainCf, settings: RelaySettings, queue: str, files: Files) -> bytes:
    """Return the certificates of CAfile, read before the chroot, and of CApath, searched within it."""
    found: list[bytes] = []
    owner = main_cf.value("mail_owner")
    if settings.smtp_tls_CAfile:
        found.append(files.read(posixpath.join(queue, settings.smtp_tls_CAfile)) or b"")
    if settings.smtp_tls_CApath:
        found += _hashed(settings.smtp_tls_CApath, queue, files, owner, chroot=settings.chroot)
    if found and main_cf.switch("tls_append_default_CA"):
        found.append(files.read(_OPENSSL_DEFAULTS[0]) or b"")
        found += _hashed(_OPENSSL_DEFAULTS[1], queue, files, owner, chroot=settings.chroot)
    return b"\n".join(part for part in found if part)


def _engine_failure(main_cf: MainCf, queue: str, files: Files) -> str:
    """Return why smtp(8) will run without TLS: a CAfile or a client certificate that it cannot load."""
    ca_file = main_cf.value("smtp_tls_CAfile")
    if ca_file and not is_loadable_ca_file(files.read(posixpath.join(queue, ca_file)) or b""):
        return f"smtp_tls_CAfile {shown(ca_file)} cannot be loaded"
    if chains := main_cf.value("smtp_tls_chain_files"):
        return next((fault for path in _words("", chains) if (fault := _chain_fault(path, queue, files))), "")
    for name, certificate, key in _client_files(main_cf, queue):
        content, key_content = files.read(certificate), files.read(key)
        if content is None:
            return f"{name} {shown(certificate)} cannot be read"
        if not is_loadable_pair(content, key_content or b""):
            return f"{name} {shown(certificate)} and its private key {shown(key)} cannot be used"
    return ""


def client_certificates(main_cf: MainCf) -> tuple[tuple[str, str], ...]:
    """Return the paths of certificate and key that smtp(8) shows to a peer that asks; files that are read together."""
    queue = main_cf.value("queue_directory")
    if chains := main_cf.value("smtp_tls_chain_files"):
        paths = [posixpath.join(queue, path) for path in _words("", chains)]
        return tuple((path, path) for path in paths)
    return tuple((certificate, key) for _name, certificate, key in _client_files(main_cf, queue))


def _client_files(main_cf: MainCf, queue: str) -> list[tuple[str, str, str]]:
    """Return parameter, certificate and key; the key is in the same file where no parameter names it."""
    found = []
    for name in ("smtp_tls_cert_file", "smtp_tls_eccert_file", "smtp_tls_dcert_file"):
        if path := main_cf.value(name):
            key = main_cf.value(name.replace("cert", "key")) or path
            found.append((name, posixpath.join(queue, path), posixpath.join(queue, key)))
    return found


def _chain_fault(path: str, queue: str, files: Files) -> str:
    """Return why one of smtp_tls_chain_files disables TLS: each chain in it begins with its key.

    One that is not there is only complained of.
    """
    content = files.read(posixpath.join(queue, path))
    if content is None:
        return ""
    read = read_pem(content)
    is_key_first = bool(read.objects) and read.objects[0].label.endswith(b"PRIVATE KEY")
    if read.is_sound and is_key_first and is_loadable_pair(content, content):
        return ""
    return f"smtp_tls_chain_files {shown(path)} cannot be loaded"


def _hashed(path: str, queue: str, files: Files, owner: str, *, chroot: bool) -> list[bytes]:
    """Return the certificates of a directory made by "openssl rehash" that OpenSSL would find there.

    It asks for <hash of the name>.0, .1 … and stops at the first gap; a file under another name is never seen.
    """
    numbers: dict[str, set[int]] = {}
    for name in files.names(_ta_path(path, queue, chroot=chroot)):
        if hashed := _HASHED.fullmatch(name):
            numbers.setdefault(hashed[1], set()).add(int(hashed[2]))
    found = []
    for digest, present in sorted(numbers.items()):
        number = 0
        while number in present:
            content = _opened(posixpath.join(path, f"{digest}.{number}"), queue, files, owner, chroot=chroot)
            if content is not None and _name_hash(content) == digest:
                found.append(content)
            number += 1
    return found


def _name_hash(pem: bytes) -> str:
    try:
        return f"{crypto.load_certificate(crypto.FILETYPE_PEM, pem).subject_name_hash():08x}"
    except crypto.Error:
        return ""


def _switch(name: str, text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise SettingsRefused(name, f"{shown(text)!r} is neither yes nor no", "correct main.cf")
    return _BOOLEANS[text.lower()]


def _number(name: str, text: str) -> int:
    """Read a number, or a time with its unit; without one, seconds (all times among the fields are in seconds, save
    maximal_queue_lifetime, whose unit is days).
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise SettingsRefused(name, f"{shown(text)!r} is neither a number nor a time", "correct main.cf")
    unit = found[2] or ("d" if name == "maximal_queue_lifetime" else "s")
    return int(found[1]) * (_UNITS[unit])


def _text(_name: str, text: str) -> str:
    return text


def _maybe_text(_name: str, text: str) -> str | None:
    return text or None


def _words(_name: str, text: str) -> tuple[str, ...]:
    return tuple(word for word in _LIST.split(text) if word)


def _families(name: str, text: str) -> frozenset[str]:
    words = frozenset(word.lower() for word in _words(name, text))
    if not words <= _FAMILIES | {"all"} or not words:
        raise SettingsRefused(name, f"{shown(text)!r} is not made of all, ipv4 and ipv6", "correct main.cf")
    return _FAMILIES if "all" in words else words


def _reader(hint: Any) -> Callable[[str, str], Any]:
    kinds: dict[Any, Callable[[str, str], Any]] = {
        bool: _switch,
        int: _number,
        str: _text,
        SecurityLevel: _text,
    }
    if hint in kinds:
        return kinds[hint]
    if get_origin(hint) is tuple:
        return _words
    if get_origin(hint) is frozenset:
        return _families
    if NoneType in get_args(hint):
        return _maybe_text
    raise TypeError(f"no reader for parameters of type {hint}")


def _default_text(value: object) -> str:
    """Return a default of RelaySettings as postconf would print it, for $name in other values."""
    match value:
        case bool():
            return "yes" if value else "no"
        case tuple() | frozenset():
            return ", ".join(sorted(value) if isinstance(value, frozenset) else value)
        case SecurityLevel():
            return ""
        case None:
            return ""
    return str(value)


_HINTS = get_type_hints(RelaySettings)
_READERS = {name: _reader(hint) for name, hint in _HINTS.items() if name not in _NOT_PARAMETERS}
del _READERS["smtp_tls_security_level"]
_TEXTS = {one.name: _default_text(one.default) for one in fields(RelaySettings)}
# Their default depends on the release or on another parameter.
_COMPUTED = {"smtp_tls_protocols", "smtp_tls_mandatory_protocols", "smtp_tls_fingerprint_digest"}
# Their default reads another parameter.
_DEPENDENT = {"smtp_tls_fingerprint_digest", "smtp_tls_dane_insecure_mx_policy", "smtp_tls_security_level"}
