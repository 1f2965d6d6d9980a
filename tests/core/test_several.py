"""Lists of next-hops and fallback relays, each judged by itself before."""

from dataclasses import replace

import pytest

from partners.core.observation import LookupStatus, Stage
from partners.core.outcome import Delivery
from partners.core.relay import RelaySettings
from partners.core.route import is_own_mx
from partners.core.several import Element, combined
from tests.core.judged import ENCRYPT, MAY, MX, NEVER, RELAY, dns, host, peer, stopped, unknown, verdict

GOOD = verdict(ENCRYPT, peer())
REFUSED = verdict(ENCRYPT, stopped(Stage.CONNECT, "refused"))
HARD = verdict(ENCRYPT, stopped(Stage.STARTTLS, "reply", **NEVER))
GONE = verdict(MAY, facts=dns(mx_status=LookupStatus.NXDOMAIN))
LOOP = verdict(MAY, facts=dns(host("127.0.0.1")))
LOST = verdict(MAY, unknown())


@pytest.mark.parametrize(
    ("elements", "outcome"),
    [
        pytest.param([Element(REFUSED), Element(GOOD)], "sent 2.0.0", id="soft-goes-on"),
        pytest.param([Element(GONE), Element(GOOD)], "sent 2.0.0", id="no-such-name-goes-on"),
        pytest.param([Element(HARD), Element(GOOD)], "bounced 5.7.3", id="a-hard-reply-ends"),
        pytest.param([Element(LOOP), Element(GOOD)], "bounced 5.4.6", id="a-loop-ends"),
        pytest.param([Element(REFUSED, is_own_mx=True), Element(GOOD)], "deferred 4.4.1", id="own-mx-ends"),
        pytest.param([Element(GOOD), Element(HARD)], "sent 2.0.0", id="the-first-suffices"),
        pytest.param([Element(REFUSED), Element(GONE)], "bounced 5.4.4", id="the-last-decides"),
        pytest.param([Element(REFUSED), Element(GONE, is_fallback=True)], "deferred 4.3.5", id="fallback-is-our-own"),
        pytest.param([Element(REFUSED), Element(HARD, is_fallback=True)], "bounced 5.7.3", id="fallback-refuses"),
        pytest.param([Element(LOST), Element(GOOD)], "sent 2.0.0", id="unknown-then-good"),
        pytest.param([Element(LOST), Element(REFUSED)], "unknown ", id="unknown-then-soft"),
    ],
)
def test_one_after_the_other(elements: list[Element], outcome: str) -> None:
    """Soft failures and names that do not exist go on."""
    found = combined(elements)

    assert f"{found.status} {found.dsn}" == outcome


def test_hosts_of_all_are_told() -> None:
    """And the log's relay is that of the last."""
    found = combined([Element(REFUSED), Element(GOOD)])

    assert (len(found.hosts), found.mx) == (2, GOOD.mx)


def test_no_list_is_empty() -> None:
    """smtp(8) panics at one."""
    with pytest.raises(ValueError, match="at least one"):
        combined([])


def test_a_relayhost_that_does_not_exist() -> None:
    """It waits: the mistake is one's own."""
    relay = replace(RELAY, relayhost="example.com")

    assert verdict(MAY, facts=dns(mx_status=LookupStatus.NXDOMAIN), relay=relay).dsn == "4.3.5"
    assert GONE.delivery is Delivery.BOUNCE


def test_own_mx() -> None:
    """The relay's address among those of the MX hosts, of whatever preference."""
    facts = dns(host(MX, 10), host("127.0.0.1", 20))

    assert [is_own_mx(one, RelaySettings()) for one in (facts, dns())] == [True, False]
