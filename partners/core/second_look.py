"""The second look: which certificate a server keeps for clients that take another kind of key.

A server may hold an RSA and an ECDSA certificate and shows one of them, by what the client offers. What Postfix does
rests on the one that it is shown. Where a fingerprint is compared, the other one is worth knowing: it is what a relay
with other settings, or the same relay after an update on either side, would be shown.

The second look offers TLS 1.2 and the ciphers of the other kind of key alone, for a cipher of TLS 1.3 does not say
which key signs. A server that speaks nothing but TLS 1.3 keeps its second certificate to itself.
"""

from typing import Final

from partners.core.certificates import certificate_facts
from partners.core.errors import CertificateRefused
from partners.core.observation import PeerFacts, TlsProfile

__all__ = ["ECDSA", "RSA", "kind_of_key", "kind_of_leaf", "other_leaf", "second_look"]

RSA: Final = "rsa"
ECDSA: Final = "ecdsa"  # Ed25519 and Ed448 are signed for by the same ciphers
_OTHER: Final = {RSA: ECDSA, ECDSA: RSA}


def second_look(wanted: TlsProfile, shown: str) -> TlsProfile | None:
    """Return the client side that asks for the other kind of key than *shown*, None where that has no other.

    wanted: the client side of the first look; the server name that it asks for counts, its ciphers do not.
    """
    other = _OTHER.get(shown)
    if other is None:
        return None
    return TlsProfile(servername=wanted.servername, wrapper=wanted.wrapper, leaf_key=other)


def kind_of_key(key_type: str) -> str:
    """Return RSA or ECDSA for the type of a key, "" for any other."""
    kind = key_type.upper()
    if kind.startswith("RSA"):
        return RSA
    return ECDSA if kind.startswith(("EC", "ED")) else ""


def kind_of_leaf(der: bytes) -> str:
    """Return RSA or ECDSA, "" where the key of *der* is neither or cannot be read."""
    try:
        return kind_of_key(certificate_facts(der).key_type)
    except CertificateRefused:
        return ""


def other_leaf(second: PeerFacts) -> bytes | None:
    """Return the certificate that a second look saw, None where the server has none of the kind it asked for."""
    chain = second.tls.chain if second.tls else ()
    if not second.profile.leaf_key or not chain:
        return None
    return chain[0] if kind_of_leaf(chain[0]) == second.profile.leaf_key else None
