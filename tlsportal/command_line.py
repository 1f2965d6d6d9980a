"""The words after manage.py: up, test and dev are ours, all others are Django's."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from tlsportal import bootstrap, debian, supervise

FIRST_WORDS = """\
python3 manage.py …

  up             run the whole portal on this machine; --demo shows an invented world, --help tells the rest
  test           run all tests; installs the Debian packages that they need
  dev            make .venv with the tools of a developer

  import_policy  draft a partner for each line of an existing tls_policy; --dry-run tells what would be taken
  export_policy  write the published map to a file
  relay_token    make the token with which a relay fetches its map
  invite         make a link that brings a person in
  predict        tell what Postfix would do with mail to a nexthop; needs no portal
  probe          look at a partner's servers now, in the foreground
  prepare        bring database and pages to this release (`up` does it by itself)
  changepassword EMAIL   set a password where no mail can be sent

Each takes --help. `python3 manage.py help` lists what Django adds."""
# Of a whole run alone: a narrow one is over before workers have started. Each takes one file after the other, in the
# order of tests/conftest.py, and has a network and databases of its own.
WORKERS_MAX = 4
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # postfix, unbound and knot live there, outside a person's PATH


def run(argv: list[str]) -> int:
    """Run the command that *argv* names; return the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tlsportal.settings")
    command, words = (argv[1], argv[2:]) if len(argv) > 1 else ("", [])
    if command in {"", "-h", "--help"}:
        print(FIRST_WORDS)
        return 0
    if command == "up":
        return supervise.main(words)
    if command == "test":
        _test(words)
    if command == "dev":
        print(f"tlsportal: {bootstrap.VENV} is ready for development", flush=True)
        return 0
    if os.environ.get("TLSPORTAL_ENV", "embedded") == "embedded" and (address := supervise.kept_address()):
        os.environ.setdefault("TLSPORTAL_URL", address)
    try:
        execute_from_command_line(argv)
    except ImproperlyConfigured as refused:
        sys.exit(f"tlsportal: {refused}")
    return 0


def _test(words: list[str]) -> None:
    """Become pytest, with the Debian packages in place that the tests start privately."""
    debian.install_test_packages(override=debian.INSTALL_ANYWAY in words)
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}"
    os.chdir(bootstrap.BASE)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *pytest_words(words, len(os.sched_getaffinity(0)))])


def pytest_words(words: list[str], processors: int) -> list[str]:
    """Return what pytest is told: *words* as they are, or, where none narrows the run, workers for all tests."""
    words = [word for word in words if word != debian.INSTALL_ANYWAY]
    if words or processors == 1:
        return words
    return ["-n", str(min(processors, WORKERS_MAX)), "--dist", "loadfile", "--no-loadscope-reorder"]
