"""The first sentence of a channel's page: what happens to mail, then why, then what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from partners.core.outcome import Delivery
from partners.core.reasons import Reason, command_by_hand
from partners.reports.partners import ChannelPage, HostRow
from partners.reports.sentences import reason_of, team_sentence

__all__ = ["Figure", "Headline", "Then", "headline", "short_cause"]

_STATES: Final = {
    "compliant": "ok",
    "violated": "bad",
    "weaker": "weak",
    "unknown": "unk",
    "rolling": "roll",
    "pending": "pend",
}
_HOSTS_NAMED: Final = 2
# What is wrong, in a few words that go behind a colon.
_SHORT: dict[str, Promise] = {
    "tls-engine-unavailable": gettext_lazy("TLS does not work on our relay"),
    "tls-settings-unusable": gettext_lazy("its protocols or ciphers cannot be used"),
    "wrappermode-needs-encrypt": gettext_lazy("wrapper mode needs the level encrypt or more"),
    "sts-mx-not-listed": gettext_lazy("the MX host is not in their MTA-STS policy"),
    "sts-policy-failed": gettext_lazy("their MTA-STS policy cannot be read"),
    Reason.POLICY_INVALID: gettext_lazy("Postfix cannot use the entry"),
    Reason.NO_SUCH_DOMAIN: gettext_lazy("the nexthop does not exist"),
    Reason.NULL_MX: gettext_lazy("the domain takes no mail"),
    Reason.NO_ADDRESS: gettext_lazy("no MX host has an address"),
    Reason.LOOKUP_FAILED: gettext_lazy("the DNS does not answer"),
    Reason.MAIL_LOOP: gettext_lazy("mail would loop"),
    Reason.GREETING_REJECTED: gettext_lazy("our relays are refused"),
    Reason.GREETING_TEMPORARY: gettext_lazy("no mail is taken at present"),
    Reason.CONNECTION_LOST: gettext_lazy("the connection is ended early"),
    Reason.CONNECT_FAILED: gettext_lazy("no connection is possible"),
    Reason.STARTTLS_NOT_SUPPORTED: gettext_lazy("STARTTLS is not offered"),
    Reason.STARTTLS_REJECTED: gettext_lazy("STARTTLS is refused"),
    Reason.STARTTLS_TEMPORARY: gettext_lazy("STARTTLS is refused for now"),
    Reason.HANDSHAKE_FAILED: gettext_lazy("the TLS handshake fails"),
    Reason.CERTIFICATE_NOT_SENT: gettext_lazy("no certificate is sent"),
    Reason.CERTIFICATE_NOT_FOR_SERVERS: gettext_lazy("the certificate is not meant for servers"),
    Reason.CERTIFICATE_EXPIRED: gettext_lazy("a certificate ran out"),
    Reason.CERTIFICATE_NOT_YET_VALID: gettext_lazy("a certificate is not valid yet"),
    Reason.CERTIFICATE_SELF_SIGNED: gettext_lazy("the certificate is self-signed"),
    Reason.CERTIFICATE_NOT_TRUSTED: gettext_lazy("the chain leads to no CA that is trusted"),
    Reason.CERTIFICATE_WEAK: gettext_lazy("a certificate is too weak"),
    Reason.CERTIFICATE_CA_INVALID: gettext_lazy("a certificate signs others and may not"),
    Reason.CERTIFICATE_NAME_CONSTRAINED: gettext_lazy("the CA may not certify this name"),
    Reason.CERTIFICATE_CHAIN_TOO_LONG: gettext_lazy("the chain is too long"),
    Reason.VALIDATION_FAILURE: gettext_lazy("the chain cannot be verified"),
    Reason.CERTIFICATE_HOST_MISMATCH: gettext_lazy("the certificate has another name"),
    Reason.FINGERPRINT_MISMATCH: gettext_lazy("fingerprint differs"),
    Reason.FINGERPRINT_UNUSABLE: gettext_lazy("no fingerprint of the entry can be used"),
    Reason.DNSSEC_INVALID: gettext_lazy("the DNS is not signed as demanded"),
    Reason.TLSA_INVALID: gettext_lazy("the certificate does not fit the TLSA records"),
    Reason.DANE_REQUIRED: gettext_lazy("there are no TLSA records"),
    Reason.NOT_MEASURED: gettext_lazy("nothing was seen"),
    Reason.PLAINTEXT: gettext_lazy("mail flows without encryption"),
    Reason.BELOW_AGREED: gettext_lazy("the entry asks less than agreed"),
    Reason.NOT_RELEASED: gettext_lazy("it stands in no release yet"),
}


@dataclass(frozen=True, slots=True)
class Then:
    """One more sentence with its own mark."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number beside the sentence."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict in words. codes: the stable codes behind it, shown small; command: shows it by hand, or ""."""

    state: str
    title: str
    why: str
    then: tuple[Then, ...] = ()
    figures: tuple[Figure, ...] = ()
    codes: tuple[str, ...] = ()
    command: str = ""


def short_cause(code: str) -> str:
    """Return what *code* means in a few words, "" where it is no reason."""
    return str(_SHORT.get(code, ""))


def headline(page: ChannelPage, *, now: datetime, digest: str = "sha256") -> Headline:
    """Return what the page says first. digest: the algorithm that the relays compare fingerprints by."""
    reasons = tuple(code for code in page.reasons if code) if page.state != "pending" else ()  # of another's entry
    codes = reasons or ((page.cause,) if page.cause else ())
    return Headline(
        state=_STATES.get(page.state, "unk"),
        title=_title(page, now),
        why=_why(page, codes, now),
        then=tuple(_then(page, now)),
        figures=tuple(_figures(page, now)),
        codes=codes if page.state != "compliant" else (),
        command=_command(page, codes, digest),
    )


def _title(page: ChannelPage, now: datetime) -> str:
    """Say what happens to mail, in one sentence."""
    if page.state == "pending" or not page.delivery:
        return _("No entry of it is on the relays yet.")
    if page.state == "violated":
        return _held(page, now)
    if page.state == "unknown":
        return _("Nobody knows at present whether mail is delivered.")
    flows = _("Mail is delivered, %s") % _status(page)
    if page.state == "weaker":
        return _("%s: less than was agreed.") % flows
    if page.state == "rolling":
        return _("%s: the old and the new key are accepted.") % flows
    return _("%s, as agreed.") % flows


def _held(page: ChannelPage, now: datetime) -> str:
    """Say that mail waits or comes back, why, where, and how much time is left."""
    verb = _("Mail would bounce") if page.delivery == Delivery.BOUNCE.value else _("Mail would be deferred")
    short = next((text for code in (*page.reasons, page.cause) if (text := short_cause(code))), "")
    sentence = f"{verb}: {short}" if short else verb
    if where := _where(page.hosts):
        sentence = _("%(sentence)s on %(hosts)s") % {"sentence": sentence, "hosts": where}
    if page.bounces_at is None:
        return f"{sentence}."
    if page.bounces_at <= now:
        return _("%s; the oldest message deferred since then has bounced by now.") % sentence
    return _("%(sentence)s; bounces in at most %(left)s.") % {
        "sentence": sentence,
        "left": _left(page.bounces_at, now),
    }


def _left(at: datetime, now: datetime) -> str:
    """Return the time until *at* in days and hours, below a day in hours and minutes; rounded down."""
    minutes = int((at - now).total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return _("%(days)s d %(hours)s h") % {"days": days, "hours": hours}
    return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes % 60}


def _where(hosts: Sequence[HostRow]) -> str:
    """Name the hosts that would not take mail, the first few of many; "" where all are meant."""
    short = list(dict.fromkeys(row.mx_host for row in hosts if row.delivery != Delivery.DELIVER.value and row.mx_host))
    more = len(short) - _HOSTS_NAMED
    named = ", ".join(short[:_HOSTS_NAMED])
    return (
        ngettext("%(hosts)s and %(more)s more", "%(hosts)s and %(more)s more", more)
        % {
            "hosts": named,
            "more": more,
        }
        if more > 0
        else named
    )


def _status(page: ChannelPage) -> str:
    """Return Postfix's word for the peer; without TLS there is none."""
    return page.tls_status if page.tls_status not in {"", "none"} else _("not encrypted")


