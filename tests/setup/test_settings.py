"""Settings: nothing is invented in production, nothing is silently ignored, secrets come from files."""

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parents[2]
SECRET = "production-secret-" * 4
PRODUCTION = {
    "TLSPORTAL_ENV": "production",
    "TLSPORTAL_SECRET_KEY": SECRET,
    "TLSPORTAL_URL": "https://portal.example.com",
    "TLSPORTAL_DATABASE_URL": "postgresql://portal@db.example.com/portal",
    "TLSPORTAL_BROKER_URL": "redis://broker.example.com:6379/0",
}
SHOW = (
    "import json,sys; from tlsportal import settings as s; print(json.dumps({n: getattr(s, n) for n in sys.argv[1:]}))"
)


def load(*names: str, **environment: str) -> tuple[dict[str, object], str]:
    """The settings *names* under *environment* alone, and the last line of what was said if they were refused."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TLSPORTAL_", "DATABASE_"))}
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *names],
        cwd=BASE,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return (json.loads(done.stdout) if done.returncode == 0 else {}), done.stderr.strip().rpartition("\n")[2]


class TestProduction:
    @pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "TLSPORTAL_ENV"])
    def test_each_thing_that_must_be_named_is_demanded(self, name):
        """A missing address, key, database or broker stops the start with its variable's name."""
        _settings, refusal = load(**{key: value for key, value in PRODUCTION.items() if key != name})

        assert f"{name} is missing" in refusal

    def test_what_was_named_is_used(self):
        """Address, database and broker are those that were named; the portal answers to one name only."""
        settings, refusal = load("ALLOWED_HOSTS", "DATABASES", "BROKER_URL", "SECRET_KEY", **PRODUCTION)

        assert refusal == ""
        assert settings["ALLOWED_HOSTS"] == ["portal.example.com"]
        assert settings["DATABASES"]["default"]["HOST"] == "db.example.com"
        assert (settings["BROKER_URL"], settings["SECRET_KEY"]) == (PRODUCTION["TLSPORTAL_BROKER_URL"], SECRET)

    def test_https_makes_cookies_secure(self):
        """With an https address no cookie travels in the clear, and browsers are told to stay with TLS."""
        settings, _refusal = load(
            "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_NAME", "SECURE_HSTS_SECONDS", **PRODUCTION
        )

        assert settings["SESSION_COOKIE_SECURE"] is settings["CSRF_COOKIE_SECURE"] is True
        assert settings["SESSION_COOKIE_NAME"] == "__Host-session"
        assert settings["SECURE_HSTS_SECONDS"] == 31536000

    def test_a_secret_can_lie_in_a_file(self, tmp_path):
        """TLSPORTAL_SECRET_KEY_FILE names a file, as container secrets do; its newline is no part of it."""
        (tmp_path / "key").write_text(SECRET + "\n")
        environment = {key: value for key, value in PRODUCTION.items() if key != "TLSPORTAL_SECRET_KEY"}

        settings, _refusal = load("SECRET_KEY", TLSPORTAL_SECRET_KEY_FILE=str(tmp_path / "key"), **environment)

        assert settings["SECRET_KEY"] == SECRET

    @pytest.mark.parametrize(
        ("content", "why"), [(None, "No such file"), (b"\xff\xfe", "this is no text")], ids=["missing", "binary"]
    )
    def test_a_file_that_cannot_be_read_is_named(self, tmp_path, content, why):
        """One line with variable, file and who must be able to read it: in a container that is a number."""
        path = tmp_path / "word"
        if content is not None:
            path.write_bytes(content)

        _settings, refusal = load(TLSPORTAL_MAIL_PASSWORD_FILE=str(path), **PRODUCTION)

        assert f"TLSPORTAL_MAIL_PASSWORD_FILE: {path}: {why}" in refusal
        assert f"user {os.geteuid()}" in refusal

    def test_an_empty_variable_is_one_that_is_not_set(self):
        """docker-compose.yml hands on every variable, most of them empty; numbers and files too."""
        names = ("TIME_ZONE", "KEEP_DAYS", "EMAIL_PORT", "EMAIL_HOST_PASSWORD")
        variables = ("TIME_ZONE", "KEEP_DAYS", "MAIL_RELAY_PORT", "MAIL_PASSWORD_FILE", "LOG_LEVEL")

        unset, _refusal = load(*names, **PRODUCTION)
        settings, refusal = load(*names, **PRODUCTION, **{f"TLSPORTAL_{name}": "" for name in variables})

        assert refusal == ""
        assert settings == unset


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("TLSPORTAL_SECRET_KEY", "short"),
            ("TLSPORTAL_URL", "portal.example.com"),
            ("TLSPORTAL_URL", "https://portal.example.com/below"),
            ("TLSPORTAL_ALLOWED_HOSTS", "*"),
            ("TLSPORTAL_BROKER_URL", "amqp://broker.example.com"),
            ("TLSPORTAL_PROXY_COUNT", "-1"),
            ("TLSPORTAL_MAIL_RELAY_PORT", "70000"),
            ("TLSPORTAL_ENV", "staging"),
            ("TLSPORTAL_MAIL_TLS", "maybe"),
            ("TLSPORTAL_BODY_MAX_BYTES", "1MB"),
        ],
    )
    def test_a_value_that_cannot_be_meant_is_named(self, name, value):
        """A wrong value is refused at the start, with the variable's name, instead of being guessed at."""
        _settings, refusal = load(**{**PRODUCTION, name: value})

        assert refusal.startswith("django.core.exceptions.ImproperlyConfigured")
        assert name in refusal


