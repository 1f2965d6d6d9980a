"""Mail domains: who serves their DNS, and their MTA-STS policy, fetched as a sender would."""

import time
from typing import Final

import structlog
from celery import shared_task
from django.conf import settings

from partners.actions.domains import DomainClaim, claim_domains, record_domain
from partners.actions.leases import database_now
from partners.core.domain import POLICY_BYTES_MAX, DomainFacts, policy_of
from partners.core.errors import PortalError, RefusedInput
from partners.core.names import is_hostname, to_ascii
from partners.fetch.https import Rules, ask
from partners.probe.addresses import parse_networks
from partners.probe.configured import parse_resolver
from partners.probe.domain import name_servers, sts_id
from partners.tasks.stopping import is_stopping

__all__ = ["fetch_policy", "look_at", "watch_domains"]

_LONGEST_SECONDS: Final = 20.0  # releases and "probe now" share the queue
_OK: Final = 200
_PORT: Final = 443
_UNUSABLE: Final = "unusable"

log = structlog.get_logger(__name__)


@shared_task(name="partners.tasks.domains.watch_domains")  # type: ignore[untyped-decorator]  # celery has no types
def watch_domains() -> None:
    """Look at the domains that are due, one by one for a bounded time (queue control)."""
    ends = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < ends and not is_stopping():
        claims = claim_domains(1, now=database_now())
        if not claims:
            return
        found, policy_id = look_at(claims[0], _rules())
        record_domain(claims[0], found, policy_id=policy_id, now=database_now())


def look_at(claim: DomainClaim, rules: Rules) -> tuple[DomainFacts, str]:
    """Return what is found about the domain, and the id of the record that its policy belongs to."""
    nameserver = parse_resolver(settings.RESOLVER)
    mail_domain = to_ascii(claim.mail_domain)
    if not is_hostname(mail_domain):
        return DomainFacts((), ""), ""
    servers = name_servers(mail_domain, nameserver)
    named = sts_id(mail_domain, nameserver)
    if not named:
        return DomainFacts(servers, named), claim.policy_id if named is None else ""
    if named == claim.policy_id and (claim.before.policy or _UNUSABLE).partition(":")[0] != _UNUSABLE:
        return DomainFacts(servers, claim.before.policy), named
    policy = fetch_policy(f"https://mta-sts.{mail_domain}/.well-known/mta-sts.txt", rules)
    return DomainFacts(servers, policy), claim.policy_id if policy is None else named


def fetch_policy(url: str, rules: Rules) -> str | None:
    """Return one line about the policy at *url*, None where it cannot be had: RFC 8461 section 3.3 follows nothing.

    The certificate must fit the name, and no address is spoken to that a probe would not speak to.
    """
    try:
        reply = ask("GET", url, headers={}, rules=rules)
    except PortalError as cause:
        log.info("domain.policy-unread", url=url, cause=str(cause))
        return None
    if reply.status != _OK:
        return None
    try:
        return policy_of(reply.body)
    except RefusedInput as refusal:
        return f"{_UNUSABLE}: {refusal.cause}"


def _rules() -> Rules:
    return Rules(networks=parse_networks(settings.PROBE_NETWORKS), ports={_PORT}, reply_max=POLICY_BYTES_MAX + 4096)
