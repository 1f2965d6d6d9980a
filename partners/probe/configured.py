"""The engine as settings describe it; whose settings they are is the caller's business."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Protocol

from partners.core.errors import SettingsRefused
from partners.probe.addresses import parse_networks, parse_ports
from partners.probe.engine import SLOTS, Engine
from partners.probe.resolver import DNS_PORT, Resolver
from partners.probe.turnstile import Turnstile

__all__ = ["ProbeSettings", "configured_engine", "parse_port_map", "parse_resolver"]

_SOCKET = re.compile(r"\[?(?P<address>[0-9A-Fa-f:.]+?)\]?:(?P<port>\d{1,5})", re.ASCII)


class ProbeSettings(Protocol):
    """What is read of the portal's settings, under their names: texts as somebody wrote them."""

    PROBE_NETWORKS: Sequence[str]
    PROBE_PORTS: Sequence[str]
    PROBE_PORT_MAP: Sequence[str]
    PROBE_EHLO: str
    PROBE_SOURCE: str
    PROBE_CLIENT_CERT: str
    PROBE_CLIENT_KEY: str
    RESOLVER: str


def _this_machine() -> datetime:
    return datetime.now(UTC)


def configured_engine(
    settings: ProbeSettings,
    *,
    clock: Callable[[], datetime] = _this_machine,
    turnstile: Turnstile | None = None,
    slots: int = SLOTS,
) -> Engine:
    """Return an engine for one event loop. Errors: SettingsRefused names the setting that cannot be used.

    clock: says when something was seen; by default this machine's clock does. turnstile: see turnstile.py.
    """
    return Engine(
        resolver=Resolver(parse_resolver(settings.RESOLVER)),
        networks=parse_networks(settings.PROBE_NETWORKS),
        ports=parse_ports(settings.PROBE_PORTS),
        ehlo_name=settings.PROBE_EHLO,
        source=settings.PROBE_SOURCE,
        client_certificate=(settings.PROBE_CLIENT_CERT, settings.PROBE_CLIENT_KEY),
        port_map=parse_port_map(settings.PROBE_PORT_MAP),
        turnstile=turnstile,
        slots=slots,
        clock=clock,
    )


def parse_resolver(text: str) -> tuple[str, int] | None:
    """Read "address", "address:port" or "[address]:port"; None for an empty text."""
    if not text:
        return None
    found = _SOCKET.fullmatch(text)
    if found and (text.startswith("[") or text.count(":") == 1):
        return found["address"], int(found["port"])
    return text.strip("[]"), DNS_PORT


def parse_port_map(words: Sequence[str]) -> dict[tuple[str, int], int]:
    """Read "address:port=address:port": who asks for the first is connected to the second, at the same address."""
    ports: dict[tuple[str, int], int] = {}
    for word in words:
        left, _sign, right = word.partition("=")
        nominal, real = _socket_of(left), _socket_of(right)
        if nominal is None or real is None or nominal[0] != real[0]:
            cure = "write it like 127.0.0.2:25=127.0.0.2:2525"
            raise SettingsRefused("TLSPORTAL_PROBE_PORT_MAP", f"{word!r} maps no port of one address", cure)
        ports[nominal] = real[1]
    return ports


def _socket_of(text: str) -> tuple[str, int] | None:
    """Return address and port of *text*, None where it is not of that form."""
    found = _SOCKET.fullmatch(text.strip())
    try:
        return (str(ip_address(found["address"])), int(found["port"])) if found else None
    except ValueError:
        return None
