"""Say what Postfix would do with mail to a nexthop: look it up, probe it, judge it; no database is touched."""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from partners.core.certificates import cert_fingerprint
from partners.core.effective import nexthop_port
from partners.core.entry import parse_entry, render_entry
from partners.core.errors import PortalError, SettingsRefused
from partners.core.grammar import parse_value
from partners.core.names import Nexthop
from partners.core.observation import HostFacts, LookupStatus, NexthopFacts, PeerFacts, Stage, TlsProfile
from partners.core.outcome import Delivery, HostOutcome, JudgedPolicy, TlsStatus, Verdict
from partners.core.reasons import REASON_TEXTS, Reason, command_by_hand
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.verdict import judge, profiles_needed
from partners.probe.session import Outcome, Target
from partners.tasks.engines import engine_from_settings

SYSTEM_CAS = Path("/etc/ssl/certs/ca-certificates.crt")
FILE_BYTES_MAX = 4_000_000
LADDER = ("secure", "verify", "encrypt", "may")  # what is tried where no policy is given, strongest first
# Postfix's own words for what became of a recipient.
STATUS = {
    Delivery.DELIVER: "sent",
    Delivery.DEFER: "deferred",
    Delivery.BOUNCE: "bounced",
    Delivery.UNKNOWN: "unknown",
}

Peers = dict[tuple[str, int, TlsProfile], Outcome]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One policy and what would come of it. line: of the map, "" where the portal refuses the entry (see refused)."""

    policy: str
    line: str
    refused: str
    verdict: Verdict


class Command(BaseCommand):
    """Predict a delivery, host by host, with the line of the map that brings it about."""

    requires_system_checks = ()  # they would ask the database
    help = "Look up NEXTHOP, speak to its mail servers, and say what Postfix would do with mail to it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the nexthop, the policy, and what of the relay changes the outcome."""
        parser.add_argument(
            "nexthop", metavar="NEXTHOP", nargs="?", help="example.com, example.com:587, [mx.example.com], …"
        )
        parser.add_argument(
            "--policy",
            metavar="'LEVEL attr=value …'",
            help="the right-hand side of the entry; without it, the strongest one that works is looked for",
        )
        parser.add_argument("--json", action="store_true", help="print JSON, and no progress")
        parser.add_argument("--ca-file", metavar="PATH", help=f"smtp_tls_CAfile of the relay (default {SYSTEM_CAS})")
        parser.add_argument("--postfix", metavar="RELEASE", default="3.7.11", help="release of the relay")
        parser.add_argument("--dnssec", action="store_true", help="the relay has smtp_dns_support_level = dnssec")
        parser.add_argument(
            "--jsonl", action="store_true", help="read one JSON object a line, write one a line, as they finish"
        )
        parser.add_argument("--concurrency", metavar="N", help="with --jsonl: nexthops under way at once")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Predict and print."""
        if options["jsonl"]:
            raise CommandError(_("--jsonl is answered by manage.py itself: start it from a command line"))
        if options["nexthop"] is None:
            raise CommandError(_("NEXTHOP is missing; with --jsonl it stands in each line"))
        try:
            nexthop = Nexthop.parse(options["nexthop"])
            relay = _relay(options)
            wanted = [options["policy"]] if options["policy"] is not None else list(LADDER)
            facts, peers = asyncio.run(_seen(nexthop, wanted, relay, None if options["json"] else self._tell))
        except PortalError as refused:
            raise CommandError(str(refused)) from refused
        if options["policy"] is None:
            wanted = _with_pins(wanted, peers)
        now = datetime.now(UTC)
        predictions = [_prediction(nexthop, policy, facts, peers, relay=relay, now=now) for policy in wanted]
        chosen = predictions[0] if options["policy"] is not None else _proposal(predictions)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(chosen, predictions, facts, peers), indent=2, ensure_ascii=True))
        else:
            self.stdout.write("\n".join(_as_text(chosen, predictions, facts)))

    def _tell(self, target: Target, stage: Stage) -> None:
        self.stderr.write(f"{target.address} port {target.port}: {stage.value}")


def _relay(options: dict[str, Any]) -> RelaySettings:
    """Return the relay that the options describe; the portal's stored relays are not asked."""
    try:
        release = PostfixRelease.parse(options["postfix"])
    except ValueError as cause:
        raise SettingsRefused(f"--postfix {options['postfix']}", "it is no release", "write 3.7.11") from cause
    path = Path(options["ca_file"]) if options["ca_file"] else SYSTEM_CAS
    ca_pem = _contents(path) if options["ca_file"] or path.exists() else b""
    plain = RelaySettings(
        postfix=release,
        smtp_tls_CAfile=str(path) if ca_pem else "",
        ca_pem=ca_pem,
        smtp_dns_support_level="dnssec" if options["dnssec"] else "",
    )
    policy = parse_value(options["policy"] or "may", release)
    files = tuple((name, _tafile(Path(name))) for name in policy.tafile)
    return plain.with_(ta_files=files)


