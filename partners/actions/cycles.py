"""When a recurring piece of work came to its end: what the watch on the watch looks at."""

from datetime import datetime

from partners.models import Cycle

__all__ = ["note_cycle"]


def note_cycle(name: str, *, now: datetime, seconds: float = 0.0, nexthops: int = 0, endpoints: int = 0) -> None:
    """Note that the work *name* came to its end, whether there was anything to do or not."""
    fields = {"finished_at": now, "seconds": seconds, "nexthops": nexthops, "endpoints": endpoints}
    if not Cycle.objects.filter(name=name).update(**fields):
        Cycle.objects.bulk_create([Cycle(name=name, **fields)], ignore_conflicts=True)