class TestMail:
    def test_without_a_relay_no_mail_is_promised(self):
        """Nothing is sent to whoever happens to listen on port 25."""
        settings, _refusal = load("MAIL_CONFIGURED", **PRODUCTION)

        assert settings["MAIL_CONFIGURED"] is False

    @pytest.mark.parametrize(
        ("relay", "said", "starttls", "implicit"),
        [
            pytest.param("127.0.0.1", "", False, False, id="on this machine"),
            pytest.param("relay.example.com", "", True, False, id="elsewhere"),
            pytest.param("relay.example.com", "implicit", False, True, id="implicit"),
            pytest.param("relay.example.com", "none", False, False, id="told to"),
        ],
    )
    def test_links_leave_the_machine_over_tls(self, relay, said, starttls, implicit):
        """Unless somebody says otherwise."""
        words = {"TLSPORTAL_MAIL_RELAY": relay, "TLSPORTAL_MAIL_TLS": said}
        settings, _refusal = load("MAIL_CONFIGURED", "EMAIL_USE_TLS", "EMAIL_USE_SSL", **PRODUCTION, **words)

        assert settings == {"MAIL_CONFIGURED": True, "EMAIL_USE_TLS": starttls, "EMAIL_USE_SSL": implicit}

    def test_the_password_comes_from_a_file_and_never_travels_in_the_clear(self, tmp_path):
        """As container secrets do; with TLS switched off it stops the start."""
        (tmp_path / "word").write_text("s3cret\n")
        words = {"TLSPORTAL_MAIL_RELAY": "relay.example.com", "TLSPORTAL_MAIL_PASSWORD_FILE": str(tmp_path / "word")}

        settings, _refusal = load("EMAIL_HOST_PASSWORD", **PRODUCTION, **words)
        _settings, refusal = load(**PRODUCTION, **words, TLSPORTAL_MAIL_TLS="none")

        assert settings["EMAIL_HOST_PASSWORD"] == "s3cret"
        assert "TLSPORTAL_MAIL_TLS" in refusal and "s3cret" not in refusal


class TestEmbedded:
    def test_children_that_start_at_once_share_one_key(self, tmp_path):
        """The secret key is made once, is the owner's alone, and no child reads half of it."""
        with ThreadPoolExecutor(4) as pool:
            loaded = list(pool.map(lambda _n: load("SECRET_KEY", TLSPORTAL_DATA_DIR=str(tmp_path / "data")), range(4)))

        kept = tmp_path / "data" / "secret_key"
        assert {settings["SECRET_KEY"] for settings, _refusal in loaded} == {kept.read_text()}
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]

    def test_sqlite_takes_the_write_lock_at_once(self, tmp_path):
        """IMMEDIATE, WAL and a wait: without them a busy SQLite answers "database is locked"."""
        settings, _refusal = load("DATABASES", TLSPORTAL_DATA_DIR=str(tmp_path))

        options = settings["DATABASES"]["default"]["OPTIONS"]
        assert options["transaction_mode"] == "IMMEDIATE"
        assert "journal_mode=WAL" in options["init_command"]
        assert settings["DATABASES"]["default"]["ATOMIC_REQUESTS"] is False

    def test_a_directory_that_cannot_be_written_is_named(self):
        """No key can be kept there: the directory is named, and the variable that names another."""
        _settings, refusal = load(TLSPORTAL_DATA_DIR="/proc/tlsportal")

        assert "data directory /proc/tlsportal" in refusal
        assert "TLSPORTAL_DATA_DIR" in refusal
