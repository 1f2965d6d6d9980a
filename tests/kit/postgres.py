"""A private PostgreSQL cluster on a unix socket, for everything that SQLite does not show.

    postgres_server.database("name")     makes an empty database and returns its address               (session fixture)
    postgres_server.kill(); postgres_server.start()     a crash and its recovery
    postgres_server.pause(); postgres_server.resume()   a database that hangs

The addresses are for TLSPORTAL_DATABASE_URL. With TLSPORTAL_TEST_DATABASE=postgresql in the environment the whole test
session uses such a cluster in place of SQLite.
"""

import glob
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.kit.daemon import Daemon, private_directory, program

CLUSTER_USER = "postgres"
_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",  # a killed process loses nothing by it, only a power cut would
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "dynamic_shared_memory_type": "mmap",
}


class PostgresServer:
    """One cluster below a directory of its own; it runs as user postgres when the tests run as root."""

    def __init__(self) -> None:
        """Make the cluster; start() runs it."""
        user = CLUSTER_USER if os.geteuid() == 0 else None
        newest = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)  # noqa: PTH207
        initdb, postgres = (program(name, "postgresql", *newest) for name in ("initdb", "postgres"))
        self.directory = private_directory("postgres", user=user)
        cluster = self.directory / "cluster"
        _make_cluster(initdb, cluster, user)
        settings = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [postgres, "-D", cluster, "-k", self.directory, *settings]
        log = Path(self.directory, "postgres.log")
        self.daemon = Daemon("postgres", command, log, user=user)
        self.pause, self.resume = self.daemon.pause, self.daemon.resume

    @property
    def url(self) -> str:
        """The address of the database "postgres"."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the address of *database* as settings.DATABASE_URL reads it: the socket's directory, then the name."""
        return f"postgres://{CLUSTER_USER}@/{self.directory}/{database}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection that commits each statement."""
        return psycopg.connect(
            host=str(self.directory), user=CLUSTER_USER, dbname=database, autocommit=True, connect_timeout=5
        )

    def database(self, name: str) -> str:
        """Make the empty database *name* and return its address."""
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url_of(name)

    def start(self) -> None:
        """Start the cluster, or start it again."""
        self.daemon.start(self._answers, timeout=30)

    def stop(self) -> None:
        """Stop the cluster in order, ending its sessions."""
        self.daemon.stop(signal.SIGINT)

    def kill(self) -> None:
        """End the cluster with all its sessions, as a power cut would."""
        self.daemon.kill()
        Path(self.directory, "cluster", "postmaster.pid").unlink(missing_ok=True)

    def ensure(self) -> None:
        """Let it run again, whatever a test did to it."""
        if self.daemon.is_running:
            self.resume()
        else:
            self.start()

    def close(self) -> None:
        """Stop the cluster and remove it."""
        self.daemon.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


def _make_cluster(initdb: str, cluster: Path, user: str | None) -> None:
    options = ["-U", CLUSTER_USER, "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"]
    command = [initdb, "-D", str(cluster), *options]
    made = subprocess.run(command, user=user, group=user, cwd="/", capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.fail(f"initdb failed: {made.stderr}")
