"""The private network and the private servers."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import environ
import psycopg
import pytest
import redis

from tests.kit.daemon import Daemon, DaemonError
from tests.kit.lab import Lab
from tests.kit.postgres import PostgresServer
from tests.kit.redis import RedisServer
from tests.kit.smtpd import Smtpd, wait_until


class TestLab:
    def test_there_is_no_way_outside(self, lab: Lab):
        """An address beyond the lab is unreachable at once."""
        with pytest.raises(OSError, match="unreachable"):
            socket.create_connection(("8.8.8.8", 53), timeout=5)

    @pytest.mark.parametrize("version", [4, 6])
    @pytest.mark.parametrize("public", [False, True])
    def test_any_address_of_the_lab_can_be_served_at_port_25(self, lab: Lab, smtpd: Smtpd, version: int, public: bool):
        """No address needs to be configured."""
        peer = smtpd.peer(lab.address(version=version, public=public))

        with socket.create_connection((peer.address, 25), timeout=5) as connection:
            assert connection.recv(100).startswith(b"220 ")

    def test_a_hole_swallows(self, lab: Lab):
        """Connecting to a hole times out."""
        with pytest.raises(TimeoutError):
            socket.create_connection((lab.hole(), 25), timeout=0.2)

    def test_the_outside_is_kept_for_those_who_ask(self, lab: Lab):
        """outside() leads a command back to where the session came from."""
        readlink = ["readlink", "/proc/self/ns/net"]
        inside, outside = (
            subprocess.run(command, capture_output=True, check=True).stdout
            for command in (readlink, lab.outside(*readlink))
        )

        assert inside != outside


class TestRedis:
    def test_survives_its_own_death(self, redis_server: RedisServer):
        """A killed server refuses, and answers once it is started again."""
        redis_server.client().set("key", "before")

        redis_server.kill()
        with pytest.raises(redis.ConnectionError):
            redis_server.client().ping()

        redis_server.start()
        assert redis_server.client().get("key") is None

    def test_a_paused_server_answers_nothing(self, redis_server: RedisServer):
        """The next test finds it running again by itself."""
        redis_server.pause()

        with pytest.raises(redis.TimeoutError):
            redis_server.client(timeout=0.2).ping()

    def test_runs_again_after_a_test_that_froze_it(self, redis_server: RedisServer):
        """Whatever a test does to the server, the next one has it."""
        assert redis_server.client().ping()


class TestPostgres:
    def test_commits_survive_a_crash(self, postgres_server: PostgresServer):
        """A killed cluster recovers what was committed."""
        with postgres_server.connect() as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (1)")

        postgres_server.kill()
        with pytest.raises(psycopg.OperationalError):
            postgres_server.connect()
        postgres_server.start()

        with postgres_server.connect() as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]

    def test_a_database_has_an_address(self, postgres_server: PostgresServer):
        """The address leads to the new database through the socket."""
        named = environ.Env.db_url_config(postgres_server.database("selftest"))

        with psycopg.connect(host=named["HOST"], user=named["USER"], dbname=named["NAME"]) as connection:
            assert connection.info.dbname == "selftest"


class TestDaemons:
    def test_nothing_outlives_a_killed_session(self):
        """A session that dies by SIGKILL takes its daemons along."""
        session = (
            "import os; from tests.kit.redis import RedisServer; server = RedisServer(); server.start();"
            "print(server.daemon.pid, server.directory, flush=True); os.kill(os.getpid(), 9)"
        )
        told = subprocess.run([sys.executable, "-c", session], capture_output=True, text=True, check=False).stdout
        pid, directory = told.split()

        wait_until(lambda: not Path("/proc", pid, "cmdline").exists() or is_zombie(pid), 5, "the daemon ends")
        shutil.rmtree(directory)

    def test_a_daemon_that_fails_at_its_start_tells_why(self, tmp_path: Path):
        """The error carries the end of the log."""
        daemon = Daemon("sh", ["/bin/sh", "-c", "echo no such luck; exit 3"], tmp_path / "log")

        with pytest.raises(DaemonError, match="ended with 3 at its start; its log ends: no such luck"):
            daemon.start(lambda: False)


def is_zombie(pid: str) -> bool:
    """Whether process *pid* waits only for someone to read its end."""
    return " Z " in Path("/proc", pid, "stat").read_text()
