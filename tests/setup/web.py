"""The web process alone, as `manage.py up` starts it: granian before the real application, and what it logs."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.setup.portal import BASE, START_SECONDS, free_port


class Web:
    """A granian over a data directory of its own."""

    def __init__(self, directory: Path) -> None:
        """Prepare the database, start, and wait for an answer."""
        self.port, self.log = free_port(), directory / "log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("TLSPORTAL_", "DJANGO_"))}
        self._environment = {
            **clean,
            "DJANGO_SETTINGS_MODULE": "tlsportal.settings",
            "TLSPORTAL_DATA_DIR": str(directory),
            "TLSPORTAL_URL": f"http://127.0.0.1:{self.port}",
        }
        self.first_link = self._run("-m", "django", "prepare", "--first-account", "ann@house.example").split()[-1]
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
        command += [
            "--port",
            str(self.port),
            "--http",
            "1",
            "--no-ws",
            "--log-level",
            "error",
            "--blocking-threads",
            "4",
        ]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "tlsportal.wsgi:application"],
                cwd=BASE,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._await_answer()

    @property
    def logged(self) -> str:
        """Every line of the log so far."""
        return self.log.read_text()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of the answer."""
        with_dashes = {name.replace("_", "-"): value for name, value in headers.items()}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            with suppress(BrokenPipeError):  # an answer may come before the whole body is sent
                link.request(method, path, body=body, headers=with_dashes)
            answer = link.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            link.close()

    def close(self) -> None:
        """End the process group."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(15)

    def _run(self, *words: str) -> str:
        command = [sys.executable, *words]
        done = subprocess.run(
            command, cwd=BASE, env=self._environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.ask("GET", "/accounts/login/")
            except OSError:
                assert self._process.poll() is None, self.logged
                time.sleep(0.2)
            else:
                return
        raise AssertionError(self.logged)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The web process, for the tests of one file."""
    running = Web(tmp_path_factory.mktemp("web"))
    yield running
    running.close()
