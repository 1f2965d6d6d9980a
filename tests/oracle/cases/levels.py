"""The levels beside what TLS itself brings: anonymous ciphers, a broken set-up, wrapper mode, client certificates."""

# fmt: off
import ssl

from tests.kit.script import ANONYMOUS, Script
from tests.oracle.case import Case, Host, alone, named, root

TLS12 = ssl.TLSVersion.TLSv1_2
NO_CERTIFICATE = {"ciphers": ANONYMOUS, "maximum": TLS12}
EITHER = {"ciphers": "aNULL:DEFAULT:@SECLEVEL=0", "maximum": TLS12}
WRAPPED = Script(implicit_tls=True)
BROKEN = {"smtp_tls_CAfile": "<file:nothing.pem>"}
ODD_DIGEST = {"smtp_tls_fingerprint_digest": "whirlpool9"}
NO_STARTTLS = Script(starttls_offered=False)
REQUIRED, ASKED = ssl.CERT_REQUIRED, ssl.CERT_OPTIONAL
AGED = 600


def each(name: str, shows: str, levels: str, **rest: object) -> tuple[Case, ...]:
    """Return the case at each of *levels*."""
    return tuple(
        Case(f"{name}-{level}", f"{shows}, at {level}", "fingerprint match=<pin>" if level == "fingerprint" else level,
             **rest)  # type: ignore[arg-type]
        for level in levels.split()
    )


def client(required: ssl.VerifyMode, **tls: object) -> dict[str, object]:
    return {"client_certificate": required, "anchors": (root(),), **tls}


