"""The header "TLS-Required: no" (RFC 8689), with which a sender waives what the relay demands (Postfix 3.10 and later).

Source: cleanup_header_callback() in src/cleanup/cleanup_message.c; policy_create() in src/smtp/smtp_tls_policy.c.
"""

import re
from collections.abc import Iterable

from partners.core.levels import SecurityLevel
from partners.core.relay import PostfixRelease, RelaySettings

__all__ = ["is_waived", "waived_settings"]

_SINCE = PostfixRelease(3, 10)
_HEADER = re.compile(r"tls-required[ \t]*:\s*no", re.IGNORECASE | re.ASCII)


def is_waived(headers: Iterable[str], relay: RelaySettings) -> bool:
    """Whether one of the message's *headers* ("Name: value", folded or not) makes *relay* skip the policy lookup."""
    if not relay.tls_required_enable or relay.postfix < _SINCE:
        return False
    return any(_HEADER.fullmatch(header.removesuffix("\n").removesuffix("\r")) for header in headers)


def waived_settings(relay: RelaySettings) -> RelaySettings:
    """Return *relay* as it treats such a message: no entry applies, and main.cf's level is may at most."""
    if relay.smtp_tls_security_level.requires_tls:
        return relay.with_(smtp_tls_security_level=SecurityLevel.MAY)
    return relay
