"""The script on the export page, run as printed: real curl, real postmap, a relay's own directory."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from partners.actions.certificates import add_authority
from partners.actions.relay_groups import add_group
from partners.actions.releases import cut, publish
from partners.actions.tokens import make_relay_token
from partners.models import Change, RelayGroup, RelayToken, User
from partners.web.views.export import fetch_script
from tests.actions.people import approver
from tests.kit.ca import root_ca, self_signed
from tests.web.candidate_world import added, agreed, changed, published

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay(tmp_path: Path, live_server: LiveServer, settings: pytest.FixtureRequest) -> Path:
    """The directory of a relay whose group has a published map, with the token and the script in it."""
    now = timezone.now()
    settings.PORTAL_URL = live_server.url
    boss = approver()
    group = add_group("main", postfix="3.7.11", openssl="3.0.19", tafile_directory=str(tmp_path), by=boss, now=now)
    release = published([added("Fjordbank", "fjordbank.example", "encrypt", by=boss, now=now)], boss, now=now)
    secret = make_relay_token(group, by=boss, now=now, relay="relay1.house.example")
    (tmp_path / "token.header").write_text(f"Authorization: Bearer {secret}\n")
    (tmp_path / "fetch.sh").write_text(fetch_script(release.artefacts.get()))
    return tmp_path


def fetch(relay: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **more}
    return subprocess.run(
        ["sh", "fetch.sh"], cwd=relay, env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def looked_up(relay: Path, key: str) -> str:
    done = subprocess.run(
        ["/usr/sbin/postmap", "-q", key, f"hash:{relay}/tls_policy"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout.strip()


def test_a_relay_fetches_compiles_and_swaps(relay: Path) -> None:
    """Postfix's own lookup finds the entry, and the portal knows what was fetched."""
    done = fetch(relay)

    assert (done.returncode, done.stderr) == (0, "")
    assert looked_up(relay, "fjordbank.example") == "encrypt"
    assert RelayToken.objects.get().fetched_release == 1
    assert [path.name for path in relay.glob("*.new*")] == ["headers.new"]
    assert len(list(relay.glob(".set.*"))) == 1


def test_what_is_there_already_is_not_fetched_again(relay: Path) -> None:
    """The second round ends with 304: nothing is compiled, and the fetch still counts."""
    fetch(relay)
    compiled = (relay / "tls_policy.db").stat().st_mtime_ns
    RelayToken.objects.update(fetched_release=None)

    assert fetch(relay).returncode == 0
    assert (relay / "tls_policy.db").stat().st_mtime_ns == compiled
    assert RelayToken.objects.get().fetched_release == 1


@pytest.mark.parametrize("damage", ["token", "map"])
def test_what_fails_leaves_the_map_in_force(relay: Path, damage: str) -> None:
    """A revoked token, and an answer that is not what the portal hashed."""
    fetch(relay)
    (relay / "etag").unlink()
    if damage == "token":
        RelayToken.objects.update(revoked_at=timezone.now())
    else:
        script = (relay / "fetch.sh").read_text()
        (relay / "fetch.sh").write_text(script.replace("told=$(", ': > "$new/tls_policy"; told=$('))

    assert fetch(relay).returncode != 0
    assert looked_up(relay, "fjordbank.example") == "encrypt"


def test_a_partners_own_ca_is_fetched_before_the_map_names_it(relay: Path) -> None:
    """tafile= never points at nothing: Postfix would defer all mail to that partner."""
    now, boss = timezone.now(), approver("bob")
    change = added("Rivet", "rivet.example", "encrypt", by=boss, now=now)
    ca = self_signed("ca.rivet.example")
    parts = [change, add_authority(change.channel, ca.pem, by=boss, now=now)]
    parts.append(changed(change, by=boss, now=now, level="secure", match="rivet.example"))
    pem = published_pem(parts, boss)

    done = fetch(relay)

    assert (done.returncode, done.stderr) == (0, "")
    [path] = re.findall(r"tafile=(\S+)", looked_up(relay, "rivet.example"))
    assert Path(path).read_text() == pem


CHANGERS = ("mv", "ln", "rm", "cp", "sync", "mktemp", "chmod", "postmap")
CUTS = (6, 10, 14, 18, 22, 999)  # the last runs to its end
WATCH = """\
#!/bin/sh
found=
[ ! -e tls_policy.db ] || found=$(/usr/sbin/postmap -q rivet.example hash:tls_policy)
echo "$found:$(cat ca.pem 2>/dev/null | sha256sum)" >> moments
left=$(cat left)
[ "$left" != 0 ] || kill -9 0
echo $((left - 1)) > left
exec {real} "$@"
"""


