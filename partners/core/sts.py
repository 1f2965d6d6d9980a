"""What an MTA-STS plugin's attributes make of a policy (Postfix 3.10 and later).

Source: tls_policy_lookup_one(), smtp_tls_policy_cache_query() in src/smtp/smtp_tls_policy.c, ext_policy_* there;
smtp_connect_inet() in src/smtp/smtp_connect.c.
"""

from dataclasses import dataclass

from partners.core.outcome import JudgedPolicy
from partners.core.relay import PostfixRelease, RelaySettings

__all__ = ["FAILURES", "POLICY_TYPES", "TTL_MAX", "StsPolicy", "sts_policy"]

POLICY_TYPES = ("sts", "no-policy-found")
FAILURES = ("sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid", "validation-failure")
TTL_MAX = 2**31 - 1

_ENFORCED_SINCE = PostfixRelease(3, 10, 5)


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """The part that counts. patterns: MX hosts that may be used, () for all; failure: no certificate will match."""

    patterns: tuple[str, ...] = ()
    failure: str = ""

    def takes(self, mx_host: str) -> bool:
        """Whether *mx_host* fits a pattern; "*.x" stands for one label before x."""
        name = mx_host.lower()
        return not self.patterns or any(_fits(pattern.lower(), name) for pattern in self.patterns)


def sts_policy(policy: JudgedPolicy | None, relay: RelaySettings) -> StsPolicy | None:
    """Return what the policy_* and mx_host_pattern attributes of *policy* ask for; None where there are none."""
    if policy is None or not policy.sts:
        return None
    values = dict(policy.sts)
    is_enforced = relay.smtp_tls_enforce_sts_mx_patterns and relay.postfix >= _ENFORCED_SINCE
    is_sts = values.get("policy_type", "").lower() == "sts"
    patterns = [value for name, value in policy.sts if name == "mx_host_pattern"]
    counted = tuple(patterns) if is_sts and is_enforced and policy.level.takes_match else ()
    return StsPolicy(counted, values.get("policy_failure", ""))


def _fits(pattern: str, name: str) -> bool:
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return name == pattern
