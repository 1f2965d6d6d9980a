"""A list of next-hops ("[a], [b]") and smtp_fallback_relay: one after the other, each with an entry of its own.

Source: smtp_connect_inet() in src/smtp/smtp_connect.c.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from partners.core.outcome import Delivery, Verdict
from partners.core.reasons import Reason

__all__ = ["Element", "combined"]


@dataclass(frozen=True, slots=True)
class Element:
    """One next-hop of a list with its own verdict.

    is_fallback: it is one of smtp_fallback_relay; is_own_mx: see route.is_own_mx(), nothing is tried after it.
    """

    verdict: Verdict
    is_fallback: bool = False
    is_own_mx: bool = False

    @property
    def is_final(self) -> bool:
        """Whether the message was delivered, or refused for good by a host: no other next-hop is tried."""
        verdict = self.verdict
        return verdict.delivery is Delivery.DELIVER or (
            verdict.delivery is Delivery.BOUNCE and verdict.host is not None
        )

    @property
    def ends(self) -> bool:
        """Whether nothing is tried after it: the relay would send mail to itself."""
        return self.is_own_mx or (self.verdict.host is None and Reason.MAIL_LOOP in self.verdict.reasons)


def combined(elements: Sequence[Element]) -> Verdict:
    """Return what happens to a message whose next-hops are *elements*, in their order.

    The last one that is tried decides. A fallback relay that cannot be found, or refuses by its DNS, is a mistake of
    one's own: 4.3.5. Errors: ValueError for no element.
    """
    if not elements:
        raise ValueError("a list of next-hops holds at least one")
    tried: list[Element] = []
    for element in elements:
        tried.append(element)
        if element.is_final or element.ends:
            break
    last = tried[-1]
    hosts = tuple(row for element in tried for row in element.verdict.hosts)
    missing = next((one.verdict for one in tried if one.verdict.delivery is Delivery.UNKNOWN), None)
    if missing is not None and not last.is_final:
        return replace(missing, hosts=hosts)
    verdict = replace(last.verdict, hosts=hosts)
    if last.is_fallback and not last.is_final and verdict.delivery is Delivery.BOUNCE:
        return replace(verdict, delivery=Delivery.DEFER, dsn="4.3.5")
    return verdict