def _why(page: ChannelPage, codes: Sequence[str], now: datetime) -> str:
    """Return the cause as sentences, and how old the judgement is."""
    parts: list[str] = []
    if page.state in {"compliant", "rolling"} and page.hosts:
        count = len(page.hosts)
        parts.append(
            ngettext(
                "The next message would be delivered to its one address.",
                "The next message would be delivered to any of %(count)s addresses.",
                count,
            )
            % {"count": count}
            if page.taking == count
            else _("%(taking)s of %(count)s addresses would take the next message.")
            % {"taking": page.taking, "count": count}
        )
    elif page.state != "compliant":
        parts += list(dict.fromkeys(team_sentence(code) for code in codes))
    if page.state == "pending" and page.applies:
        parts.append(_("Until then mail goes by the entry of %s.") % page.applies)
    if page.judged_at is not None:
        ago = now - page.judged_at
        parts.append(
            _("Judged just now from what was seen.")
            if ago < timedelta(minutes=1)
            else _("Judged %s ago from what was seen.") % timesince(page.judged_at, now)
        )
    elif not parts:
        parts.append(_("No release holds it, or nothing was seen."))
    return " ".join(parts)


def _then(page: ChannelPage, now: datetime) -> list[Then]:
    """Return what else has to be known: one host left, since when, what it was lowered to."""
    rows: list[Then] = []
    mails = {row.mx_host for row in page.hosts if row.delivery == Delivery.DELIVER.value}
    others = {row.mx_host for row in page.hosts} - mails
    if mails and others and page.delivery == Delivery.DELIVER.value:
        names = {"hosts": ", ".join(sorted(mails)), "others": ", ".join(sorted(others))}
        rows.append(Then("weak", _("Mail goes through %(hosts)s only; %(others)s would not take it.") % names))
    if page.since is not None and page.state not in {"compliant", "pending"}:
        since = {"since": date_format(page.since, "j M Y, H:i"), "age": timesince(page.since, now)}
        fresh = now - page.since < timedelta(minutes=1)
        text = _("So at least since %(since)s.") if fresh else _("So at least since %(since)s, for %(age)s.")
        rows.append(Then("unk", text % since))
    if page.bounces_at is not None and page.bounces_at > now:
        text = _("The first message that waits comes back on %s at the latest.")
        rows.append(Then("risk", text % date_format(page.bounces_at, "j M Y, H:i")))
    if page.channel.lowered_until is not None:
        lowered = {"level": page.channel.level, "until": date_format(page.channel.lowered_until, "j M Y, H:i")}
        rows.append(Then("weak", _("Lowered to %(level)s until %(until)s; returns by itself.") % lowered))
    return rows


def _figures(page: ChannelPage, now: datetime) -> list[Figure]:
    """Return at most three numbers."""
    rows: list[Figure] = []
    if page.hosts:
        taken = _("%(taking)s of %(count)s") % {"taking": page.taking, "count": len(page.hosts)}
        rows.append(Figure(taken, _("addresses would take it")))
    if page.bounces_at is not None and page.bounces_at > now:
        rows.append(Figure(_left(page.bounces_at, now), _("at most until the first bounces")))
    return rows


def _command(page: ChannelPage, codes: Sequence[str], digest: str) -> str:
    """Return the command that shows the leading reason at the first address where it holds."""
    for code in codes:
        reason = reason_of(code)
        row = next((one for one in page.hosts if code in one.reasons), page.hosts[0] if page.hosts else None)
        if reason is None:
            continue
        found = command_by_hand(
            reason,
            nexthop=(row.key if row else "") or page.verdict_key or (page.keys[0] if page.keys else ""),
            mx_host=row.mx_host if row else "",
            address=row.address if row else "",
            port=row.port if row else 25,
            digest=digest,
        )
        if found and (row is not None or "dig" in found):
            return found
    return ""
