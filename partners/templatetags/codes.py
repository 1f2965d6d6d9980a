"""Row numbers as a partner's person may see them, for addresses that no {% url %} writes."""

from django import template
from django.urls import reverse

register = template.Library()


@register.simple_tag
def channel_address(number: int) -> str:
    """Return the address of the partner's page for the channel with that *number*."""
    code = reverse("portal-upload", args=[number]).split("/")[-3]
    return f"{reverse('portal-home')}?channel={code}"