def _contents(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX)
    except OSError as cause:
        raise SettingsRefused(f"--ca-file {path}", cause.strerror or "it cannot be read", "name a PEM file") from cause


def _tafile(path: Path) -> bytes | None:
    """Return what a tafile holds; None where it cannot be read, which Postfix takes for a faulty entry."""
    try:
        with path.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX)
    except OSError:
        return None


async def _seen(nexthop: Nexthop, policies: list[str], relay: RelaySettings, tell: Any) -> tuple[NexthopFacts, Peers]:
    """Probe *nexthop* with every client side that the *policies* lead to."""
    parsed = [parse_value(policy, relay.postfix, relay) for policy in policies]

    def profiles(facts: NexthopFacts, host: HostFacts) -> list[TlsProfile]:
        needed = [key for policy in parsed for key in profiles_needed(policy, facts, relay)]
        return list(dict.fromkeys(profile for address, _port, profile in needed if address in host.addresses))

    engine = engine_from_settings()
    if tell is None:
        return await engine.probe_nexthop(nexthop, profiles=profiles)
    return await engine.probe_nexthop(nexthop, profiles=profiles, progress=tell)


def _with_pins(policies: list[str], peers: Peers) -> list[str]:
    """Return *policies* with the fingerprints seen in the place after the verified ones."""
    leaves = [
        peer.tls.chain[0] for peer in peers.values() if isinstance(peer, PeerFacts) and peer.tls and peer.tls.chain
    ]
    pins = dict.fromkeys(cert_fingerprint(leaf, "sha256") for leaf in leaves)
    pinned = [f"fingerprint match={'|'.join(pins)}"] if pins else []
    return [*policies[:2], *pinned, *policies[2:]]


def _prediction(
    nexthop: Nexthop, policy: str, facts: NexthopFacts, peers: Peers, *, relay: RelaySettings, now: datetime
) -> Prediction:
    line, refused = "", ""
    try:
        line = render_entry(parse_entry(nexthop.text, policy, relay.postfix))
    except PortalError as error:
        refused = str(error)
    parsed: JudgedPolicy = parse_value(policy, relay.postfix, relay)
    verdict = judge(parsed, facts, peers, relay, now, key=nexthop.text)
    return Prediction(policy, line, refused, verdict)


def _proposal(predictions: list[Prediction]) -> Prediction:
    """Return the strongest that delivers under TLS at every address; else the strongest at all, without a line.

    A weaker entry is never proposed because the peer is down, and plaintext is never proposed.
    """
    for one in predictions:
        if one.line and one.verdict.level.requires_tls and one.verdict.all_deliver:
            return one
    why = _("no entry that asks for TLS is known to deliver at every address; give --policy to judge one of your own")
    return replace(predictions[0], line="", refused=why)


def _as_json(chosen: Prediction, predictions: list[Prediction], facts: NexthopFacts, peers: Peers) -> dict[str, Any]:
    """Return what programs read; the words are those of Postfix's log."""
    verdict = chosen.verdict
    return {
        "nexthop": facts.nexthop,
        "line": chosen.line or None,
        "refused": chosen.refused or None,
        "policy": chosen.policy,
        "level": verdict.level.value,
        "status": STATUS[verdict.delivery],
        "tls": _tls(verdict.tls_status),
        "plaintext": verdict.plaintext,
        "dsn": verdict.dsn,
        "text": verdict.text,
        "reasons": [str(reason) for reason in verdict.reasons],
        "unknown": verdict.unknown or None,
        "looked_up_at": facts.looked_up_at.isoformat(),
        "mx": {"status": facts.mx_status.value, "dnssec": facts.mx_dnssec.value, "text": facts.lookup_text},
        "hosts": [_host_json(row) for row in verdict.hosts],
        "tried": [{"policy": one.policy, "status": STATUS[one.verdict.delivery]} for one in predictions],
        "sessions": len(peers),
    }


