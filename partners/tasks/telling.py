"""A round tells how far it is, every few seconds, for those who watch the page; where that fails, it goes on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError

from partners.actions.cycles import RoundTally, tell_round

__all__ = ["TELL_SECONDS", "Teller"]

TELL_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Teller:
    """Keeps the row of one round. Nothing is kept of a round that finds nothing to do."""

    lane: str
    clock: Callable[[], datetime]
    is_told: bool = True
    tally: RoundTally = field(default_factory=RoundTally)
    is_at_work: bool = False
    _begun_at: datetime | None = None
    _pk: int | None = None

    def begin(self) -> None:
        """Note that the round has claimed something."""
        if not self.is_at_work:
            self.is_at_work, self._begun_at = True, self.clock()

    async def keep_telling(self) -> None:
        """Tell how far the round is until this is cancelled."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            if self.is_at_work:
                await sync_to_async(self.tell)()

    def tell(self, *, is_over: bool = False) -> None:
        """Keep how far the round is."""
        if not self.is_told or self._begun_at is None:
            return
        try:
            self._pk = tell_round(
                self._pk, self.lane, self.tally, begun_at=self._begun_at, now=self.clock(), is_over=is_over
            )
        except DatabaseError as cause:
            log.warning("round.not-told", cause=type(cause).__name__)
