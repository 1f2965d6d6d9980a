"""Debian packages for the tests: listed before, installed without a question, and never beside a mail server."""

import os
from pathlib import Path

import pytest

from tlsportal import debian

OWN_POLICY = "#!/bin/sh\nexit 0\n"


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for policy-rc.d that is not this machine's."""
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(debian, "POLICY", path)
    monkeypatch.setattr(debian, "POLICY_KEPT", tmp_path / "policy-rc.d.before-tlsportal")
    return path


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Path) -> Path:
    """An apt-get and a dpkg that install nothing, and note what was asked and whether services could start."""
    tools, noted = tmp_path / "bin", tmp_path / "noted"
    tools.mkdir()
    scripts = {
        "apt-get": f'echo "apt-get $* frontend=$DEBIAN_FRONTEND policy=$(grep -c exit.101 {policy} 2>/dev/null)" >> {noted}\n'
        f'test -e {tmp_path}/fails && echo "E: Unable to locate package" && exit 100\nexit 0\n',
        "dpkg-query": "echo not-installed\n",
        "debconf-set-selections": f'echo "debconf $(cat)" >> {noted}\n',
    }
    for name, script in scripts.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(debian, "_running_mta", lambda: "")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return noted


def proc(folder: Path, *, listening: int | None = None, program: str = "") -> Path:
    """A /proc that shows a listener on a port, or a program."""
    (folder / "net").mkdir(parents=True)
    head = "  sl  local_address rem_address   st\n"
    row = f"   0: 0100007F:{listening:04X} 00000000:0000 0A\n" if listening else ""
    (folder / "net" / "tcp").write_text(head + row)
    (folder / "71").mkdir()
    (folder / "71" / "comm").write_text(f"{program or 'bash'}\n")
    return folder


class TestMailServerHere:
    def test_a_listener_on_port_25_is_one(self, tmp_path):
        """Whatever listens on port 25 is not to be disturbed."""
        assert debian._running_mta(proc(tmp_path, listening=25)) == "something listens on port 25"

    @pytest.mark.parametrize("program", ["master", "exim4", "sendmail"])
    def test_a_running_mail_program_is_one(self, tmp_path, program):
        """A mail server that listens elsewhere, or nowhere, is one as well."""
        assert program in debian._running_mta(proc(tmp_path, program=program))

    def test_other_programs_are_none(self, tmp_path):
        """Port 2525 and a shell stop nobody."""
        assert debian._running_mta(proc(tmp_path, listening=2525)) == ""


class TestPolicy:
    def test_forbids_while_it_lasts(self, policy):
        """101 while packages are installed, nothing afterwards."""
        with debian._nothing_starts():
            assert policy.read_text().endswith("exit 101\n")
            assert os.access(policy, os.X_OK)

        assert not policy.exists()

    def test_the_hosts_own_comes_back_after_a_failure(self, policy):
        """A policy that was there before survives, whatever happens."""
        policy.write_text(OWN_POLICY)

        with pytest.raises(ZeroDivisionError), debian._nothing_starts():
            raise ZeroDivisionError

        assert policy.read_text() == OWN_POLICY

    def test_what_a_killed_run_left_is_put_right(self, policy):
        """After a kill -9 in the middle, the next run restores the host's own."""
        debian.POLICY_KEPT.write_text(OWN_POLICY)
        policy.write_text(debian.POLICY_TEXT)

        with debian._nothing_starts():
            pass

        assert policy.read_text() == OWN_POLICY


class TestInstall:
    def test_lists_first_and_asks_nothing(self, apt, capsys):
        """What will be installed is told before; the front end is silent; no service can start."""
        debian.install_test_packages(override=False)

        said, noted = capsys.readouterr().out.splitlines(), apt.read_text()
        assert said[0] == "tlsportal: the tests need these Debian packages: " + " ".join(debian.TEST_PACKAGES)
        assert "install --no-install-recommends postfix" in noted
        assert "frontend=noninteractive policy=1" in noted

    def test_postfix_is_told_to_stay_local(self, apt):
        """Debian's default would let Postfix listen to the world at the next boot."""
        debian.install_test_packages(override=False)

        assert "debconf postfix postfix/main_mailer_type select Local only" in apt.read_text()

    def test_a_failure_shows_what_apt_said(self, apt, tmp_path, policy):
        """apt's last lines and one of ours, and the policy is gone."""
        (tmp_path / "fails").touch()

        with pytest.raises(SystemExit, match=r"Unable to locate package\ntlsportal: apt-get could not install"):
            debian.install_test_packages(override=False)

        assert not policy.exists()

    @pytest.mark.parametrize("override", [False, True])
    def test_a_mail_server_stops_it_unless_overridden(self, apt, monkeypatch, override):
        """Beside a running mail server nothing is installed, but for --install-anyway."""
        monkeypatch.setattr(debian, "_running_mta", lambda: "something listens on port 25")

        try:
            debian.install_test_packages(override=override)
        except SystemExit as refused:
            assert "--install-anyway" in str(refused)

        assert apt.exists() is override

    def test_without_root_the_line_is_printed(self, apt, monkeypatch):
        """Who may not install gets the line to hand to somebody who may."""
        monkeypatch.setattr(os, "geteuid", lambda: 1000)

        with pytest.raises(SystemExit, match="sudo apt-get install --yes --no-install-recommends postfix"):
            debian.install_test_packages(override=False)

        assert not apt.exists()

    def test_nothing_missing_nothing_said(self, apt, tmp_path, capsys):
        """On a machine that has all, the command is silent."""
        (tmp_path / "bin" / "dpkg-query").write_text("#!/bin/sh\nprintf installed\n")

        debian.install_test_packages(override=False)

        assert (capsys.readouterr().out, apt.exists()) == ("", False)
