"""`manage.py up`: one command that runs the portal, and an end that leaves nothing behind."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.setup.portal import Portal, at_console, free_port, refusal


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = Portal(tmp_path_factory.mktemp("up") / "data")
    yield running
    running.close()


@pytest.mark.slow
class TestRunning:
    def test_sign_in_page_answers(self, portal):
        """The address that was printed shows the sign-in page."""
        assert f"http://127.0.0.1:{portal.port}/accounts/login/" in portal.await_line("the portal is at")
        assert portal.status("/accounts/login/") == 200

    def test_database_and_broker_are_reached(self, portal):
        """/healthz is 200 only when both answer."""
        assert portal.status("/healthz") == 200

    def test_both_queues_are_worked_on(self, portal):
        """A worker for each queue gets ready."""
        portal.await_line("probe@")
        portal.await_line("control@")

    def test_first_person_gets_a_link(self, portal):
        """While nobody has an account, a link of one use is printed, and it opens."""
        path = portal.first_link.partition(f":{portal.port}")[2]

        assert portal.status(path) == 200

    def test_links_of_the_console_lead_to_this_portal(self, portal):
        """What is printed at the console beside a running `up` begins with its address, whatever its port."""
        portal.await_line("the portal is at")

        code, said = at_console("invite", "max@example.com", "--role", "approver", directory=portal.directory)

        assert code == 0
        assert said.startswith(f"http://127.0.0.1:{portal.port}/invitations/")

    def test_nobody_else_may_read_what_is_kept(self, portal):
        """Directory, database, key and broker socket are the owner's alone."""
        kept = [portal.directory / name for name in ("db.sqlite3", "secret_key", "broker.sock", "lock")]

        assert stat.S_IMODE(portal.directory.stat().st_mode) == 0o700
        assert [path.name for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077] == []

    def test_second_up_refuses_the_same_directory(self, portal):
        """Two on one data directory would spoil each other's work: the second says so in one line."""
        code, said = refusal("--data-dir", str(portal.directory), "--port", str(free_port()))

        assert code == 1
        assert said.startswith(f"tlsportal: data directory {portal.directory}: another `up`")
        assert said.count("\n") == 1

    def test_second_up_refuses_the_same_port(self, portal, tmp_path):
        """A port in use is one line that names it and the way out."""
        code, said = refusal("--data-dir", str(tmp_path / "other"), "--port", str(portal.port))

        assert code == 1
        assert (
            said
            == f"tlsportal: port {portal.port} on 127.0.0.1: something else listens there. Choose another one with --port.\n"
        )

    def test_a_child_that_dies_is_started_again(self, portal):
        """After a kill -9 of the web server, the portal answers again by itself."""
        web = min(pid for pid, command in portal.processes().items() if "granian" in command)

        os.kill(web, signal.SIGKILL)
        portal.await_line("web ended by signal 9; starting it again")

        assert portal.await_status("/accounts/login/") == 200


@pytest.mark.slow
class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "Ctrl-C"])
    def test_ends_clean_and_keeps_all(self, tmp_path, number):
        """No process is left, the exit code is 0, and the next start knows what the first one kept."""
        first = Portal(tmp_path / "data")
        path = first.first_link.partition(f":{first.port}")[2]

        code = first.stop(number)

        assert (code, first.processes()) == (0, {})
        second = Portal(tmp_path / "data")
        try:
            assert second.status(path) == 200
        finally:
            second.close()

    def test_a_killed_supervisor_leaves_nothing(self, tmp_path):
        """kill -9 gives no time to clean up, and still every child ends."""
        portal = Portal(tmp_path / "data")

        portal.stop(signal.SIGKILL)

        assert portal.await_silence(20) == {}


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "line"),
        [
            pytest.param(
                ["--data-dir", "/proc/tlsportal"], "tlsportal: data directory /proc/tlsportal: ", id="directory"
            ),
            pytest.param(["--port", "70000"], "tlsportal: --port 70000: a port is", id="port"),
            pytest.param(["--bind", "everywhere"], "tlsportal: --bind everywhere: this is not", id="bind"),
            pytest.param(["--bind", "0.0.0.0"], "tlsportal: --bind 0.0.0.0: tell the address", id="everywhere"),
        ],
    )
    def test_one_line_says_what_is_wrong(self, tmp_path, words, line):
        """Cause and cure in one line, no traceback, and a code that a script can see."""
        own = [] if "--data-dir" in words else ["--data-dir", str(tmp_path / "data")]

        code, said = refusal(*own, *words)

        assert code == 1
        assert said.startswith(line)
        assert said.count("\n") == 1

    def test_a_file_in_the_way_is_named(self, tmp_path):
        """A data directory that is a file is refused, not overwritten."""
        (tmp_path / "data").write_text("mine")

        code, said = refusal("--data-dir", str(tmp_path / "data"))

        assert (code, (tmp_path / "data").read_text()) == (1, "mine")
        assert said.startswith("tlsportal: data directory")


def test_a_broken_setting_ends_the_start(tmp_path: Path):
    """A broken setting ends the start with the setting's name, and nothing keeps running."""
    code, said = refusal("--data-dir", str(tmp_path), "--port", str(free_port()), TLSPORTAL_PROXY_COUNT="many")

    assert code == 1
    assert "TLSPORTAL_PROXY_COUNT" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [(), ("--help",)], ids=["nothing", "help"])
def test_without_a_word_the_portal_names_its_own_first(tmp_path: Path, words: tuple[str, ...]):
    """Whoever types manage.py alone reads of up and import_policy, and of no Django."""
    code, said = at_console(*words, directory=tmp_path)

    assert code == 0
    assert [
        word for word in ("up", "test", "import_policy", "relay_token", "invite") if f"\n  {word} " not in said
    ] == []
    assert "createsuperuser" not in said
