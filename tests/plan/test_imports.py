"""Who may import whom: the table of the house, for every file."""

import subprocess
import sys
import tomllib
from pathlib import PurePath

import pytest

from tests.plan.sources import BASE, Source, sources

# room -> rooms of ours it may import, beside itself
ROOMS = {
    "core": set(),
    "probe": {"core"},
    "relays": {"core"},
    "fetch": {"core"},
    "models": {"core"},
    "reports": {"models", "core"},
    "notify": {"models", "core", "fetch"},
    "documents": {"reports", "core"},
    "actions": {"models", "core"},
    "tasks": {"actions", "probe", "relays", "fetch", "notify", "reports", "documents", "models", "core"},
    "web": {"actions", "reports", "documents", "models", "core"},
    "api": {"actions", "reports", "documents", "models", "core"},
    "management": {"tasks", "actions", "reports", "documents", "probe", "relays", "models", "core"},
    "admin": {"models", "core"},
    "templatetags": {"models", "core"},
    "apps": set(),
}
# rooms that know no Django: what they may import from outside
PURE = {
    "core": {"cryptography", "OpenSSL", "idna"},
    "probe": {"dns", "cryptography", "OpenSSL", "idna"},
    "relays": set(),
    "fetch": {"cryptography", "idna"},
}


def room_of(path: PurePath) -> str:
    return PurePath(path.parts[1]).stem


def broken_rules(source: Source) -> list[str]:
    """The imports of *source* that the table does not allow."""
    room = room_of(source.path)
    found = []
    for name, line in source.imported():
        top, _dot, rest = name.partition(".")
        target = rest.partition(".")[0]
        if top == "partners":
            allowed = target == room or target in ROOMS[room] or (room == "__init__" and not target)
        elif top == "tlsportal":
            allowed = room == "apps"
        else:
            allowed = room not in PURE or top in sys.stdlib_module_names or top in PURE[room]
        if not allowed:
            found.append(f"{source.name}:{line} imports {name}")
    return found


@pytest.mark.parametrize("source", sources("partners"), ids=lambda source: source.name)
def test_imports_follow_the_table(source):
    """A room imports only the rooms that the table gives it; core, probe, relays and fetch know no Django."""
    if source.name == "partners/__init__.py":
        assert list(source.imported()) == []
        return

    assert broken_rules(source) == []


def test_bootstrap_needs_the_standard_library_alone():
    """What runs before .venv stands imports nothing that has to be installed."""
    early = [
        source
        for source in sources("tlsportal")
        if source.path.stem in {"bootstrap", "debian", "supervise", "children"}
    ]

    tops = {name.partition(".")[0] for source in early for name, _line in source.imported()}

    assert len(early) == 4
    assert tops <= sys.stdlib_module_names | {"tlsportal"}


def test_the_probe_elsewhere_needs_no_django():
    """The console script of pyproject.toml lies in the probe's room, and all it loads is ours of core and probe."""
    project = tomllib.loads((BASE / "pyproject.toml").read_text())["project"]
    module, _colon, function = project["scripts"]["tlsportal-probe"].partition(":")
    code = f"import sys, {module} as it; assert callable(it.{function}); print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BASE, capture_output=True, text=True, timeout=60, check=True
    )

    loaded = set(done.stdout.split())
    assert module.startswith("partners.probe.")
    assert {name.split(".")[1] for name in loaded if name.startswith("partners.")} == {"core", "probe"}
    assert not {name.partition(".")[0] for name in loaded} & {"django", "celery", "psycopg", "redis", "tlsportal"}


def test_no_import_inside_a_function():
    """Imports stand at the top, save in documents/pdf.py, whose system libraries may be missing."""
    found = [
        f"{source.name}:{inner.lineno}"
        for source in sources("partners", "tlsportal", "tests")
        if source.name != "partners/documents/pdf.py"
        for function in source.functions()
        for inner in source.imports_below(function)
    ]

    assert found == []
