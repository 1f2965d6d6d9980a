"""The error tree: what a caller may have done wrong, never a fact about the world.

PortalError                   every error carries subject, cause, cure and whether it is permanent
├── RefusedInput              a text or file from outside cannot be taken as it is
│   ├── NameRefused           nexthop, host name or match name
│   ├── EntryRefused          a policy entry that Postfix would refuse or misread
│   ├── MapRefused            a whole policy table
│   ├── CertificateRefused    an upload that holds no usable certificate
│   │   └── PrivateKeyRefused the upload holds a private key; nothing of it was kept
│   └── SettingsRefused       main.cf, postconf output or portal settings
├── ActionRefused             the rules forbid the act
│   ├── NotAllowed            this person may not do this at all
│   ├── SamePersonRefused     a second person is needed, and this is the first one
│   ├── GuardRefused          the candidate would stop or weaken mail, or facts are missing
│   └── StaleRefused          the row changed since it was read; nothing was written
└── TemporaryFault            try again later: DNS, network, broker (permanent is False)
"""

from partners.core.wording import Filled, Translate, _, fill, told

__all__ = [
    "ActionRefused",
    "CertificateRefused",
    "EntryRefused",
    "GuardRefused",
    "MapRefused",
    "NameRefused",
    "NotAllowed",
    "PortalError",
    "PrivateKeyRefused",
    "RefusedInput",
    "SamePersonRefused",
    "SettingsRefused",
    "StaleRefused",
    "TemporaryFault",
]


class PortalError(Exception):
    """An error that names its subject, the cause and the cure.

    subject: what it is about ("nexthop example.com"); cause: what is wrong; cure: what to do, may be empty.
    Each is English, or was told in the reader's language where it was raised; told_in() tells the English ones.
    """

    permanent = True

    def __init__(self, subject: str, cause: str, cure: str = "") -> None:
        super().__init__(subject, cause, cure)
        self.subject = subject
        self.cause = cause
        self.cure = cure

    @property
    def sentence(self) -> Filled:
        """All three in one, still to be translated."""
        parts = {"subject": _whole(self.subject), "cause": _whole(self.cause), "cure": _whole(self.cure)}
        return fill(_("{subject}: {cause}; {cure}") if self.cure else _("{subject}: {cause}"), **parts)

    def told_in(self, translate: Translate) -> str:
        """Return the sentence in the language of *translate*, gettext for one."""
        return told(self.sentence, translate)

    def __str__(self) -> str:
        return str(self.sentence)


def _whole(text: str) -> Filled:
    """Return *text* as one that told() looks up, whether or not it has parts."""
    return text if isinstance(text, Filled) else Filled(text)


class RefusedInput(PortalError):
    """A text or file from outside that cannot be taken as it is."""


class NameRefused(RefusedInput):
    """A nexthop, a host name or a name for match= that Postfix could not use."""


class EntryRefused(RefusedInput):
    """A policy entry that Postfix would refuse or misread."""


class MapRefused(RefusedInput):
    """A policy table that cannot be used as a whole."""


class CertificateRefused(RefusedInput):
    """An upload without a usable certificate."""


class PrivateKeyRefused(CertificateRefused):
    """An upload that holds a private key; nothing of it was kept."""


class SettingsRefused(RefusedInput):
    """A main.cf parameter, a postconf output or a setting of the portal that cannot be used."""


class ActionRefused(PortalError):
    """An act that the rules forbid."""


class NotAllowed(ActionRefused):
    """An act that is not this person's."""


class SamePersonRefused(ActionRefused):
    """An act that needs a second person, tried by the first one."""


class GuardRefused(ActionRefused):
    """A candidate that would stop or weaken mail, or whose facts are missing or old."""


class StaleRefused(ActionRefused):
    """An act on a row that has changed since it was read."""


class TemporaryFault(PortalError):
    """A fault that passes by itself."""

    permanent = False
