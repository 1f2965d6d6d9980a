"""Settings, schema and doors agree with what the house promises."""

import pytest
from django.conf import settings
from django.core.management import call_command
from django.template.loader import get_template
from django.urls import URLPattern, URLResolver, get_resolver

from partners.web.access import ACCESS
from tests.plan.sources import BASE
from tlsportal.celery import BEAT_SCHEDULE, app

# Doors that no row of ours guards, each with what does.
GUARDED_ELSEWHERE = {
    "healthz": "says up or down, and nothing else",
    "metrics": "a token, or this machine itself; numbers alone",
    "admin": "the admin's own permission check, read-only",
    "accounts": "allauth",
    "set-theme": "sets a cookie",
    "set_language": "sets a cookie",
    "kit": "asks for staff itself; shows no row",
}
STRICT_POLICY = {
    "default-src": ["'none'"],
    "img-src": ["'self'", "data:"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
}


def doors(resolver: URLResolver, prefix: str = "") -> list[tuple[str, str]]:
    """(path pattern, name) of every mounted page."""
    found = []
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            found.append((pattern, entry.name or ""))
        else:
            found += doors(entry, pattern)
    return found


@pytest.mark.django_db
def test_models_and_migrations_agree():
    """No change of a model is without its migration."""
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_content_policy_is_strict():
    """A page loads from itself alone, runs no inline script or style, and is framed by nobody."""
    policy = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]

    assert {name: policy[name] for name in STRICT_POLICY} == STRICT_POLICY
    assert all(policy[name] == ["'self'"] for name in policy if name not in STRICT_POLICY)


def test_every_door_has_an_access_row():
    """A page that is mounted says who may open it."""
    names = {
        name
        for pattern, name in doors(get_resolver())
        if not pattern.lstrip("^").startswith(("admin/", "accounts/")) and name not in GUARDED_ELSEWHERE
    }

    assert names - set(ACCESS) == set()


def test_every_access_row_has_a_door():
    """The table names no page that is gone."""
    assert set(ACCESS) - {name for _pattern, name in doors(get_resolver())} == set()


def test_every_tick_names_a_task_and_a_queue_that_is_worked_on():
    """Beat wakes tasks that exist, on the three queues, and an unread wake-up is void at the next."""
    app.loader.import_default_modules()

    for tick in BEAT_SCHEDULE.values():
        assert tick["task"] in app.tasks
        assert tick["options"]["queue"] in {"probe", "slow", "control"}
        assert tick["options"]["expires"] <= tick["schedule"]


@pytest.mark.parametrize("path", sorted((BASE / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_every_template_compiles(path):
    """No template has a tag or a filter that does not exist."""
    get_template(path.relative_to(BASE / "templates").as_posix())


def test_the_celery_app_takes_json_alone():
    """A message is a name and nothing that could run."""
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_ignore_result is True
