"""How long the relays that a vantage stands for wait for a peer."""

from partners.actions.relay_groups import settings_of
from partners.core.errors import SettingsRefused
from partners.core.slow_lane import POSTFIX_PATIENCE, Patience, patience_among
from partners.core.vantage import HERE
from partners.models import RelayGroup

__all__ = ["patience_at"]


def patience_at(vantage: str = HERE) -> Patience:
    """Return the patience of the relay groups that are judged from *vantage*, of several the longest at each step."""
    return patience_among([_patience(group) for group in RelayGroup.objects.filter(vantage=vantage)])


def _patience(group: RelayGroup) -> Patience:
    """Return the patience of *group*; settings that cannot be read are told elsewhere, and change nothing here."""
    try:
        return settings_of(group).patience
    except SettingsRefused:
        return POSTFIX_PATIENCE
