"""What came with 3.9 and 3.10: TLS-Required, MTA-STS attributes, raw public keys; tls_policy_lookup_one() there."""

# fmt: off
from tests.kit.script import Script
from tests.oracle.case import Case, Host, named

NO_TLS = ("TLS-Required: no",)
NO_STARTTLS = Script(starttls_offered=False)
WRONG = named("elsewhere.example")
STS = "policy_type=sts policy_domain=@ policy_ttl=86400"
TWO = {"dns": ("@ MX 10 mx", "@ MX 20 other"), "hosts": {"mx": Host(), "other": Host(leaf=named("other.@"))}}


def asks_no_tls(name: str, shows: str, policy: str | None, **rest: object) -> Case:
    """Return a case whose message says TLS-Required: no; 3.7 does not know it."""
    return Case(f"tls-required-{name}", shows, policy, headers=NO_TLS, **rest)  # type: ignore[arg-type]


def sts(name: str, shows: str, policy: str, **rest: object) -> Case:
    """Return a case of an entry as an MTA-STS plugin writes it; 3.7 refuses it."""
    return Case(f"sts-{name}", shows, policy, **rest)  # type: ignore[arg-type]


CASES = (
    asks_no_tls("secure", "the policy is passed over: mail flows to a wrong name", "secure", leaf=WRONG),
    asks_no_tls("secure-plain", "the policy is passed over: mail flows in plaintext", "secure", script=NO_STARTTLS),
    asks_no_tls("encrypt", "encrypt is passed over", "encrypt", script=NO_STARTTLS),
    asks_no_tls("invalid", "an invalid entry is passed over", "strict"),
    asks_no_tls("dane-only", "dane-only is passed over", "dane-only", main_cf={"smtp_dns_support_level": "dnssec"}),
    asks_no_tls("dane", "dane is passed over", "dane", signed=True, tlsa=("3 1 1 other",),
                main_cf={"smtp_dns_support_level": "dnssec"}),
    asks_no_tls("none", "none becomes main.cf's level", "none"),
    asks_no_tls("fingerprint", "fingerprint is passed over", "fingerprint match=" + "AA:" * 31 + "AA"),
    asks_no_tls("global-secure", "main.cf's secure becomes may", None, leaf=WRONG,
                main_cf={"smtp_tls_security_level": "secure"}),
    asks_no_tls("global-encrypt", "main.cf's encrypt becomes may", None, script=NO_STARTTLS,
                main_cf={"smtp_tls_security_level": "encrypt"}),
    asks_no_tls("global-none", "main.cf's none stays", "secure", main_cf={"smtp_tls_security_level": "none"}),
    asks_no_tls("map-error", "an error of the table is passed over", None,
                main_cf={"smtp_tls_policy_maps": "fail:ours"}),
    asks_no_tls("handshake", "a failing handshake, fresh", "secure", script=Script(handshake="alert")),
    asks_no_tls("handshake-aged", "a failing handshake, aged", "secure", script=Script(handshake="alert"), age=600),
    asks_no_tls("off", "TLS-Required says nothing where tls_required_enable is off", "secure", leaf=WRONG, main_cf={"tls_required_enable": "no"}),
    Case("tls-required-upper", "the header in upper case", "secure", headers=("TLS-REQUIRED: NO",), leaf=WRONG),
    Case("tls-required-yes", "TLS-Required with another value says nothing", "secure", headers=("TLS-Required: yes",), leaf=WRONG),
    Case("tls-required-empty", "no value says nothing", "secure", headers=("TLS-Required:",), leaf=WRONG),
    Case("tls-required-comment", "a comment behind the value", "secure", headers=("TLS-Required: no (please)",), leaf=WRONG),
    Case("tls-required-twice", "TLS-Required: no, twice", "secure", headers=("TLS-Required: no", "TLS-Required: no"), leaf=WRONG),
    Case("tls-required-x", "a header of another name", "secure", headers=("X-TLS-Required: no",), leaf=WRONG),
    sts("hostname", "with policy_type=sts and match= the MX host is matched", f"secure match=mx.@ servername=hostname {STS} "
        "mx_host_pattern=mx.@"),
    sts("wrong-name", "a match= that the certificate has does not help another MX host",
        f"secure match=mx.@ {STS} mx_host_pattern=mx.@", leaf=named("@")),
    sts("outside", "an MX host outside the patterns is skipped", f"secure match=mx.@ {STS} mx_host_pattern=other.@"),
    sts("outside-first", "the next MX host is within", f"secure match=mx.@ {STS} mx_host_pattern=other.@", **TWO),
    sts("no-match", "without match= the patterns count all the same", f"secure {STS} mx_host_pattern=other.@"),
    sts("wildcard", "a pattern with a star", f"secure match=mx.@ {STS} mx_host_pattern=*.@"),
    sts("wildcard-two", "a star is one label", f"secure match=mx.@ {STS} mx_host_pattern=*.example"),
    sts("two-patterns", "several patterns add", f"secure match=mx.@ {STS} mx_host_pattern=a.@ mx_host_pattern=mx.@"),
    sts("pattern-case", "patterns ignore case", f"secure match=mx.@ {STS} mx_host_pattern=MX.STS-pattern-case.EXAMPLE"),
    sts("not-enforced", "smtp_tls_enforce_sts_mx_patterns = no",
        f"secure match=mx.@ {STS} mx_host_pattern=other.@", main_cf={"smtp_tls_enforce_sts_mx_patterns": "no"}),
    sts("failure", "policy_failure= makes verification fail", f"secure match=mx.@ {STS} policy_failure=validation-failure "
        "mx_host_pattern=mx.@"),
    sts("failure-encrypt", "policy_failure= at encrypt does not matter", f"encrypt {STS} policy_failure=validation-failure"),
    sts("failure-odd", "a policy_failure= of no known kind", f"secure match=mx.@ {STS} policy_failure=odd"),
    sts("ttl-alone", "policy_ttl= without policy_type= stops mail", "secure policy_ttl=86400"),
    sts("ttl-bad", "a policy_ttl= that is no number", "secure policy_type=sts policy_domain=@ policy_ttl=long"),
    sts("domain-alone", "policy_domain= without policy_type= stops mail", "secure policy_domain=@"),
    sts("pattern-alone", "mx_host_pattern= without policy_type= stops mail", "secure mx_host_pattern=mx.@"),
    sts("string-alone", "policy_string= without policy_type= stops mail", "secure policy_string=x"),
    sts("type-odd", "an unknown policy_type= stops mail", "secure policy_type=odd"),
    sts("type-tlsa", "policy_type=tlsa", "secure policy_type=tlsa"),
    sts("type-none", "policy_type=no-policy-found", "secure policy_type=no-policy-found"),
    sts("type-upper", "policy_type= in upper case", "secure policy_type=STS policy_domain=@ policy_ttl=86400"),
    sts("type-twice", "policy_type= twice stops mail", "secure policy_type=sts policy_type=sts"),
    sts("no-domain", "policy_type=sts without policy_domain=", "secure policy_type=sts policy_ttl=86400"),
    sts("no-ttl", "policy_type=sts without policy_ttl=", "secure policy_type=sts policy_domain=@"),
    sts("strings", "policy_string= in braces", f"secure {STS} {{ policy_string = version: STSv1 }} "
        "{ policy_string = mode: enforce }"),
    sts("none", "at none they are ignored", "none policy_ttl=86400"),
    sts("may", "at may they are read", f"may {STS}"),
    sts("may-bad", "wrong policy_… attributes at may stop mail", "may policy_ttl=86400"),
    Case("rpk-encrypt", "enable_rpk=yes and a server without raw public keys", "encrypt enable_rpk=yes"),
    Case("rpk-fingerprint", "enable_rpk=yes at fingerprint", "fingerprint match=<pkey> enable_rpk=yes"),
    Case("rpk-main", "smtp_tls_enable_rpk in main.cf", "encrypt", main_cf={"smtp_tls_enable_rpk": "yes"}),
    Case("mismatch-word", "chain good, name wrong: 3.7 says Untrusted, 3.10 Trusted", "verify", leaf=WRONG),
)
