"""What of a described relay changes its sessions beside its TLS: patience, line_length_limit, client certificates; and
what of this machine does: whether it has the addresses that connections are to come from.
"""

import socket
from collections.abc import Iterable

from partners.core.main_cf import MainCf, client_certificates
from partners.core.policy_maps import Broken, PolicySource, Unreadable, read_sources
from partners.core.relay import RelaySettings
from partners.management.jsonl.relay_files import RelayFiles
from partners.probe.manner import Manner
from partners.probe.reply import LINE_LIMIT

__all__ = ["credentials", "foreign_sources", "has_credentials", "manner_of"]

_MAP = "smtp_sasl_password_maps"


def manner_of(main_cf: MainCf, relay: RelaySettings, files: RelayFiles) -> Manner:
    """Return how smtp(8) of this relay behaves in a session. Errors: SettingsRefused."""
    pairs = () if relay.tls_engine_failure else client_certificates(main_cf)
    return Manner(
        connect=main_cf.number("smtp_connect_timeout"),
        helo=main_cf.number("smtp_helo_timeout"),
        starttls=main_cf.number("smtp_starttls_timeout"),
        line_limit=main_cf.number("line_length_limit") or LINE_LIMIT,
        certificates=tuple(pair for pair in pairs if files.read(pair[0]) is not None),
    )


def foreign_sources(main_cf: MainCf) -> frozenset[str]:
    """Return the kinds of address for which smtp_bind_address_enforce lets no connection be made from this machine."""
    if not main_cf.is_set("smtp_bind_address_enforce") or not main_cf.switch("smtp_bind_address_enforce"):
        return frozenset()
    wanted = {"ipv4": main_cf.value("smtp_bind_address"), "ipv6": main_cf.value("smtp_bind_address6")}
    return frozenset(family for family, address in wanted.items() if address and not _is_ours(family, address))


def credentials(main_cf: MainCf, files: RelayFiles) -> tuple[PolicySource, ...]:
    """Return the tables of smtp_sasl_password_maps; none where SASL is off."""
    if main_cf.value("smtp_sasl_auth_enable").lower() != "yes" or not main_cf.value(_MAP):
        return ()
    return read_sources(main_cf.value(_MAP), main_cf.release, files)


def has_credentials(tables: Iterable[PolicySource], *keys: str) -> bool | None:
    """Whether there are credentials under one of *keys*, host before next-hop; None where that is not known.

    Source: smtp_sasl_passwd_lookup() in src/smtp/smtp_sasl_glue.c.
    """
    for key in keys:
        for table in tables:
            if isinstance(table, Broken | Unreadable):
                return None
            if table.find(key.lower()) is not None:
                return True
    return False


def _is_ours(family: str, address: str) -> bool:
    kind = socket.AF_INET if family == "ipv4" else socket.AF_INET6
    try:
        with socket.socket(kind, socket.SOCK_STREAM) as opened:
            opened.bind((address.strip("[]"), 0))
    except OSError:
        return False
    return True
