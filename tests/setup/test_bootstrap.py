"""`.venv` beside manage.py: made by the standard library, filled by hash, healed, and left alone when it is right."""

import ast
import base64
import hashlib
import os
import pwd
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parents[2]
INSTALL_SECONDS = 120
# The words after the bootstrap are not its matter: this says where it led.
COMMAND_LINE = """
import sys

def run(argv):
    import sample
    print("inside", sys.prefix, sample.VERSION)
    return 0
"""


class Clone:
    """A checkout with nothing but the bootstrap, whose lock names one package that lies beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.printed = ""  # on standard output, at the last start
        (folder / "tlsportal").mkdir(parents=True)
        self.wheels.mkdir()
        for name in ("manage.py", "tlsportal/__init__.py", "tlsportal/bootstrap.py", "tlsportal/debian.py"):
            shutil.copy(BASE / name, folder / name)
        (folder / "tlsportal" / "command_line.py").write_text(COMMAND_LINE)
        self.lock("1.0")

    def lock(self, version: str) -> None:
        """Let both locks name *version* of the package."""
        digest = hashlib.sha256(self._wheel(version).read_bytes()).hexdigest()
        for name in ("requirements.lock", "requirements-dev.lock"):
            (self.folder / name).write_text(f"sample=={version} \\\n    --hash=sha256:{digest}\n")

    def _wheel(self, version: str) -> Path:
        path = self.wheels / f"sample-{version}-py3-none-any.whl"
        about = f"sample-{version}.dist-info"
        files = {
            "sample.py": f"VERSION = {version!r}\n",
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: sample\nVersion: {version}\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        rows = [f"{name},{_record_hash(text)},{len(text)}" for name, text in files.items()]
        with zipfile.ZipFile(path, "w") as wheel:
            for name, text in {**files, f"{about}/RECORD": "\n".join([*rows, f"{about}/RECORD,,", ""])}.items():
                wheel.writestr(name, text)
        return path

    def start(self, *words: str, python: str = sys.executable, user: int | None = None) -> tuple[int, str]:
        """Run manage.py with *words*; return exit code and all it said."""
        environment = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}
        done = subprocess.run(
            [python, str(self.folder / "manage.py"), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
            env={**environment, "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"},
            user=user,
        )
        self.printed = done.stdout
        return done.returncode, done.stderr + done.stdout

    @property
    def unfinished(self) -> Path:
        return self.folder / ".venv" / "tlsportal-unfinished"


def cpu_seconds() -> float:
    """What all ended children have cost; the clock on the wall would tell what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _record_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, str]:
    """A clone after its first start, and what that said."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    code, said = clone.start("up")
    assert code == 0, said
    assert clone.printed == f"inside {clone.folder / '.venv'} 1.0\n"  # as the first start may be predict --jsonl
    return clone, said


@pytest.mark.slow
class TestFirstStart:
    def test_makes_the_environment_and_runs_inside(self, installed):
        """One command leads into .venv, with the locked package in it."""
        clone, said = installed

        assert said.endswith(f"inside {clone.folder / '.venv'} 1.0\n")

    def test_says_what_it_does_in_short_lines(self, installed):
        """Two lines of progress, and a sign of life where it takes long; pip itself is not heard."""
        told = [line for line in installed[1].splitlines() if " still at it after " not in line]

        assert told[:-1] == [
            "tlsportal: making .venv (once)",
            "tlsportal: installing the 1 packages of requirements.lock, each checked by its hash",
        ]

    def test_second_start_adds_nothing(self, installed):
        """The second start says nothing of its own and costs next to nothing."""
        clone, _said = installed

        before = cpu_seconds()
        bare = subprocess.run([sys.executable, "-c", ""], check=True)
        bare_seconds = cpu_seconds() - before
        code, said = clone.start("up")
        seconds = cpu_seconds() - before - bare_seconds

        assert (bare.returncode, code) == (0, 0)
        assert said == f"inside {clone.folder / '.venv'} 1.0\n"
        assert seconds < 2 * bare_seconds + 1.0  # two interpreters; no pip, which alone takes longer


@pytest.mark.slow
class TestHealing:
    @pytest.fixture
    def clone(self, installed: tuple[Clone, str], tmp_path: Path) -> Iterator[Clone]:
        """The installed clone, with its lock as it was."""
        yield installed[0]
        installed[0].lock("1.0")

    def test_a_changed_lock_is_installed(self, clone):
        """After an update of the checkout, the next start installs what the lock names now."""
        clone.lock("2.0")

        code, said = clone.start("up")

        assert (code, said.splitlines()[-1]) == (0, f"inside {clone.folder / '.venv'} 2.0")

    def test_an_installation_cut_off_is_begun_anew(self, clone):
        """A mark of an unfinished installation is enough to distrust all of .venv."""
        (clone.folder / ".venv" / "bin" / "stray").write_text("half a file")
        clone.unfinished.touch()

        code, said = clone.start("up")

        assert (code, said.splitlines()[0]) == (0, "tlsportal: making .venv (once)")
        assert not (clone.folder / ".venv" / "bin" / "stray").exists()

    def test_an_interpreter_that_is_gone_is_replaced(self, clone):
        """A system upgrade that takes the old Python away does not end in a traceback."""
        python = clone.folder / ".venv" / "bin" / "python"
        python.unlink()
        python.symlink_to("/nonexistent/python3.10")

        code, said = clone.start("up")

        assert (code, said.splitlines()[-1]) == (0, f"inside {clone.folder / '.venv'} 1.0")

    def test_a_wrong_hash_is_refused(self, clone):
        """A package that is not byte for byte what was locked stops the start, and the next one tries again."""
        clone.lock("3.0")
        lock = clone.folder / "requirements.lock"
        lock.write_text(f"sample==3.0 --hash=sha256:{'0' * 64}\n")
        (clone.folder / "requirements-dev.lock").write_text(lock.read_text())

        code, said = clone.start("up")

        assert code == 1
        assert "DO NOT MATCH THE HASHES" in said
        assert said.endswith("tlsportal: the locked packages could not be installed; the lines above say why.\n")
        assert clone.unfinished.exists()


class TestRefusals:
    def test_an_old_python_gets_a_sentence(self):
        """manage.py parses on old Pythons, and tells them in one line what is needed."""
        text = (BASE / "manage.py").read_text()
        old = "import sys, runpy; sys.version_info = (3, 9, 2); runpy.run_path(sys.argv[1], run_name='__main__')"

        done = subprocess.run(
            [sys.executable, "-c", old, str(BASE / "manage.py")], capture_output=True, text=True, check=False
        )

        assert ast.parse(text, feature_version=(3, 4))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("tlsportal: Python 3.11 or newer is needed, but this is Python 3.9.")
        assert done.stderr.count("\n") == 1

    @pytest.mark.skipif(
        os.geteuid() != 0 or not Path("/usr/bin/python3").exists(), reason="needs root and a system Python"
    )
    def test_a_read_only_checkout_gets_a_sentence(self):
        """Somebody who may not write beside manage.py is told so, in one line."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            clone = Clone(Path(folder) / "clone")

            code, said = clone.start("up", python="/usr/bin/python3", user=pwd.getpwnam("nobody").pw_uid)

        assert (code, said) == (
            1,
            f"tlsportal: {clone.folder} cannot be written. Clone into a directory that you may write to.\n",
        )
