"""One SSLContext per TLS profile; no CA is ever loaded, and nothing is verified here: that is judge's opinion.

The profile speaks postconf(5); this file is where it becomes OpenSSL's. Source: tls_protocol_mask(),
tls_set_ciphers() in src/tls/tls_misc.c.
"""

import re
import ssl
import warnings
from collections import OrderedDict

from partners.core.errors import SettingsRefused
from partners.core.observation import PERMISSIVE, TlsProfile
from partners.core.second_look import ECDSA, RSA
from partners.probe.handshake import note_requests

__all__ = ["Contexts", "allowed_protocols"]

CONTEXTS_MAX = 128

_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_SWITCHES = (ssl.OP_NO_TLSv1, ssl.OP_NO_TLSv1_1, ssl.OP_NO_TLSv1_2, ssl.OP_NO_TLSv1_3)
_HEX = {0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
_OLD = {"sslv2", "sslv3"}  # known to Postfix, unknown to OpenSSL 3
# tls_high_cipherlist and its kin; "low" and "export" are "medium" where OpenSSL 3 has nothing weaker.
_GRADES = {
    "": "ALL:+aNULL",
    "export": "HIGH:MEDIUM:+aNULL",
    "low": "HIGH:MEDIUM:+aNULL",
    "medium": "HIGH:MEDIUM:+aNULL",
    "high": "HIGH:+aNULL",
    "null": "eNULL:!aNULL",
}
# Whose key signs the handshake; these words alone would let ciphers in that encrypt nothing.
_LEAF_KEYS = {RSA: "aRSA:!eNULL", ECDSA: "aECDSA:!eNULL"}
_SEPARATORS = re.compile(r"[\s,:]+")
_WORD = re.compile(r"(?![!+@-])[^\s\0]+")  # as Postfix hands it on; for OpenSSL ";" separates too


_Pairs = tuple[tuple[str, str], ...]


class Contexts:
    """Makes and keeps the contexts of one engine.

    certificate, key: paths of PEM files that a peer may ask for; "" for none.
    Errors: SettingsRefused where they cannot be loaded.
    """

    def __init__(self, certificate: str = "", key: str = "") -> None:
        self._certificate, self._key = certificate, key
        self._made: OrderedDict[tuple[TlsProfile, _Pairs], ssl.SSLContext] = OrderedDict()
        self.of(PERMISSIVE)

    def of(self, profile: TlsProfile, certificates: _Pairs = ()) -> ssl.SSLContext:
        """Return the context of *profile*. Errors: ValueError for a profile that Postfix could not use either.

        certificates: paths of certificate and key, instead of the engine's own.
        """
        asked = (profile, certificates)
        if asked not in self._made:
            self._made[asked] = self._make(profile, certificates)
            if len(self._made) > CONTEXTS_MAX:
                self._made.popitem(last=False)
        return self._made[asked]

    def _make(self, profile: TlsProfile, certificates: _Pairs) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never create_default_context: it judges
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers(_cipher_list(profile))
        allowed = allowed_protocols(profile.protocols)
        if profile.leaf_key:
            allowed -= {"TLSv1.3"}  # whose ciphers do not say which key signs, and ssl cannot set who may
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old peers are what a probe is for
            context.minimum_version = ssl.TLSVersion.TLSv1
            for version, switch in zip(_VERSIONS, _SWITCHES, strict=True):
                if version not in allowed:
                    context.options |= switch
        note_requests(context)
        for certificate, key in certificates:
            _load(context, certificate, key, f"client certificate {certificate}")
        if self._certificate and not certificates:
            _load(context, self._certificate, self._key, f"TLSPORTAL_PROBE_CLIENT_CERT {self._certificate}")
        return context


def _load(context: ssl.SSLContext, certificate: str, key: str, subject: str) -> None:
    try:
        context.load_cert_chain(certificate, key or None, password=_no_password)
    except (OSError, ValueError) as cause:
        cure = "name PEM files that the worker may read, the key without a password"
        raise SettingsRefused(subject, f"it cannot be used: {cause}", cure) from cause


def allowed_protocols(text: str) -> frozenset[str]:
    """Return the versions that a list of smtp_tls_protocols leaves, "" = all. Errors: ValueError.

    Shape: names to allow (the rest is excluded), "!name" to exclude, ">=" and "<=" with a name or a hex number.
    """
    named: set[str] = set()
    excluded: set[str] = set()
    for word in filter(None, _SEPARATORS.split(text)):
        if word.startswith((">=", "<=")):
            number = _rank(word[2:])
            excluded |= {
                version
                for rank, version in enumerate(_VERSIONS)
                if (rank < number if word.startswith(">=") else rank > number)
            }
        elif word.startswith("!"):
            excluded |= {version for rank, version in enumerate(_VERSIONS) if rank == _rank(word[1:])}
        else:
            rank = _rank(word)
            named.add(_VERSIONS[rank] if 0 <= rank < len(_VERSIONS) else word)
    allowed = frozenset(version for version in _VERSIONS if version not in excluded and (not named or version in named))
    if not allowed:
        raise ValueError(f"protocols {text!r} leave no version of TLS")
    return allowed


def _rank(word: str) -> int:
    """Return the place of a version among _VERSIONS; -1 for older ones, such as SSLv3, one more for what is to come."""
    if word.lower().startswith("0x"):
        number = int(word, 16)
        if number in _HEX:
            return _VERSIONS.index(_HEX[number])
        return -1 if number < min(_HEX) else len(_VERSIONS)
    lowered = word.lower()
    if lowered in _OLD:
        return -1
    for rank, version in enumerate(_VERSIONS):
        if lowered == version.lower():
            return rank
    raise ValueError(f"{word!r} is no protocol")


def _cipher_list(profile: TlsProfile) -> str:
    """Return OpenSSL's cipher list: grade, then what is excluded, then the security level."""
    if profile.leaf_key:
        if profile.leaf_key not in _LEAF_KEYS:
            raise ValueError(f"{profile.leaf_key!r} is no kind of key")
        return f"{_LEAF_KEYS[profile.leaf_key]}:@SECLEVEL=0"
    grade = profile.ciphers.lower()
    is_list = grade.startswith("=")  # tls_high_cipherlist or tls_medium_cipherlist as main.cf has it
    if not is_list and grade not in _GRADES:
        raise ValueError(f"{profile.ciphers!r} is no cipher grade")
    parts = [profile.ciphers[1:] if is_list else _GRADES[grade]]
    if profile.anonymous and not is_list and "!aNULL" not in parts[0]:
        parts = ["aNULL:-aNULL", parts[0].replace(":+aNULL", ""), "@STRENGTH"]
    for word in filter(None, _SEPARATORS.split(profile.exclude)):
        if not _WORD.fullmatch(word):
            raise ValueError(f"{word!r} is no cipher to exclude")
        parts.append(f"!{word}")
    if profile.strict:
        parts.append("!aNULL")
    return ":".join([*parts, f"@SECLEVEL={int(profile.strict)}"])


def _no_password() -> str:
    """Answer OpenSSL's question, which it would else put to the terminal."""
    return ""
