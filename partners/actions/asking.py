"""A person asks for a look at one server, whoever hangs on it."""

from datetime import datetime

from django.utils.translation import gettext as _

from partners.actions.leases import ask_now
from partners.core.errors import ActionRefused
from partners.models import Endpoint, Nexthop, User

__all__ = ["ask_endpoint"]


def ask_endpoint(endpoint: Endpoint, *, by: User, now: datetime) -> Nexthop:
    """Ask for one of the nexthops that *endpoint* serves, and return it: one look stands for all of them.

    Errors: ActionRefused where nobody needs the endpoint any more.
    """
    nexthop = endpoint.nexthops.order_by("pk").first()
    if nexthop is None:
        raise ActionRefused(
            _("server %s") % endpoint.address, _("no partner's mail goes there any more"), _("ask on a partner's page")
        )
    ask_now(nexthop, by=by, now=now)
    return nexthop
