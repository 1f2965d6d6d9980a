"""Another Debian's Postfix in the lab."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.ca import Certificate
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.rootfs import CACHE_VARIABLE, Root, RootUnavailable, debian, mirror
from tests.kit.smtpd import Smtpd


@pytest.mark.parametrize("chroot", [False, True])
def test_debian_13_delivers_as_ours_does(
    debian13: Root,
    lab: Lab,
    ca: Certificate,
    dns: DnsServer,
    smtpd: Smtpd,
    postfix: Callable[..., Postfix],
    chroot: bool,
):
    """The other release reads its own configuration, asks the lab's resolver, and logs where it is read."""
    peer = smtpd.peer(lab.address(), leaf=ca.leaf("mx.example.com", "example.com"))
    dns.zone("example.com", signed=True).add("@ MX 10 mx", f"mx A {peer.address}").tlsa("mx", peer.script.tls.leaf)
    policy = "example.com secure\nother.example dane-only\n"
    relay = postfix(root=debian13, cafile=[ca], policy=policy, chroot=chroot, smtp_dns_support_level="dnssec")

    assert relay.version.startswith("3.10.")
    assert relay.deliver("someone@example.com").tls == "Verified"
    relay.policy("example.com dane-only\n")
    assert relay.deliver("someone@example.com").tls == "Verified"


@pytest.mark.parametrize(
    "text",
    [
        "deb [signed-by=/x] http://mirror.example/debian bookworm main contrib\n",
        "# deb http://old.example/debian buster main\ndeb http://mirror.example/debian bookworm main\n",
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n",
        "deb http://sec.example/debian-security bookworm-security main\ndeb http://mirror.example/debian bookworm main",
    ],
)
def test_the_mirror_is_that_of_apt(text: str, tmp_path: Path):
    """Both formats of apt's sources are read; an archive of security updates alone is not enough."""
    (tmp_path / "sources.list").write_text(text)

    assert mirror(tmp_path) == "http://mirror.example/debian"


def test_without_an_archive_there_is_a_reason(tmp_path: Path):
    """Who has no sources for apt is told so."""
    with pytest.raises(RootUnavailable, match="no Debian archive"):
        mirror(tmp_path)


@pytest.mark.lab
def test_a_release_that_cannot_be_made_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What debootstrap complained of is the reason for the skip, and nothing half made is taken for it later."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))

    with pytest.raises(RootUnavailable, match="debootstrap failed: "):
        debian("nosuchrelease")

    assert not (tmp_path / "debian-nosuchrelease").exists()
