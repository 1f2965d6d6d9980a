"""docker-compose.yml, Dockerfile and the operator's table, read beside the settings: none knows a name that others lack."""

import ast
import json
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.setup.portal import free_port

BASE = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((BASE / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
PORTAL = [name for name, service in SERVICES.items() if "build" in service]
READERS = {"_text", "_words", "_whole_number", "_in_production"}
HEALTHY = {"condition": "service_healthy"}
SECRET = {"SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "MAIL_PASSWORD", "METRICS_TOKEN"}
IN_THE_IMAGE = {"ENV", "STATIC_ROOT"}
ELSEWHERE = {"DATA_DIR", "PROBE_PORT_MAP"}  # of `up` and of its demo alone
NO_SETTINGS = {"NO_VENV", "SCREENSHOTS", "TEST_CACHE"}  # of the bootstrap and of the tests


def settings_names() -> set[str]:
    """What tlsportal/settings.py reads."""
    tree = ast.parse((BASE / "tlsportal" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    named = [call.args[0] for call in calls if call.func.id in READERS and call.args]  # type: ignore[attr-defined]
    return {str(name.value) for name in named if isinstance(name, ast.Constant)}


def documented_names() -> set[str]:
    """The first column of the table in the operator's guide."""
    rows = re.findall(r"^\| ([A-Z][A-Z_, ]+) \|", (BASE / "docs" / "operator.md").read_text(), re.MULTILINE)
    return {name for row in rows for name in row.split(", ")}


def given_names(service: str) -> set[str]:
    """The settings that a container of *service* is given, without the _FILE of a secret."""
    names = SERVICES[service]["environment"]
    return {name.removeprefix("TLSPORTAL_").removesuffix("_FILE") for name in names}


class TestNames:
    def test_the_reader_finds_the_settings(self) -> None:
        """Else the tests below would compare nothing."""
        assert len(settings_names()) > 35
        assert {"ENV", "DATABASE_URL", "PROBE_NETWORKS", "KEEP_DAYS"} <= settings_names()

    def test_each_setting_is_told_to_the_operator(self) -> None:
        """And the table tells of none that nothing reads."""
        assert documented_names() ^ settings_names() == {"PROBE_PORT_MAP"}  # the demo's alone

    @pytest.mark.parametrize("service", PORTAL)
    def test_each_container_can_be_told_each_setting(self, service: str) -> None:
        """A setting that compose does not hand on would be silently ignored there."""
        assert given_names(service) == settings_names() - IN_THE_IMAGE - ELSEWHERE

    def test_no_text_names_a_setting_that_does_not_exist(self) -> None:
        """A reader who copies a name from any of our texts sets something."""
        texts = [*BASE.glob("*.md"), *BASE.glob("docs/*.md"), BASE / "Dockerfile", BASE / "docker-compose.yml"]
        named = {name for text in texts for name in re.findall(r"\bTLSPORTAL_([A-Z_]+[A-Z])", text.read_text())}
        known = settings_names() | NO_SETTINGS

        assert {name for name in named if name not in known and name.removesuffix("_FILE") not in known} == set()


class TestContainers:
    def test_secrets_come_as_files(self) -> None:
        """What `docker inspect` shows of a container holds none of them."""
        environment = SERVICES["web"]["environment"]
        assert {name for name in SECRET if f"TLSPORTAL_{name}_FILE" not in environment} == set()
        assert {name for name in SECRET if f"TLSPORTAL_{name}" in environment} == set()
        assert [name for name in SERVICES["postgres"]["environment"] if "PASSWORD" in name] == [
            "POSTGRES_PASSWORD_FILE"
        ]

    def test_each_secret_in_use_is_declared(self) -> None:
        """Each path below /run/secrets is a secret that the container is given, from a file that git never sees."""
        for service in SERVICES.values():
            paths = [str(value) for value in service.get("environment", {}).values()]
            used = {path.removeprefix("/run/secrets/") for path in paths if path.startswith("/run/secrets/")}
            assert used == set(service.get("secrets", ()))
        assert {Path(one["file"]).parent.name for one in COMPOSE["secrets"].values()} == {"secrets"}
        assert {"/secrets/", "/private/", "/.env"} <= set((BASE / ".gitignore").read_text().split())

    def test_no_secret_gets_into_the_image(self) -> None:
        """`COPY . .` would take whatever lies beside manage.py."""
        assert {"secrets", "private", ".env", "data", ".git", ".venv"} <= set(
            (BASE / ".dockerignore").read_text().split()
        )

    @pytest.mark.parametrize("service", SERVICES)
    def test_each_command_exists(self, service: str) -> None:
        """Programs are those of the locks, modules are ours, and celery finds the app by the name it is given."""
        words = shlex.split(SERVICES[service].get("command", ""))
        words = shlex.split(words[-1].rpartition("exec ")[2]) if words[:1] == ["sh"] else words
        if service in PORTAL:
            program = Path(sys.executable).parent / words[0]
            asked = ["--version"] if words[0] == "granian" else ["--app", "tlsportal", "report"]
            done = subprocess.run([program, *asked], cwd=BASE, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, done.stderr
        assert set(words[:1]) <= {"granian", "celery", "redis-server"}

    def test_all_queues_have_a_worker_and_one_beat_ticks(self) -> None:
        """What the beat sends is taken by somebody, and no tick comes twice."""
        commands = [service.get("command", "") for service in SERVICES.values()]
        queues = {hit[1] for command in commands if (hit := re.search(r"--queues ([\w,]+)", command))}

        assert queues == {"probe,slow", "control"}
        assert sum("celery --app tlsportal beat" in command for command in commands) == 1

    def test_nothing_starts_before_what_it_needs(self) -> None:
        """Database and broker are healthy before the web, which migrates; workers start after it."""
        for name in PORTAL:
            wanted = {"postgres", "redis"} | ({"web"} if name != "web" else set())
            assert {key for key, on in SERVICES[name]["depends_on"].items() if on == HEALTHY} == wanted
            assert all("healthcheck" in SERVICES[other] for other in wanted)

    def test_only_the_web_is_reached_from_outside_and_through_a_proxy_on_this_machine(self) -> None:
        """Database and broker have no port of the host."""
        assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
            "web": ["127.0.0.1:8000:8000"]
        }

    def test_the_image_runs_as_nobody_special_and_checks_every_package(self) -> None:
        """A number that the operator can give files to, and no package without its hash."""
        image = (BASE / "Dockerfile").read_text()

        assert image.rstrip().endswith("USER tlsportal")
        assert "--uid 10001" in image
        assert "--require-hashes -r requirements.lock" in image


class TestHealthCheck:
    @pytest.fixture
    def answer(self) -> Iterator[dict[str, Any]]:
        """What a web process on its own port answers at /healthz to the portal's own name."""
        told: dict[str, Any] = {}

        class Web(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fits = (self.headers["Host"], self.path) == ("portal.example.com", "/healthz")
                body = json.dumps(told["said"]).encode() if fits else b"<h1>Bad Request (400)</h1>"
                self.send_response(told["status"] if fits else 400)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: Any) -> None: ...

        with HTTPServer(("127.0.0.1", 0), Web) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            told["address"] = f"http://127.0.0.1:{server.server_port}"
            yield told
            server.shutdown()

    @pytest.mark.parametrize(
        ("status", "said", "code", "why"),
        [
            pytest.param(200, {"database": True, "broker": True, "late": []}, 0, "", id="healthy"),
            pytest.param(503, {"database": True, "broker": True, "late": ["probe"]}, 0, "", id="a worker is late"),
            pytest.param(503, {"database": False, "broker": True, "late": []}, 1, "database", id="no database"),
            pytest.param(503, {"database": True, "broker": False, "late": []}, 1, "broker", id="no broker"),
            pytest.param(500, ["?"], 1, "status 500", id="something else"),
        ],
    )
    def test_is_about_the_web_process_alone(
        self, answer: dict[str, Any], status: int, said: object, code: int, why: str
    ) -> None:
        """A container is unhealthy only where its own process is at fault."""
        answer |= {"status": status, "said": said}

        asked = health(answer["address"], "https://portal.example.com")

        assert asked.returncode == code, asked.stderr
        assert why in asked.stdout

    def test_nobody_answers(self) -> None:
        """A process that is not there is a line, not a traceback."""
        asked = health(f"http://127.0.0.1:{free_port()}", "https://portal.example.com")

        assert (asked.returncode, asked.stderr) == (1, "")
        assert "refused" in asked.stdout


def health(address: str, url: str) -> subprocess.CompletedProcess[str]:
    """Ask as the container does."""
    command = [sys.executable, *SERVICES["web"]["healthcheck"]["test"][2:-1], address]
    return subprocess.run(
        command, cwd=BASE, env={"TLSPORTAL_URL": url}, capture_output=True, text=True, check=False, timeout=30
    )
