"""Why mail would not flow, or would flow below what was agreed: stable codes and what they mean to whom.

Codes are RFC 8460 section 4.3 result types where those fit. The sentences are English message ids: whoever shows them
translates them (core knows no language), and fills in {subject} and the like with str.format after translation.
"""

import shlex
from dataclasses import dataclass
from enum import StrEnum

from partners.core.errors import NameRefused
from partners.core.names import Nexthop, NexthopKind, place_text

__all__ = ["REASON_TEXTS", "SOURCES", "Reason", "ReasonText", "command_by_hand"]


class Reason(StrEnum):
    """A code that stays: rows, JSON and alerts hold it. Order: worst first."""

    POLICY_INVALID = "policy-invalid"
    TLS_ENGINE_OFF = "tls-engine-unavailable"
    TLS_SETTINGS_UNUSABLE = "tls-settings-unusable"
    WRAPPERMODE_NEEDS_TLS = "wrappermode-needs-encrypt"
    NO_SUCH_DOMAIN = "no-such-domain"
    NULL_MX = "null-mx"
    NO_ADDRESS = "no-address"
    LOOKUP_FAILED = "lookup-failed"
    MAIL_LOOP = "mail-loops-back"
    GREETING_REJECTED = "greeting-rejected"
    GREETING_TEMPORARY = "greeting-temporary"
    CONNECTION_LOST = "connection-lost"
    CONNECT_FAILED = "connect-failed"
    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    STARTTLS_REJECTED = "starttls-rejected"
    STARTTLS_TEMPORARY = "starttls-temporary"
    HANDSHAKE_FAILED = "tls-handshake-failed"
    CERTIFICATE_NOT_SENT = "certificate-not-sent"
    CERTIFICATE_NOT_FOR_SERVERS = "certificate-not-for-servers"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    CERTIFICATE_SELF_SIGNED = "certificate-self-signed"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    CERTIFICATE_WEAK = "certificate-weak"
    CERTIFICATE_CA_INVALID = "certificate-ca-invalid"
    CERTIFICATE_NAME_CONSTRAINED = "certificate-name-constrained"
    CERTIFICATE_CHAIN_TOO_LONG = "certificate-chain-too-long"
    VALIDATION_FAILURE = "validation-failure"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    FINGERPRINT_MISMATCH = "fingerprint-mismatch"
    FINGERPRINT_UNUSABLE = "fingerprint-unusable"
    STS_MX_NOT_LISTED = "sts-mx-not-listed"
    STS_POLICY_FAILED = "sts-policy-failed"
    DNSSEC_INVALID = "dnssec-invalid"
    TLSA_INVALID = "tlsa-invalid"
    DANE_REQUIRED = "dane-required"
    NOT_MEASURED = "not-measured"
    PLAINTEXT = "plaintext"
    BELOW_AGREED = "below-agreed"
    NOT_RELEASED = "not-released"


@dataclass(frozen=True, slots=True)
class ReasonText:
    """One reason in two voices. team: for the mail team; partner: for the partner, saying what to do there.

    command: key of a command by hand that shows it, see command_by_hand().
    """

    team: str
    partner: str
    command: str = "s_client"


def _(message: str) -> str:
    """Mark *message* as a message id, for the tools that collect what is to be translated."""
    return message


