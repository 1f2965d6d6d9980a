"""The small world of `up --demo`. All of it is on loopback, and none of it is for a portal in use."""

import asyncio
import socket
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from partners.core.errors import PortalError
from partners.management.demo.answers import serve_names
from partners.management.demo.filling import fill, look_again
from partners.management.demo.papers import Papers
from partners.management.demo.peers import Peer
from partners.management.demo.world import CAST, NETWORK, RESOLVER_ADDRESS, Issuer, Player
from partners.tasks.engines import parse_port_map, parse_resolver

SMTP_PORT = 25


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
    ports = [f"{player.address}:{SMTP_PORT}={player.address}:{_free_port(player.address)}" for player in CAST]
    return [
        f"TLSPORTAL_PROBE_NETWORKS={NETWORK}",
        f"TLSPORTAL_PROBE_PORT_MAP={','.join(ports)}",
        f"TLSPORTAL_RESOLVER={RESOLVER_ADDRESS}:{_free_port(RESOLVER_ADDRESS)}",
        "TLSPORTAL_PROBE_EHLO=portal.house.example",
    ]


def _free_port(address: str) -> int:
    """Return a port of *address* that is free for TCP and, where an answerer needs it, for UDP."""
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
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
    if resolver is None or any((player.address, SMTP_PORT) not in ports for player in CAST):
        raise CommandError("demo: TLSPORTAL_RESOLVER and TLSPORTAL_PROBE_PORT_MAP come from `demo_world settings`")
    async with asyncio.TaskGroup() as renewals:
        for player in CAST:
            file = None if player.issuer is Issuer.NOBODY else papers.in_use(player)
            peer = Peer(player.mx_host, player.address, ports[player.address, SMTP_PORT], file)
            await peer.open()
            if player.renews_after and file == papers.of(player):
                renewals.create_task(_renew(player, peer, papers, after=player.renews_after))
        await serve_names(*resolver)  # last: who waits for it finds the peers listening
        await asyncio.Event().wait()


async def _renew(player: Player, peer: Peer, papers: Papers, *, after: timedelta) -> None:
    """Let *player* renew without a word; its row comes round at once, as nobody waits an hour for a demo."""
    await asyncio.sleep(after.total_seconds())
    peer.present(papers.renew(player, now=timezone.now()))
    await sync_to_async(look_again)(player)
