"""The small world of `up --demo`. All of it is on loopback, and none of it is for a portal in use."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from partners.core.errors import PortalError
from partners.core.names import place_text
from partners.management.demo.answers import SMTP_PORT, Names, serve_names
from partners.management.demo.cast import SERVERS, TURNS
from partners.management.demo.filling import fill, is_filled, look_again
from partners.management.demo.papers import Papers
from partners.management.demo.peers import Peer
from partners.management.demo.world import NETWORKS, RESOLVER_ADDRESS, SIX, SIX_INSTEAD, Habit, Server, Turn
from partners.tasks.engines import parse_port_map, parse_resolver


class Command(BaseCommand):
    """Print the settings of the world, be the world, or write its rows."""

    help = "The small world of `up --demo`: settings, DNS and mail servers, rows."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to do."""
        acts = {
            "settings": "print NAME=VALUE for the environment, with ports that are free now",
            "serve": "run DNS and mail servers at the ports that the settings name, until TERM",
            "fill": "write people, partners and a first release; serve has to run",
        }
        words = "; ".join(f"{act}: {what}" for act, what in acts.items())
        parser.add_argument("act", choices=tuple(acts), help=words)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Do it."""
        try:
            if options["act"] == "settings":
                self.stdout.write("\n".join(_environment()))
            elif options["act"] == "serve":
                asyncio.run(_serve())
            else:
                fill(Papers(settings.DATA_DIR), tell=self.stdout.write)
        except (PortalError, OSError, DatabaseError) as cause:
            raise CommandError(f"demo: {cause}") from cause


def _environment() -> list[str]:
    """Return what all children of `up` have to know; nothing of it outlives this start."""
    servers = _servers(has_six=_has_six())
    ports = [
        f"{place_text(one.address, SMTP_PORT)}={place_text(one.address, _free_port(one.address))}" for one in servers
    ]
    return [
        f"TLSPORTAL_PROBE_NETWORKS={NETWORKS}",
        f"TLSPORTAL_PROBE_PORT_MAP={','.join(ports)}",
        f"TLSPORTAL_RESOLVER={RESOLVER_ADDRESS}:{_free_port(RESOLVER_ADDRESS)}",
        "TLSPORTAL_PROBE_EHLO=portal.house.example",
        # Nobody is disturbed here, and weeks are told in seconds.
        "TLSPORTAL_PROBE_PAUSE=0",
        "TLSPORTAL_PROBE_PROVIDER_RATE=0",
    ]


def _servers(*, has_six: bool) -> list[Server]:
    """Return the servers of the cast; what is at SIX goes elsewhere on a machine without IPv6."""
    return [one if has_six or one.address != SIX else replace(one, address=SIX_INSTEAD) for one in SERVERS]


def _has_six() -> bool:
    try:
        return bool(_free_port(SIX))
    except OSError:
        return False


def _free_port(address: str) -> int:
    """Return a port of *address* that is free for TCP and, where an answerer needs it, for UDP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as stream, socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        stream.bind((address, 0))
        port = int(stream.getsockname()[1])
        datagrams.bind((address, port))
    return port


async def _serve() -> None:
    """Be the world until the process ends."""
    papers = Papers(settings.DATA_DIR)
    papers.make(now=timezone.now())
    ports = parse_port_map(settings.PROBE_PORT_MAP)
    resolver = parse_resolver(settings.RESOLVER)
    servers = _servers(has_six=(SIX, SMTP_PORT) in ports)
    if resolver is None or any((one.address, SMTP_PORT) not in ports for one in servers):
        raise CommandError("demo: TLSPORTAL_RESOLVER and TLSPORTAL_PROBE_PORT_MAP come from `demo_world settings`")
    peers = {one.address: _peer(one, papers, ports[one.address, SMTP_PORT]) for one in servers}
    names = Names(papers, servers)
    async with asyncio.TaskGroup() as turns:
        for peer in peers.values():
            await peer.open()
        for turn in TURNS:
            turns.create_task(_take(turn, peers, names, papers))
        await serve_names(names, *resolver)  # last: who waits for it finds the peers listening
        await asyncio.Event().wait()


def _peer(server: Server, papers: Papers, port: int) -> Peer:
    """Return the peer that plays *server*."""
    file = papers.of(server.paper) if server.paper else None
    return Peer(server.mx_host, server.address, port, file, is_busy=server.habit is Habit.IS_BUSY)


async def _take(turn: Turn, peers: Mapping[str, Peer], names: Names, papers: Papers) -> None:
    """Let *turn* come, once the rows are there; its key comes round at once, as nobody waits an hour for a demo."""
    is_new = not papers.has_turned(turn)
    if is_new:
        while not await sync_to_async(is_filled)():  # noqa: ASYNC110  another process fills the rows
            await asyncio.sleep(1)
        await asyncio.sleep(turn.after.total_seconds())
    if turn.address:
        peers[turn.address].present(papers.of(turn.paper))
    else:
        names.point(turn.key, turn.mx)
    if is_new:
        papers.keep(turn)
        await sync_to_async(look_again)(turn.key)