_TLS = "s_client"
_DNS = "mx"
REASON_TEXTS: dict[Reason, ReasonText] = {
    Reason.POLICY_INVALID: ReasonText(
        _("Postfix cannot use this entry: all mail it applies to is deferred. Correct the entry."),
        _("Our settings for your mail are faulty. There is nothing for you to do."),
        "",
    ),
    Reason.TLS_ENGINE_OFF: ReasonText(
        _("Our relay's TLS does not work (CA file, client certificate, digest): it sends in plaintext or not at all."),
        _("Our mail server's TLS does not work. There is nothing for you to do."),
        "",
    ),
    Reason.TLS_SETTINGS_UNUSABLE: ReasonText(
        _("The protocols, ciphers or exclude that apply cannot be used: every handshake fails. Correct them."),
        _("Our settings for your mail are faulty. There is nothing for you to do."),
        "",
    ),
    Reason.WRAPPERMODE_NEEDS_TLS: ReasonText(
        _("smtp_tls_wrappermode needs the level encrypt or more: Postfix skips every host of this nexthop."),
        _("Our settings for your mail are faulty. There is nothing for you to do."),
        "",
    ),
    Reason.NO_SUCH_DOMAIN: ReasonText(
        _("The nexthop does not exist in the DNS: mail bounces at once. Check its spelling, then ask the partner."),
        _("Your mail domain does not exist in the DNS. Restore its MX records."),
        _DNS,
    ),
    Reason.NULL_MX: ReasonText(
        _('The domain says by "MX 0 ." that it takes no mail: mail bounces at once.'),
        _('Your MX record "0 ." says that you take no mail. Publish your mail servers instead.'),
        _DNS,
    ),
    Reason.NO_ADDRESS: ReasonText(
        _("No MX host of the nexthop has an address that our relays can use: mail bounces."),
        _("None of your MX hosts has an address. Add A or AAAA records for them."),
        _DNS,
    ),
    Reason.LOOKUP_FAILED: ReasonText(
        _("The DNS gives no answer for this name at present; Postfix defers and asks again."),
        _("Your name servers do not answer for this name. Check them and your DNSSEC signatures."),
        _DNS,
    ),
    Reason.MAIL_LOOP: ReasonText(
        _("The host greets with our own name: mail would loop and bounces. Check the nexthop."),
        _("Your mail server greets with the name of ours. Check its host name."),
    ),
    Reason.GREETING_REJECTED: ReasonText(
        _("The host refuses our relays in its greeting."),
        _("Your mail server refuses ours with its greeting. Allow our relays."),
    ),
    Reason.GREETING_TEMPORARY: ReasonText(
        _("The host does not take mail at present."),
        _("Your mail server says that it takes no mail at present."),
    ),
    Reason.CONNECTION_LOST: ReasonText(
        _("The host ends the connection before mail can be sent."),
        _("Your mail server ends our connections. Look for our relays in its log."),
    ),
    Reason.CONNECT_FAILED: ReasonText(
        _("No connection to the host is possible at present."),
        _("Your mail server cannot be reached. Check its port and your firewall."),
    ),
    Reason.STARTTLS_NOT_SUPPORTED: ReasonText(
        _("The host does not offer STARTTLS. Ask the partner to switch TLS on, or to remove what filters it."),
        _("Your mail server does not offer STARTTLS. Switch it on, and check firewalls that inspect SMTP."),
    ),
    Reason.STARTTLS_REJECTED: ReasonText(
        _("The host offers STARTTLS and then refuses it for good: mail bounces at once."),
        _("Your mail server refuses STARTTLS with a permanent error. Check its certificate and key files."),
    ),
    Reason.STARTTLS_TEMPORARY: ReasonText(
        _("The host offers STARTTLS and then refuses it for now, often because its key cannot be read."),
        _("Your mail server refuses STARTTLS with a temporary error. Check its certificate and key files."),
    ),
    Reason.HANDSHAKE_FAILED: ReasonText(
        _("The TLS handshake fails: no common protocol version or cipher, or a client certificate is asked for."),
        _("The TLS handshake with your mail server fails. Allow TLS 1.2 or 1.3 with ordinary ciphers."),
    ),
    Reason.CERTIFICATE_NOT_SENT: ReasonText(
        _("The host sends no certificate, so that nothing can be matched."),
        _("Your mail server sends no certificate. Configure one."),
    ),
    Reason.CERTIFICATE_NOT_FOR_SERVERS: ReasonText(
        _("The certificate, or a CA above it, is not meant for servers (extended key usage without serverAuth)."),
        _("Your certificate is not meant for servers. Order one whose extended key usage holds serverAuth."),
    ),
    Reason.CERTIFICATE_EXPIRED: ReasonText(
        _("A certificate of the chain has expired. Ask the partner to renew it."),
        _("A certificate that your mail server sends has expired. Renew it, intermediates included."),
    ),
    Reason.CERTIFICATE_NOT_YET_VALID: ReasonText(
        _("A certificate of the chain is not valid yet."),
        _("A certificate that your mail server sends is not valid yet. Check its dates."),
    ),
    Reason.CERTIFICATE_SELF_SIGNED: ReasonText(
        _("The certificate is self-signed: no CA vouches for it. Pin its fingerprint, or ask for one from a CA."),
        _("Your certificate is self-signed. Use one from a CA, or agree on its fingerprint with us."),
    ),
    Reason.CERTIFICATE_NOT_TRUSTED: ReasonText(
        _("The chain leads to no CA that this entry trusts; often an intermediate certificate is not sent."),
        _("Your chain leads to no CA that we trust. Send all intermediate certificates."),
    ),
    Reason.CERTIFICATE_WEAK: ReasonText(
        _("A certificate is signed with SHA-1 or has a key that is too short."),
        _("A certificate of your chain is signed with SHA-1 or has a key that is too short. Replace it."),
    ),
    Reason.CERTIFICATE_CA_INVALID: ReasonText(
        _("A certificate of the chain signs others and may not."),
        _("A certificate of your chain signs others without being a CA. Replace the chain."),
    ),
    Reason.CERTIFICATE_NAME_CONSTRAINED: ReasonText(
        _("The CA may not certify this name (name constraints)."),
        _("Your CA may not certify this name. Use another CA or name."),
    ),
    Reason.CERTIFICATE_CHAIN_TOO_LONG: ReasonText(
        _("The chain has more intermediates than smtp_tls_scert_verifydepth allows."),
        _("Your chain has too many intermediate certificates."),
    ),
    Reason.VALIDATION_FAILURE: ReasonText(
        _("OpenSSL refuses the chain: a signature does not fit or a certificate is malformed."),
        _("Your certificate chain is malformed, or a signature in it does not fit."),
    ),
    Reason.CERTIFICATE_HOST_MISMATCH: ReasonText(
        _("The certificate holds none of the names that this entry expects."),
        _("Your certificate does not hold the name that was agreed. Add it as a DNS subject alternative name."),
    ),
    Reason.FINGERPRINT_MISMATCH: ReasonText(
        _("The certificate is none of the pinned ones: renewed without notice, or not the partner's."),
        _("Your certificate is none of those announced to us. Upload the new one, or put the announced one back."),
        "fingerprint",
    ),
    Reason.FINGERPRINT_UNUSABLE: ReasonText(
        _("No fingerprint of this entry has the length of the relay's digest algorithm."),
        _("Our settings for your mail are faulty. There is nothing for you to do."),
        "",
    ),
    Reason.STS_MX_NOT_LISTED: ReasonText(
        _("The MX host fits no pattern of the MTA-STS policy in this entry: Postfix skips it."),
        _("Your MTA-STS policy does not list this MX host. Add it to the policy, or remove it from your MX records."),
        _DNS,
    ),
    Reason.STS_POLICY_FAILED: ReasonText(
        _("This entry says that the partner's MTA-STS policy could not be used: no certificate is accepted."),
        _("Your MTA-STS policy could not be fetched or read. Check its web server and its contents."),
        "",
    ),
    Reason.DNSSEC_INVALID: ReasonText(
        _("The DNS answers are not protected by DNSSEC as this entry demands."),
        _("Your DNS answers are not protected by DNSSEC. Check signatures and the DS record."),
        _DNS,
    ),
    Reason.TLSA_INVALID: ReasonText(
        _("The certificate does not fit the published TLSA records."),
        _("Your certificate does not fit your TLSA records. Publish the new record before the new certificate."),
        "tlsa",
    ),
    Reason.DANE_REQUIRED: ReasonText(
        _("This entry demands usable TLSA records, and there are none."),
        _("There are no usable TLSA records for your mail server. Publish one with usage 3."),
        "tlsa",
    ),
    Reason.NOT_MEASURED: ReasonText(
        _("Nothing is known of this address at present; this is neither good nor bad news."),
        _("Our last attempt to see this address failed. We try again by ourselves."),
    ),
    Reason.PLAINTEXT: ReasonText(
        _("Mail flows without encryption."),
        _("Mail to your server flows without encryption. Switch STARTTLS on."),
    ),
    Reason.BELOW_AGREED: ReasonText(
        _("Mail flows, but the entry in force demands less than what was agreed. Raise the level of the entry."),
        _("Our settings for your mail demand less than what we agreed. There is nothing for you to do."),
        "",
    ),
    Reason.NOT_RELEASED: ReasonText(
        _("The entry stands in no release yet, so that no relay has it. Cut a candidate and publish it."),
        _("Our mail team has still to bring it to our mail servers. There is nothing for you to do."),
        "",
    ),
}

