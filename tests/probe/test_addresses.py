"""Which addresses and ports may be probed: the table of tricky ones."""

import pytest

from partners.core.errors import SettingsRefused
from partners.probe.addresses import may_probe, parse_networks, parse_ports, refusal

ROUTABLE = ["8.8.8.8", "93.184.216.34", "192.0.1.1", "100.128.0.1", "172.32.0.1", "2a02:2e0::1", "2001:4860:4860::8888"]
REFUSED = [
    pytest.param("0.0.0.0", id="unspecified"),
    pytest.param("0.1.2.3", id="this-network"),
    pytest.param("10.1.2.3", id="private"),
    pytest.param("100.64.0.1", id="carrier-grade-nat"),
    pytest.param("127.0.0.1", id="loopback"),
    pytest.param("127.255.255.254", id="loopback-end"),
    pytest.param("169.254.169.254", id="cloud-metadata"),
    pytest.param("172.31.255.255", id="private-end"),
    pytest.param("192.0.0.8", id="protocol-assignments"),
    pytest.param("192.0.2.1", id="documentation-1"),
    pytest.param("192.88.99.1", id="6to4-anycast"),
    pytest.param("192.168.1.1", id="home"),
    pytest.param("198.19.255.255", id="benchmarking"),
    pytest.param("198.51.100.7", id="documentation-2"),
    pytest.param("203.0.113.7", id="documentation-3"),
    pytest.param("224.0.0.1", id="multicast"),
    pytest.param("239.255.255.255", id="multicast-end"),
    pytest.param("240.0.0.1", id="reserved"),
    pytest.param("255.255.255.255", id="broadcast"),
    pytest.param("::", id="v6-unspecified"),
    pytest.param("::1", id="v6-loopback"),
    pytest.param("::7f00:1", id="v4-compatible-loopback"),
    pytest.param("::8.8.8.8", id="v4-compatible-routable"),
    pytest.param("::ffff:127.0.0.1", id="mapped-loopback"),
    pytest.param("::ffff:8.8.8.8", id="mapped-routable"),
    pytest.param("::ffff:0:10.0.0.1", id="translated-private"),
    pytest.param("64:ff9b::7f00:1", id="nat64-loopback"),
    pytest.param("64:ff9b::8.8.8.8", id="nat64-routable"),
    pytest.param("64:ff9b:1::1", id="nat64-local"),
    pytest.param("100::1", id="discard"),
    pytest.param("2001::1", id="teredo"),
    pytest.param("2001:0:4136:e378:8000:63bf:80ff:fffe", id="teredo-loopback"),
    pytest.param("2001:2::1", id="v6-benchmarking"),
    pytest.param("2001:10::1", id="orchid"),
    pytest.param("2001:db8::1", id="v6-documentation"),
    pytest.param("2002:7f00:1::", id="6to4-loopback"),
    pytest.param("2002:808:808::1", id="6to4-routable"),
    pytest.param("3fff::1", id="v6-documentation-2"),
    pytest.param("2a02:2e0::5efe:10.0.0.1", id="isatap-private"),
    pytest.param("4000::1", id="not-handed-out"),
    pytest.param("fc00::1", id="unique-local"),
    pytest.param("fd12:3456::1", id="unique-local-2"),
    pytest.param("fe80::1", id="v6-link-local"),
    pytest.param("fe80::1%lo", id="zone"),
    pytest.param("fec0::1", id="site-local"),
    pytest.param("ff02::1", id="v6-multicast"),
    pytest.param("2130706433", id="number"),
    pytest.param("0177.0.0.1", id="octal"),
    pytest.param("127.1", id="short"),
    pytest.param("localhost", id="name"),
    pytest.param("", id="empty"),
]
EVERYTHING = parse_networks(["0.0.0.0/0", "::/0"])


@pytest.mark.parametrize("address", ROUTABLE)
def test_takes_what_is_globally_routable(address: str):
    """An address that the whole internet reaches may be probed at port 25."""
    assert refusal(address, 25) == ""
    assert may_probe(address, 587)


@pytest.mark.parametrize("address", REFUSED)
def test_refuses_all_else(address: str):
    """Whatever a partner's zone says, no probe goes inside or to more than one."""
    assert refusal(address, 25)
    assert not may_probe(address, 25)


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "fd00::1", "::1"])
def test_takes_a_configured_network(address: str):
    """The mail team may allow networks of its own, and those alone."""
    networks = parse_networks(["10.0.0.0/8", "127.0.0.0/8", "fd00::/8", "::1/128"])

    assert may_probe(address, 25, networks=networks)
    assert not may_probe("192.168.1.1", 25, networks=networks)


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:224.0.0.1"])
def test_some_stay_refused_whatever_is_configured(address: str):
    """Multicast, broadcast and unspecified addresses are no peer."""
    assert not may_probe(address, 25, networks=EVERYTHING)


@pytest.mark.parametrize(("inner", "allowed"), [("8.8.8.8", True), ("127.0.0.1", False)])
def test_a_configured_nat64_prefix_opens_no_way_inside(inner: str, allowed: bool):
    """Behind NAT64, the address inside must be allowed as well."""
    assert may_probe(f"64:ff9b::{inner}", 25, networks=parse_networks(["64:ff9b::/96"])) is allowed


@pytest.mark.parametrize(
    ("port", "allowed"), [(25, True), (465, True), (587, True), (2525, True), (22, False), (0, False), (70000, False)]
)
def test_ports(port: int, allowed: bool):
    """Mail ports and configured ones; a policy table is no port scanner."""
    assert may_probe("8.8.8.8", port, ports=parse_ports(["2525", "3000-3002"])) is allowed


def test_reads_ports_and_ranges():
    """TLSPORTAL_PROBE_PORTS takes numbers and ranges."""
    assert parse_ports(["2525", "3000-3002"]) == {2525, 3000, 3001, 3002}


@pytest.mark.parametrize("word", ["x", "0", "65536", "9-3", "-1", "1-", "25,26"])
def test_refuses_a_port_that_is_none(word: str):
    """The message names the setting and the word."""
    with pytest.raises(SettingsRefused, match="TLSPORTAL_PROBE_PORTS"):
        parse_ports([word])


@pytest.mark.parametrize("word", ["x", "10.0.0.1/8", "10.0.0.0/33"])
def test_refuses_a_network_that_is_none(word: str):
    """A network with host bits is a slip of the hand, not a wish."""
    with pytest.raises(SettingsRefused, match="TLSPORTAL_PROBE_NETWORKS"):
        parse_networks([word])
