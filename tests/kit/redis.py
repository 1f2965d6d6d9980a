"""A private Redis on a unix socket, for queues and faults.

    redis_server.url          "redis+socket:///…" for Celery, .client_url "unix:///…" for redis-py    (session fixture)
    redis_server.kill(); redis_server.start()      a crash loses what was not on disk; appendonly=True keeps it
    redis_server.pause(); redis_server.resume()    a broker that hangs

A test that needs an empty one begins with redis_server.client().flushall().
"""

import shutil
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.kit.daemon import Daemon, private_directory, program


class RedisServer:
    """One redis-server (or valkey-server) below a directory of its own."""

    def __init__(self, *, appendonly: bool = False) -> None:
        """Prepare the server; start() runs it."""
        self.directory = private_directory("redis")
        self.socket = self.directory / "redis.sock"
        binary = shutil.which("valkey-server") or program("redis-server", "redis-server")
        listening = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "600"]
        keeping = ["--dir", str(self.directory), "--save", "", "--appendonly", "yes" if appendonly else "no"]
        command = [binary, "--daemonize", "no", *listening, *keeping, "--appendfsync", "always"]
        self.daemon = Daemon("redis", command, Path(self.directory, "redis.log"))
        self.kill, self.pause, self.resume = self.daemon.kill, self.daemon.pause, self.daemon.resume

    @property
    def url(self) -> str:
        """The address in the form that Celery and kombu read."""
        return f"redis+socket://{self.socket}"

    @property
    def client_url(self) -> str:
        """The address in the form that redis-py reads."""
        return f"unix://{self.socket}"

    def client(self, timeout: float = 2.0) -> redis.Redis:
        """Return a client that gives up after *timeout* seconds and does not try again."""
        never = Retry(NoBackoff(), 0)
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=timeout, retry=never)

    def start(self) -> None:
        """Start the server, or start it again."""
        self.socket.unlink(missing_ok=True)
        self.daemon.start(self._answers)

    def stop(self) -> None:
        """Stop the server in order."""
        self.daemon.stop()

    def ensure(self) -> None:
        """Let it run again, whatever a test did to it."""
        if self.daemon.is_running:
            self.resume()
        else:
            self.start()

    def close(self) -> None:
        """Stop the server and remove what it kept."""
        self.daemon.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.ConnectionError:
            return False
