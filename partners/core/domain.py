"""What is told of a partner's mail domain beside its MX: who serves its DNS, and its MTA-STS policy (RFC 8461).

None of it changes what Postfix does. A new set of name servers is often the first sign that a domain changed hands, and
a policy says what the partner itself asks of those who send to it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from partners.core.errors import RefusedInput
from partners.core.moved import Changed, What
from partners.core.names import is_hostname

__all__ = ["POLICY_BYTES_MAX", "DomainFacts", "domain_changes", "domain_from_json", "domain_to_json", "policy_of"]

POLICY_BYTES_MAX: Final = 64 * 1024  # RFC 8461 section 3.3 suggests this bound
_LINES_MAX: Final = 300
_MX_MAX: Final = 100
_AGE_MAX: Final = 31_557_600  # RFC 8461 section 3.2
_MODES: Final = {"enforce", "testing", "none"}
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*:[ \t]*([!-~](?:[ -~]*[!-~])?)?[ \t]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """What was found. None: it could not be found out. policy: one line about it, "" where the domain has none."""

    name_servers: tuple[str, ...] | None = None
    policy: str | None = None

    def after(self, before: "DomainFacts") -> "DomainFacts":
        """Return these facts, with those of *before* where nothing could be found out: a fault moves nothing."""
        servers = before.name_servers if self.name_servers is None else self.name_servers
        return DomainFacts(servers, before.policy if self.policy is None else self.policy)


def domain_changes(before: DomainFacts, after: DomainFacts) -> tuple[Changed, ...]:
    """Return what moved from *before* to *after*; what is known for the first time did not move."""
    found = []
    if None not in (before.name_servers, after.name_servers) and before.name_servers != after.name_servers:
        sides = (", ".join(one.name_servers or ()) for one in (before, after))
        found.append(Changed(What.NAME_SERVERS, *sides))
    if before.policy is not None and after.policy is not None and before.policy != after.policy:
        found.append(Changed(What.MTA_STS, before.policy, after.policy))
    return tuple(found)


def policy_of(body: bytes) -> str:
    """Return the policy in *body* as one line: mode, hosts, lifetime. Errors: RefusedInput says what is wrong with it.

    Source: RFC 8461 section 3.2. A field that is given twice counts once, the first time; unknown fields are skipped.
    """
    if len(body) > POLICY_BYTES_MAX:
        raise _refused("it is larger than 64 KB")
    try:
        lines = body.decode("ascii").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as cause:
        raise _refused("it is no ASCII text") from cause
    if len(lines) > _LINES_MAX:
        raise _refused("it has too many lines")
    fields: dict[str, str] = {}
    hosts: list[str] = []
    for line in filter(None, (line.strip(" \t") for line in lines)):
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise _refused("a line is none of the form name: value")
        name, value = parts[1], parts[2] or ""
        if name == "mx":
            hosts.append(_pattern(value))
        else:
            fields.setdefault(name, value)
    return _told(fields, hosts)


def domain_to_json(facts: DomainFacts) -> dict[str, Any]:
    """Return *facts* as a JSON object."""
    servers = None if facts.name_servers is None else list(facts.name_servers)
    return {"name_servers": servers, "policy": facts.policy}


def domain_from_json(raw: Mapping[str, Any]) -> DomainFacts:
    """Return the facts that domain_to_json() wrote; nothing is known where *raw* says nothing."""
    servers, policy = raw.get("name_servers"), raw.get("policy")
    return DomainFacts(
        tuple(map(str, servers)) if isinstance(servers, list) else None, policy if isinstance(policy, str) else None
    )


def _told(fields: Mapping[str, str], hosts: list[str]) -> str:
    """Return one line about the policy. Errors: RefusedInput for what section 3.2 demands and is not there."""
    if fields.get("version") != "STSv1":
        raise _refused("its version is not STSv1")
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    if mode not in _MODES:
        raise _refused("its mode is none of enforce, testing, none")
    if not (age.isascii() and age.isdecimal() and len(age) <= 10 and int(age) <= _AGE_MAX):
        raise _refused("its max_age is no number of seconds up to a year")
    if len(hosts) > _MX_MAX or (not hosts and mode != "none"):
        raise _refused("it names no mx, or too many")
    words = [mode, *(f"mx {host}" for host in sorted(set(hosts)))]
    return f"{', '.join(words)}; max_age {int(age)}"


def _pattern(value: str) -> str:
    """Return *value* as an mx pattern: a host name, or one with a wildcard as its first label."""
    name = value.lower().rstrip(".")
    if not is_hostname(name.removeprefix("*.")):
        raise _refused("an mx is no host name")
    return name


def _refused(cause: str) -> RefusedInput:
    return RefusedInput("MTA-STS policy", cause)
