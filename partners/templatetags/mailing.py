"""Whether the portal sends mail, for pages that promise one."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def sends_mail() -> bool:
    """Return whether a mail relay is named in the settings."""
    return bool(settings.MAIL_CONFIGURED)
