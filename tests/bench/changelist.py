"""The reference of list.py: a Django admin changelist over the channels, and who looks at it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.test import Client, RequestFactory
from django.utils import timezone

from partners.actions.access import give_role
from partners.models import Channel, User
from partners.reports.listing import Chosen, partner_list

__all__ = ["last_key", "prepared"]


class ChannelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """As an administrator would write it: the columns of the list, and search over what they hold."""

    list_display = ("partner", "first_key", "level", "agreed", "owner", "state", "lowered_until", "created_at")
    list_select_related = ("partner", "partner__owner")
    search_fields = ("partner__name", "partner__tags", "match", "nexthops__key", "pins__digests")
    ordering = ("partner__name",)
    list_per_page = 50

    def get_queryset(self, request: Any) -> Any:
        """Fetch what the columns need beside the rows."""
        return super().get_queryset(request).prefetch_related("nexthops", "intervals")

    def first_key(self, row: Channel) -> str:
        """Return the first nexthop."""
        return next((one.key for one in row.nexthops.all()), "")

    def owner(self, row: Channel) -> str:
        """Return who looks after it."""
        return row.partner.owner.email if row.partner.owner else ""

    def state(self, row: Channel) -> str:
        """Return the state now."""
        return next((one.state for one in row.intervals.all() if one.valid_to is None), "")


def prepared() -> tuple[Client, Callable[[str], Any], str]:
    """Return a signed-in editor's client, the changelist as a call, and a name to search."""
    eda = User.objects.filter(email="bench@house.example").first() or User.objects.create_superuser(
        "bench@house.example"
    )
    give_role(eda, User.Role.EDITOR)
    client = Client(headers={"accept-encoding": "identity"}, SERVER_NAME="localhost")
    client.force_login(eda, backend=settings.AUTHENTICATION_BACKENDS[0])
    site = admin.AdminSite(name="admin")
    model = ChannelAdmin(Channel, site)
    factory = RequestFactory(SERVER_NAME="localhost")

    def changelist(given: str) -> Any:
        request = factory.get(f"/admin/partners/channel/?{given}")
        request.user = eda
        answer: Any = model.changelist_view(request)
        return answer.render()

    assert issubclass(model.get_changelist(factory.get("/")), ChangeList)
    name = Channel.objects.order_by("pk")[Channel.objects.count() // 2].nexthops.get().key
    return client, changelist, name


def last_key() -> str:
    """Return the key after which the last rows of the list's own order come, as its links carry it."""
    eda = User.objects.get(email="bench@house.example")
    found = partner_list(eda, Chosen(sort="-harm"), now=timezone.now())
    return found.next_key