# Where Postfix or OpenSSL decides it: files of src/smtp without a path, functions with brackets; "" for what is ours.
SOURCES: dict[Reason, str] = {
    Reason.POLICY_INVALID: "tls_policy_lookup_one() in smtp_tls_policy.c",
    Reason.TLS_ENGINE_OFF: "tls_client_init() in src/tls/tls_client.c",
    Reason.TLS_SETTINGS_UNUSABLE: "tls_client_start() in src/tls/tls_client.c",
    Reason.WRAPPERMODE_NEEDS_TLS: "smtp_connect_inet() in smtp_connect.c",
    Reason.NO_SUCH_DOMAIN: "smtp_domain_addr() in smtp_addr.c",
    Reason.NULL_MX: "smtp_domain_addr() in smtp_addr.c",
    Reason.NO_ADDRESS: "smtp_addr_list() in smtp_addr.c",
    Reason.LOOKUP_FAILED: "smtp_domain_addr() in smtp_addr.c, dane_init() in smtp_tls_policy.c",
    Reason.MAIL_LOOP: "smtp_helo() in smtp_proto.c, smtp_truncate_self() in smtp_addr.c",
    Reason.GREETING_REJECTED: "smtp_helo() in smtp_proto.c",
    Reason.GREETING_TEMPORARY: "smtp_helo() in smtp_proto.c",
    Reason.CONNECTION_LOST: "smtp_stream_except() in smtp_trouble.c",
    Reason.CONNECT_FAILED: "smtp_connect_sock() in smtp_connect.c",
    Reason.STARTTLS_NOT_SUPPORTED: "smtp_helo() in smtp_proto.c",
    Reason.STARTTLS_REJECTED: "smtp_helo() in smtp_proto.c",
    Reason.STARTTLS_TEMPORARY: "smtp_helo() in smtp_proto.c",
    Reason.HANDSHAKE_FAILED: "smtp_start_tls() in smtp_proto.c",
    Reason.CERTIFICATE_NOT_SENT: "tls_client_post_connect() in src/tls/tls_client.c",
    Reason.CERTIFICATE_NOT_FOR_SERVERS: "check_purpose_ssl_server() in OpenSSL's v3_purp.c",
    Reason.CERTIFICATE_EXPIRED: "ossl_x509_check_cert_time() in OpenSSL's x509_vfy.c",
    Reason.CERTIFICATE_NOT_YET_VALID: "ossl_x509_check_cert_time() in OpenSSL's x509_vfy.c",
    Reason.CERTIFICATE_SELF_SIGNED: "build_chain() in OpenSSL's x509_vfy.c",
    Reason.CERTIFICATE_NOT_TRUSTED: "build_chain() in OpenSSL's x509_vfy.c",
    Reason.CERTIFICATE_WEAK: "check_key_level(), check_sig_level() in OpenSSL's x509_vfy.c",
    Reason.CERTIFICATE_CA_INVALID: "check_extensions() in OpenSSL's x509_vfy.c",
    Reason.CERTIFICATE_NAME_CONSTRAINED: "check_name_constraints() in OpenSSL's x509_vfy.c",
    Reason.CERTIFICATE_CHAIN_TOO_LONG: "tls_verify_certificate_callback() in src/tls/tls_verify.c",
    Reason.VALIDATION_FAILURE: "internal_verify() in OpenSSL's x509_vfy.c",
    Reason.CERTIFICATE_HOST_MISMATCH: "add_namechecks() in src/tls/tls_client.c, do_x509_check() in OpenSSL's v3_utl.c",
    Reason.FINGERPRINT_MISMATCH: "tls_dane_add_fpt_digests() in src/tls/tls_dane.c",
    Reason.FINGERPRINT_UNUSABLE: "tls_dane_add_fpt_digests() in src/tls/tls_dane.c",
    Reason.STS_MX_NOT_LISTED: "smtp_connect_inet() in smtp_connect.c, from 3.10 on",
    Reason.STS_POLICY_FAILED: "tls_policy_lookup_one() in smtp_tls_policy.c, from 3.10 on",
    Reason.DNSSEC_INVALID: "dane_init() in smtp_tls_policy.c",
    Reason.TLSA_INVALID: "tls_dane_enable() in src/tls/tls_dane.c, dane_match() in OpenSSL's x509_vfy.c",
    Reason.DANE_REQUIRED: "dane_init() in smtp_tls_policy.c",
    Reason.PLAINTEXT: "PLAINTEXT_FALLBACK_OK_* in smtp.h, smtp_helo() in smtp_proto.c",
}

