"""The log: one line per outcome, an event name and key=value, with the request's or the task's id."""

import re
from typing import Any

import structlog

from tlsportal.syslog import demand_place

# What opens a door never reaches the log, whoever writes the line and however the address was bent: the part behind
# the doors of links, also percent-encoded, and anything of the shape of our tokens (43 characters of base64url).
_DOORS = r"((?<!/approvals)(?:/|%2F)(?:invitations|wall|password(?:/|%2F)reset(?:/|%2F)key)(?:/|%2F)+)"
_SECRETS = re.compile(
    _DOORS + r"(?!\*\*\*)[^\s/\"'?#&;,<>%]+(?:%(?!2F)[^\s/\"'?#&;,<>%]*)*"
    r"|(?<![A-Za-z0-9_-])(tls[pv]_[0-9a-f]{12}_)?[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])",
    re.IGNORECASE,
)

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True),
    structlog.processors.format_exc_info,
]

_render_pairs = structlog.processors.LogfmtRenderer(
    key_order=["timestamp", "level", "event", "request_id", "task_id"], drop_missing=True
)


def _render(logger: Any, name: str, event: structlog.types.EventDict) -> str:
    """Return the line; a traceback follows on lines of its own, for it is read by people."""
    traceback = event.pop("exception", "")
    line = _render_pairs(logger, name, event)
    return redact(f"{line}\n{traceback}" if traceback else line)


def redact(text: str) -> str:
    """Return *text* with *** in place of what would open a door."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2] or ''}***", text)


def configure() -> None:
    """Send structlog's events through the standard library's logging, so that there is one log."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(*, level: str, syslog: str = "") -> dict[str, Any]:
    """Return the dictConfig that writes every logger's lines to standard error as key=value.

    syslog: where the journal of audit entries and alerts goes besides; "" for nowhere. Errors: ImproperlyConfigured.
    """
    line: dict[str, Any] = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        "foreign_pre_chain": _SHARED,
    }
    journal: dict[str, Any] = {"()": "tlsportal.syslog.SyslogHandler", "place": demand_place(syslog)} if syslog else {}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
            **({"journal": journal} if journal else {}),
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            "tlsportal.journal": {"handlers": ["journal"] if journal else [], "level": "INFO", "propagate": False},
            # Told already by request_finished and request_failed, with the request's id:
            "django.request": {"level": "CRITICAL"},
            # A tick that found nothing to do tells nothing; what it did is told by the action. Failures are told once.
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "CRITICAL"},
            "django_structlog.celery.receivers": {"level": "WARNING"},
        },
    }