def _host_json(row: HostOutcome) -> dict[str, Any]:
    return {
        "mx_host": row.mx_host,
        "preference": row.preference,
        "address": row.address,
        "port": row.port,
        "status": STATUS[row.delivery],
        "tls": _tls(row.tls_status),
        "level": row.effective.value,
        "plaintext": row.plaintext,
        "dsn": row.dsn,
        "text": row.text,
        "reasons": [str(reason) for reason in row.reasons],
        "fingerprint": row.pin_seen or None,
        "seen_at": row.seen_at.isoformat() if row.seen_at else None,
    }


def _as_text(chosen: Prediction, predictions: list[Prediction], facts: NexthopFacts) -> list[str]:
    """Return what a person reads: the outcome, then each host, then the line."""
    lines = ["", *_lookup_lines(facts), ""]
    for row in chosen.verdict.hosts:
        lines += _host_lines(row, facts.nexthop)
    lines += ["", _sentence(chosen.verdict, chosen.policy)]
    if not chosen.verdict.hosts:
        lines += [f"  {_(REASON_TEXTS[Reason(reason)].team)}" for reason in chosen.verdict.reasons]
    if len(predictions) > 1:
        lines += ["", _("Tried, strongest first:")]
        lines += [f"  {one.policy.split(' ')[0]:12} {_outcome(one.verdict)}" for one in predictions]
    if chosen.refused:
        return [*lines, "", _("No line for the map: {why}").format(why=chosen.refused)]
    lines += ["", _("Line of the map (smtp_tls_policy_maps):"), chosen.line]
    if chosen.policy.startswith("fingerprint") and len(predictions) > 1:
        lines += ["", _("These fingerprints are only what was seen now: let the partner confirm them another way.")]
    return lines


def _lookup_lines(facts: NexthopFacts) -> list[str]:
    if not facts.mx_asked:
        return [_("{nexthop}: in brackets, no MX lookup").format(nexthop=facts.nexthop)]
    if facts.mx_status is LookupStatus.NOT_FOUND:
        return [_("{nexthop}: no MX record, the name itself is the mail server").format(nexthop=facts.nexthop)]
    if facts.mx_status is not LookupStatus.FOUND:
        return [_("{nexthop}: MX lookup: {text}").format(nexthop=facts.nexthop, text=facts.lookup_text)]
    count, dnssec = len(facts.hosts), facts.mx_dnssec.value
    return [_("{nexthop}: {count} MX hosts, DNSSEC {dnssec}").format(nexthop=facts.nexthop, count=count, dnssec=dnssec)]


def _host_lines(row: HostOutcome, nexthop: str) -> list[str]:
    where = f"{row.mx_host}[{row.address}]:{row.port}" if row.address else row.mx_host
    words = f"{STATUS[row.delivery]} {row.dsn}".rstrip()
    none = _("none")
    tls = "" if row.delivery is Delivery.UNKNOWN else f", TLS {_tls(row.tls_status) or none}"
    lines = [f"{row.preference:5} {where}: {words}{tls}"]
    if row.text:
        lines.append(f"        {row.text}")
    for reason in map(Reason, row.reasons):
        lines.append(f"      - {reason}: {_(REASON_TEXTS[reason].team)}")
        command = command_by_hand(
            reason, nexthop=nexthop, mx_host=row.mx_host, address=row.address, port=nexthop_port(nexthop)
        )
        if command:
            lines.append(f"        $ {command}")
    return lines


def _sentence(verdict: Verdict, policy: str) -> str:
    """Return the outcome of the message in one sentence."""
    sentences = {
        Delivery.DELIVER: _("With “{policy}” a message would be sent, TLS {tls}."),
        Delivery.DEFER: _("With “{policy}” a message would be deferred ({dsn}), and bounce when the queue gives up."),
        Delivery.BOUNCE: _("With “{policy}” a message would bounce at once ({dsn})."),
        Delivery.UNKNOWN: _("With “{policy}” the outcome is not known: {unknown}."),
    }
    tls = _tls(verdict.tls_status) or _("none: in plaintext")
    return sentences[verdict.delivery].format(policy=policy, tls=tls, dsn=verdict.dsn, unknown=verdict.unknown)


def _outcome(verdict: Verdict) -> str:
    status = STATUS[verdict.delivery]
    everywhere = _("at every address") if verdict.all_deliver else _("not at every address")
    return f"{status} {_tls(verdict.tls_status)} ({everywhere})" if status == "sent" else status


def _tls(status: TlsStatus) -> str:
    """Return Postfix's word, "" without TLS."""
    return "" if status is TlsStatus.NONE else status.value
