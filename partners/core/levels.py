"""The eight security levels of the policy table and what each demands of the peer."""

from enum import Enum

from partners.core.wording import _

__all__ = ["LEVELS", "Protection", "SecurityLevel"]


class SecurityLevel(Enum):
    """A TLS security level as Postfix writes it.

    Source: postconf(5) smtp_tls_security_level; order of src/tls/tls.h (TLS_LEV_*). half-dane is output only.
    """

    NONE = "none"
    MAY = "may"
    ENCRYPT = "encrypt"
    FINGERPRINT = "fingerprint"
    DANE = "dane"
    DANE_ONLY = "dane-only"
    VERIFY = "verify"
    SECURE = "secure"

    @property
    def rank(self) -> int:
        """Position in the order of src/tls/tls.h, weakest first."""
        return _RANK[self]

    @property
    def requires_tls(self) -> bool:
        """Whether plaintext is never sent: encrypt and above (dane only where usable TLSA records exist)."""
        return self.rank >= SecurityLevel.ENCRYPT.rank

    @property
    def must_match(self) -> bool:
        """Whether the peer's certificate must match (TLS_MUST_MATCH, above encrypt)."""
        return self.rank > SecurityLevel.ENCRYPT.rank

    @property
    def takes_match(self) -> bool:
        """Whether the attribute match= is allowed."""
        return self in {SecurityLevel.FINGERPRINT, SecurityLevel.VERIFY, SecurityLevel.SECURE}

    @property
    def takes_tafile(self) -> bool:
        """Whether the attribute tafile= is allowed."""
        return self in {SecurityLevel.VERIFY, SecurityLevel.SECURE}


LEVELS = tuple(SecurityLevel)
_RANK = {level: rank for rank, level in enumerate(SecurityLevel)}


class Protection(Enum):
    """What is promised for a channel, or given by an entry under facts.

    Order: none < encrypted < authenticated; the three kinds of authentication do not replace each other.
    """

    NONE = "none"
    ENCRYPTED = "encrypted"
    CA_NAME = "ca-and-name"
    PIN = "pin"
    DANE = "dane"

    @property
    def strength(self) -> int:
        """0 none, 1 encrypted, 2 authenticated (by whatever means)."""
        return {Protection.NONE: 0, Protection.ENCRYPTED: 1}.get(self, 2)

    @property
    def word(self) -> str:
        """What people call it: a message id."""
        return _WORDS[self]


_WORDS = {
    Protection.NONE: _("no protection"),
    Protection.ENCRYPTED: _("encrypted"),
    Protection.CA_NAME: _("CA and name"),
    Protection.PIN: _("pinned key"),
    Protection.DANE: _("DANE"),
}