_COMMANDS = {
    _TLS: "openssl s_client -starttls smtp -showcerts -connect {peer} -verify_hostname {mx_host} </dev/null",
    "fingerprint": (
        "openssl s_client -starttls smtp -connect {peer} </dev/null 2>/dev/null"
        " | openssl x509 -noout -fingerprint -{digest}"
    ),
    _DNS: "dig +dnssec {name} {rtype}",
    "tlsa": "dig +dnssec {tlsa} TLSA",
}


def command_by_hand(
    reason: Reason, *, nexthop: str, mx_host: str = "", address: str = "", port: int = 25, digest: str = "sha256"
) -> str:
    """Return a shell command that shows *reason*, or "" where there is none; every subject is quoted for the shell.

    A subject that begins with "-" would be read as an option: it is given no command.
    """
    template = _COMMANDS.get(REASON_TEXTS[reason].command, "")
    target = address or mx_host
    name, rtype = _asked(nexthop)
    if any(word.startswith("-") for word in (nexthop, name, mx_host, target, digest)):
        return ""
    return template.format(
        peer=shlex.quote(place_text(target, port)),
        mx_host=shlex.quote(mx_host or target),
        name=shlex.quote(name),
        rtype=rtype,
        tlsa=shlex.quote(f"_{port}._tcp.{mx_host}"),
        digest=shlex.quote(digest),
    )


def _asked(nexthop: str) -> tuple[str, str]:
    """Return what smtp(8) asks the DNS for mail to *nexthop*: for a name in brackets its address, without its port."""
    try:
        parsed = Nexthop.parse(nexthop)
    except NameRefused:
        return nexthop, "MX"
    return parsed.host, "A" if parsed.kind is NexthopKind.LITERAL else "MX"
