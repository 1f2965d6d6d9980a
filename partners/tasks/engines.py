"""The probe as the portal's settings describe it."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings

from partners.probe.configured import configured_engine, parse_port_map, parse_resolver
from partners.probe.engine import Engine
from partners.probe.resolver import Resolver

__all__ = ["engine_from_settings", "parse_port_map", "parse_resolver", "resolver_from_settings"]


def _this_machine() -> datetime:
    return datetime.now(UTC)


def engine_from_settings(clock: Callable[[], datetime] = _this_machine) -> Engine:
    """Return an engine for one event loop. Errors: SettingsRefused names the setting that cannot be used.

    clock: says when something was seen; by default this machine's clock does.
    """
    return configured_engine(settings, clock=clock, slots=settings.PROBE_SLOTS)


def resolver_from_settings() -> Resolver:
    """Return the resolver that TLSPORTAL_RESOLVER names, else the system's."""
    return Resolver(parse_resolver(settings.RESOLVER))