def cut_off(relay: Path, step: int) -> int:
    """Run the script, killed before the command number *step* that changes a file; return how it ended."""
    (relay / "left").write_text(str(step))
    (relay / "watch").mkdir(exist_ok=True)
    for name in CHANGERS:
        (relay / "watch" / name).write_text(WATCH.format(real=shutil.which(name, path="/usr/bin:/bin:/usr/sbin")))
        (relay / "watch" / name).chmod(0o755)
    path = f"{relay / 'watch'}:/usr/sbin:{os.environ['PATH']}"
    script = subprocess.Popen(["sh", "fetch.sh"], cwd=relay, env={**os.environ, "PATH": path}, start_new_session=True)
    return script.wait(timeout=30)


@pytest.mark.parametrize("before", ["nothing", "the files of an earlier script", "a set"])
def test_map_and_public_cas_are_switched_in_one_step(relay: Path, before: str) -> None:
    """At no moment, and wherever the script is killed, does Postfix find the one new and the other old."""
    old, bob = root_ca("A public CA").pem, approver("bob")
    if before != "nothing":
        with_set(old)
        fetch(relay)
    if before == "the files of an earlier script":
        for name in ("tls_policy", "tls_policy.db", "ca.pem"):
            content = (relay / name).read_bytes()
            (relay / name).unlink()
            (relay / name).write_bytes(content)
        (relay / ".current").unlink()
    with_set(root_ca("Another public CA").pem, added("Rivet", "rivet.example", "encrypt", by=bob, now=timezone.now()))

    ends = [cut_off(relay, step) for step in CUTS]

    moments = list(dict.fromkeys((relay / "moments").read_text().splitlines()))
    after = (looked_up(relay, "rivet.example"), (relay / "ca.pem").read_text() != old)
    assert (ends[-1], len(moments), after) == (0, 2, ("encrypt", True)), moments
    assert len(list(relay.glob(".set.*"))) == 1


class TestAuthorities:
    """The public CAs come with the map that they belong to."""

    def test_they_are_there_before_the_map(self, relay: Path) -> None:
        """Byte for byte as they were released, and Postfix is told."""
        ca = root_ca("A public CA").pem
        with_set(ca)

        done = fetch(relay)

        assert done.returncode == 0, done.stderr
        assert (relay / "ca.pem").read_text() == ca
        assert looked_up(relay, "fjordbank.example") == "encrypt"

    def test_another_set_than_the_maps_changes_nothing(self, relay: Path) -> None:
        """A release slips in between two answers, or somebody meddles: all stays as it was."""
        fetch(relay)
        with_set(root_ca("A public CA").pem)
        script = (relay / "fetch.sh").read_text()
        (relay / "fetch.sh").write_text(
            script.replace('if [ "$(sha256sum < "$new/ca.pem', ': > "$new/ca.pem"; if [ "$(sha256sum < "$new/ca.pem')
        )

        done = fetch(relay)

        assert (done.returncode, "everything stays" in done.stderr) == (1, True)
        assert not (relay / "ca.pem").exists()
        assert not RelayToken.objects.filter(fetched_release=None).exists()

    def test_a_set_that_is_given_up_goes(self, relay: Path) -> None:
        """Not while main.cf names the file: Postfix would have no TLS at all without it."""
        with_set(root_ca("A public CA").pem)
        fetch(relay)
        with_set("")
        (relay / "main.cf").write_text(f"smtp_tls_CAfile = {relay}/ca.pem\n")

        held = fetch(relay, MAIL_CONFIG=str(relay))
        (relay / "main.cf").write_text("")
        done = fetch(relay, MAIL_CONFIG=str(relay))

        assert (held.returncode, "postconf -X" in held.stderr) == (1, True)
        assert done.returncode == 0, done.stderr
        assert not (relay / "ca.pem").exists()


def with_set(pem: str, *changes: Change) -> None:
    """Publish *changes*, and that the relays of the group trust the CAs in *pem*, as two people agree."""
    RelayGroup.objects.update(ca_pem=pem)
    now = timezone.now()
    boss, second = (User.objects.filter(email__startswith=one).first() or approver(one) for one in ("bob", "carl"))
    candidate = cut(changes, by=boss, now=now)
    agreed(candidate, second, now=now)
    publish(candidate, by=boss, now=now)


def test_a_file_that_the_map_does_not_name_is_not_there(relay: Path, client: Client) -> None:
    """Only what is published is handed out, and only for a token."""
    header = (relay / "token.header").read_text().strip().partition(" ")[2]
    url = "/export/main/tafiles/" + "0" * 64 + ".pem"

    assert client.get(url).status_code == 401
    assert client.get(url, headers={"Authorization": header}).status_code == 404


def published_pem(parts: list[Change], by: User) -> str:
    """Publish *parts* with the word of a second person; return the PEM that the map names."""
    now = timezone.now()
    candidate = cut(parts, by=by, now=now)
    agreed(candidate, approver("carl"), now=now)
    [pem] = publish(candidate, by=by, now=now).artefacts.get().tafiles.values()
    return str(pem)