CASES = (
    *each("good", "a good peer", "none may encrypt verify secure fingerprint"),
    *each("self-signed", "a self-signed leaf for the right name", "may encrypt verify secure fingerprint",
          leaf=alone("mx.@")),
    *each("nameless", "a leaf without any name", "may encrypt verify secure fingerprint", leaf=named()),
    *each("anonymous", "a server without a certificate, TLS 1.2", "may encrypt verify secure", leaf=None,
          tls=NO_CERTIFICATE),
    Case("anonymous-fingerprint", "a server without a certificate at fingerprint", "fingerprint match=" + "AA:" * 31 + "AA",
         leaf=None, tls=NO_CERTIFICATE),
    *each("either", "a server that prefers aNULL to its certificate, TLS 1.2", "may encrypt verify fingerprint",
          tls=EITHER),
    Case("either-tls13", "TLS 1.3 has no anonymous ciphers", "may", tls={"ciphers": "aNULL:DEFAULT:@SECLEVEL=0"}),
    Case("either-exclude", "exclude=aNULL asks for the certificate", "encrypt exclude=aNULL", tls=EITHER),
    Case("either-main-cf", "smtp_tls_exclude_ciphers = aNULL asks for the certificate at may", "may", tls=EITHER,
         main_cf={"smtp_tls_exclude_ciphers": "aNULL"}),
    Case("either-mandatory-may", "smtp_tls_mandatory_exclude_ciphers does not count at may", "may", tls=EITHER,
         main_cf={"smtp_tls_mandatory_exclude_ciphers": "aNULL"}),
    Case("either-mandatory-encrypt", "smtp_tls_mandatory_exclude_ciphers counts at encrypt", "encrypt", tls=EITHER,
         main_cf={"smtp_tls_mandatory_exclude_ciphers": "aNULL"}),
    Case("either-exclude-replaces", "exclude= replaces main.cf's list", "encrypt exclude=MD5", tls=EITHER,
         main_cf={"smtp_tls_exclude_ciphers": "aNULL"}),
    Case("anonymous-excluded", "a server with nothing but aNULL, excluded", "encrypt exclude=aNULL", leaf=None,
         tls=NO_CERTIFICATE),
    Case("anonymous-excluded-aged", "at may an aged message goes in plaintext then", "may exclude=aNULL", leaf=None,
         tls=NO_CERTIFICATE, age=AGED),
    *each("no-cafile-there", "CAfile that is not there: TLS is disabled", "none may encrypt secure fingerprint",
          main_cf=BROKEN),
    Case("no-cafile-there-dane-only", "CAfile that is not there, at dane-only", "dane-only", signed=True,
         tlsa=("3 1 1",), main_cf={**BROKEN, "smtp_dns_support_level": "dnssec"}),
    Case("no-cafile-no-starttls", "the engine is missing, and STARTTLS not offered", "encrypt", main_cf=BROKEN,
         script=NO_STARTTLS),
    *each("unknown-digest", "an unknown smtp_tls_fingerprint_digest disables TLS", "may encrypt", main_cf=ODD_DIGEST),
    Case("unknown-digest-fingerprint", "an unknown digest at fingerprint", "fingerprint match=AA:BB", main_cf=ODD_DIGEST),
    *each("no-client-certificate", "a client certificate file that is not there disables TLS", "may encrypt",
          main_cf={"smtp_tls_cert_file": "<file:nothing.pem>"}),
    *each("empty-cafile", "an empty CAfile disables TLS", "may encrypt", files={"ca.pem": ""},
          main_cf={"smtp_tls_CAfile": "<file:ca.pem>"}),
    *each("no-capath", "CApath that is not there does not matter", "may verify",
          main_cf={"smtp_tls_CApath": "<file:nothing>"}),
    *each("wrapper", "TLS from the first byte", "encrypt secure", nexthop="[mx.@]:465",
          hosts={"mx": Host(port=465, script=WRAPPED)}, main_cf={"smtp_tls_wrappermode": "yes"}),
    *each("wrapper-weak", "wrapper mode needs encrypt or more", "none may", nexthop="[mx.@]:465",
          hosts={"mx": Host(port=465, script=WRAPPED)}, main_cf={"smtp_tls_wrappermode": "yes"}),
    Case("wrapper-not-set", "port 465 without wrapper mode: silence", "encrypt", nexthop="[mx.@]:465",
         hosts={"mx": Host(port=465, script=WRAPPED)}, main_cf={"smtp_helo_timeout": "4s"}),
    Case("wrapper-plain-peer", "wrapper mode with a peer that speaks plainly", "encrypt",
         main_cf={"smtp_tls_wrappermode": "yes", "smtp_starttls_timeout": "4s"}),
    *each("wrapper-name", "a wrong name in wrapper mode", "verify", nexthop="[mx.@]:465",
          hosts={"mx": Host(port=465, script=WRAPPED, leaf=named("other.example"))},
          main_cf={"smtp_tls_wrappermode": "yes"}),
    *each("client-asked", "a client certificate that is only asked for", "may verify", tls=client(ASKED)),
    *each("client-required-12", "a client certificate required, TLS 1.2", "may encrypt",
          tls=client(REQUIRED, maximum=TLS12)),
    *each("client-required-13", "a client certificate required, TLS 1.3", "may encrypt verify", tls=client(REQUIRED)),
    Case("client-required-aged", "TLS 1.2: an aged message goes in plaintext at may", "may",
         tls=client(REQUIRED, maximum=TLS12), age=AGED),
    Case("client-required-aged-13", "TLS 1.3: so it does", "may", tls=client(REQUIRED), age=AGED),
    *each("dane-no-dnssec", "without dnssec: dane is may, dane-only invalid", "dane dane-only", signed=True,
          tlsa=("3 1 1",)),
    *each("dane-no-dnssec-plain", "without dnssec and STARTTLS", "dane dane-only", signed=True, tlsa=("3 1 1",),
          script=NO_STARTTLS),
    Case("global-verify", "verify as main.cf's level", leaf=named("@"), main_cf={"smtp_tls_security_level": "verify"}),
    Case("global-encrypt", "encrypt as main.cf's level", script=NO_STARTTLS, main_cf={"smtp_tls_security_level": "encrypt"}),
    Case("global-fingerprint", "fingerprint as main.cf's level",
         main_cf={"smtp_tls_security_level": "fingerprint", "smtp_tls_fingerprint_cert_match": "<pin>"}),
    Case("global-fingerprint-empty", "fingerprint as main.cf's level without values",
         main_cf={"smtp_tls_security_level": "fingerprint"}),
    Case("global-dane", "dane as main.cf's level", signed=True, tlsa=("3 1 1",),
         main_cf={"smtp_tls_security_level": "dane", "smtp_dns_support_level": "dnssec"}),
    Case("global-dane-only", "dane-only as main.cf's level without TLSA", signed=True,
         main_cf={"smtp_tls_security_level": "dane-only", "smtp_dns_support_level": "dnssec"}),
)
