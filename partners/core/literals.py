"""Ports and addresses as a next-hop writes them.

Source: host_port.c, valid_mailhost_addr.c in src/util and src/global.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from partners.core.errors import NameRefused
from partners.core.wording import _, fill, shown

__all__ = ["IPV6_TAG", "PORT_MAX", "PORT_NAMES", "SMTP_PORT", "address_of", "port_of"]

SMTP_PORT = 25
PORT_MAX = 65535
PORT_NAMES = {"smtp": 25, "smtps": 465, "submissions": 465, "urd": 465, "submission": 587}  # /etc/services
IPV6_TAG = "ipv6:"  # RFC 5321 section 4.1.3; Postfix's own key has it too


def port_of(text: str, subject: str) -> int:
    """Return the number of a port or service. Errors: NameRefused in the name of *subject*."""
    if text in PORT_NAMES:
        return PORT_NAMES[text]
    if not re.fullmatch(r"0*[1-9][0-9]{0,4}", text, re.ASCII) or int(text) > PORT_MAX:
        cause = fill(_("{text} is no port"), text=shown(text, 20) or fill(_("nothing")))
        raise NameRefused(subject, cause, _("give a number from 1 to 65535"))
    return int(text)


@lru_cache(maxsize=4096)
def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that *text* is, with or without "ipv6:"; None for a name, and for one with a zone."""
    bare = text.removeprefix(IPV6_TAG)
    if "%" in bare:
        return None
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return None if bare != text and isinstance(address, IPv4Address) else address
