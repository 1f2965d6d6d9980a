"""Where a probe stands: its name, and the key under which what was seen from there is kept.

Facts of one vantage are kept apart from those of any other, down to the row: the words of a reply have no part in
facts_key(), so that who sees from elsewhere must not be the one who writes them for all.
"""

import hashlib
import re
from typing import Final

from partners.core.errors import SettingsRefused
from partners.core.facts_json import facts_key
from partners.core.observation import NexthopFacts, PeerFacts
from partners.core.wording import _

__all__ = ["HERE", "demand_vantage", "seen_key"]

HERE: Final = "here"  # the workers beside the database
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


def demand_vantage(name: str) -> str:
    """Return *name* if it can be a vantage's. Errors: SettingsRefused."""
    if not _NAME.fullmatch(name):
        raise SettingsRefused(_("vantage"), _("its name takes a-z, 0-9 and -"), _("name it like dmz or site-2"))
    return name


def seen_key(facts: NexthopFacts | PeerFacts, vantage: str) -> str:
    """Return the key under which *facts*, seen from *vantage*, are kept once."""
    key = facts_key(facts)
    return key if vantage == HERE else hashlib.sha256(f"{vantage}:{key}".encode()).hexdigest()
