"""The Celery app and the whole beat schedule: the only list of what runs when.

A task carries no payload: its name means "drain this queue of rows". What is due is a query on rows, so a lost
message costs one tick and a doubled one does no harm. Three queues:

    probe      connects to partners' mail servers; may take long
    slow       does so where they answer late or not at all; takes minutes, in a process of the same worker
    control    releases, alerts and "probe now": never waits behind a probe
"""

import os
import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import celeryd_init
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tlsportal.settings")

PROBE_QUEUE = "probe"
SLOW_QUEUE = "slow"
CONTROL_QUEUE = "control"
PUBLISH_TIMEOUT_SECONDS = 0.2  # a saved form must not wait for a dead broker
WORKER_TIMEOUT_SECONDS = 5.0  # a worker may wait for a slow one: nobody looks on


def tick(task: str, *, every: float, queue: str) -> dict[str, Any]:
    """Return the beat entry that wakes *task* each *every* seconds; an unread wake-up is void at the next one."""
    return {"task": task, "schedule": every, "options": {"queue": queue, "expires": every}}


def _timeouts(seconds: float) -> dict[str, float]:
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds}


# kombu's own default is to try again for seconds, while a person waits for the answer to a form.
_TRY_ONCE_MORE = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

# The workers take no pickle (accept_content), so that the warning of a worker run by root tells of no danger here.
warnings.filterwarnings("ignore", category=SecurityWarning)

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "probe what is due": tick("partners.tasks.probing.probe_due", every=30, queue=PROBE_QUEUE),
    "probe what is slow": tick("partners.tasks.probing.probe_slow", every=30, queue=SLOW_QUEUE),
    "probe what is asked for": tick("partners.tasks.probing.probe_asked", every=15, queue=CONTROL_QUEUE),
    "judge again": tick("partners.tasks.alerts.judge_stale", every=60, queue=CONTROL_QUEUE),
    "tell of alerts": tick("partners.tasks.alerts.deliver_due", every=30, queue=CONTROL_QUEUE),
    "look at domains": tick("partners.tasks.domains.watch_domains", every=60, queue=CONTROL_QUEUE),
    "forget old history": tick("partners.tasks.retention.prune_history", every=3600, queue=CONTROL_QUEUE),
    "count for the pages": tick("partners.tasks.figures.count_figures", every=60, queue=CONTROL_QUEUE),
    "look after the list": tick("partners.tasks.standings.look_after_list", every=300, queue=CONTROL_QUEUE),
    "end what was lowered": tick("partners.tasks.alerts.end_lowered", every=300, queue=CONTROL_QUEUE),
}

app = Celery("tlsportal")
app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_transport_options={**_timeouts(PUBLISH_TIMEOUT_SECONDS), **_TRY_ONCE_MORE},
    broker_connection_retry_on_startup=True,
    task_publish_retry=False,
    task_ignore_result=True,
    task_acks_late=False,  # a task that crashes its process is not redelivered for ever: the row knows what is due
    task_serializer="json",
    accept_content=["json"],
    task_default_queue=CONTROL_QUEUE,
    task_create_missing_queues=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,  # nothing but beat and our own code talks to a worker
    beat_scheduler="celery.beat:Scheduler",  # keeps no file: what is due is a query
    enable_utc=True,
    timezone="UTC",
    beat_schedule=BEAT_SCHEDULE,
)
app.steps["worker"].add(DjangoStructLogInitStep)  # tells of each task that failed, for celery.app.trace is silenced
app.autodiscover_tasks(["partners"], related_name="tasks")


@celeryd_init.connect  # type: ignore[untyped-decorator]  # celery has no types
def _give_workers_time(conf: Any, **_signal: Any) -> None:
    """Replace the time-outs made for publishing by those of a worker."""
    conf.broker_transport_options = _timeouts(WORKER_TIMEOUT_SECONDS)
