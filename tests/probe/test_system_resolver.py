"""/etc/resolv.conf: which resolvers it names."""

from pathlib import Path

import pytest

from partners.core.errors import SettingsRefused
from partners.probe.system_resolver import nameservers


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("nameserver 192.0.2.53\n", ("192.0.2.53",), id="one"),
        pytest.param("nameserver ::1\nnameserver\t192.0.2.1\n", ("::1", "192.0.2.1"), id="in-their-order"),
        pytest.param("nameserver fe80::1%eth0\n", ("fe80::1%eth0",), id="link-local"),
        pytest.param(
            "# nameserver 192.0.2.9\n;nameserver 192.0.2.8\nnameserver 192.0.2.1", ("192.0.2.1",), id="comment"
        ),
        pytest.param("search a.example\noptions edns0\nnameserver 192.0.2.1 # ours\n", ("192.0.2.1",), id="options"),
        pytest.param(
            "nameserver\nnameserver resolver.example\nnameserver 192.0.2.1\n", ("192.0.2.1",), id="no-address"
        ),
        pytest.param(
            "".join(f"nameserver 192.0.2.{one}\n" for one in range(1, 6)),
            ("192.0.2.1", "192.0.2.2", "192.0.2.3"),
            id="three-at-most",
        ),
    ],
)
def test_the_resolvers_are_those_of_the_c_library(tmp_path: Path, text: str, wanted: tuple[str, ...]):
    """The rest of the file is not ours."""
    path = tmp_path / "resolv.conf"
    path.write_text(text)

    assert nameservers(path) == wanted


@pytest.mark.parametrize("text", ["", "search a.example\n", None])
def test_none_is_made_up(tmp_path: Path, text: str | None):
    """The AD bit is believed, so that nobody else's resolver may stand in; the cure names the setting."""
    path = tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text)

    with pytest.raises(SettingsRefused, match="TLSPORTAL_RESOLVER"):
        nameservers(path)
