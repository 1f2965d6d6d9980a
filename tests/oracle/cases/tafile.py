"""Trust anchors of one destination: tls_dane_load_trustfile() in src/tls/tls_dane.c, set_trust_anchors() in smtp."""

# fmt: off
from collections.abc import Callable

from tests.kit import der as asn1
from tests.kit.ca import Certificate, root_ca
from tests.oracle.case import FUTURE, PAST, QUEUE, Case, Maker, Naming, Text, alone, named, root, stranger
from tests.oracle.cases.chain import below, its_issuer, its_root, leaf_only, own_root, the_leaf

TA = "tafile=<file:ta.pem>"
BY_STRANGER = named("mx.@", by=stranger)


def anchored(name: str, shows: str, ta: Text, **rest: object) -> Case:
    """Return a case at `verify tafile=…`, whose file holds *ta*."""
    rest = {"leaf": BY_STRANGER, "policy": f"verify {TA}", "files": {"ta.pem": ta}, **rest}
    return Case(f"ta-{name}", shows, **rest)  # type: ignore[arg-type]


def stranger_pem(_naming: Naming) -> str:
    return stranger().pem


def root_pem(_naming: Naming) -> str:
    return root().pem


def key_of(find: Callable[[Certificate], Certificate | None]) -> Callable[[Naming], str]:
    """Return the maker of the public key of the certificate that *find* finds from the leaf."""

    def text(naming: Naming) -> str:
        found = find(naming.leaf)
        return found.spki_pem if found else ""

    return text


def issuer_of(leaf: Certificate) -> Certificate | None:
    return leaf.issuer


def anchor_of(leaf: Certificate) -> Certificate | None:
    return leaf.anchor


def itself(leaf: Certificate) -> Certificate | None:
    return leaf


def under(name: str, **odd: object) -> Maker:
    """Return the maker of a leaf under a root of its own, which is odd."""
    return named("mx.@", by=lambda: own_root(f"ta {name}", **odd))  # type: ignore[arg-type]


def with_anchor(leaf: Certificate) -> tuple[Certificate, ...]:
    return (*leaf.chain, leaf.anchor)


def trusted_certificate(_naming: Naming) -> str:
    return asn1.pem("TRUSTED CERTIFICATE", stranger().der)


def x509_certificate(_naming: Naming) -> str:
    return asn1.pem("X509 CERTIFICATE", stranger().der)


def unrelated(_naming: Naming) -> str:
    return root_ca("Unrelated").pem


MAIN = {"smtp_tls_trust_anchor_file": "<file:ta.pem>"}

CASES = (
    anchored("root", "the root in the tafile", stranger_pem),
    anchored("root-not-sent", "a root that the server does not send", stranger_pem, leaf=below({}, by=stranger)),
    anchored("root-sent", "a root that it sends", stranger_pem, tls={"chain": lambda leaf: (leaf, stranger())}),
    anchored("intermediate", "an intermediate is an anchor", its_issuer, leaf=below({}, by=stranger)),
    anchored("intermediate-not-sent", "an intermediate that is not sent", its_issuer, leaf=below({}, by=stranger),
             tls={"chain": leaf_only}),
    anchored("upper-intermediate-gap", "an upper anchor does not fill a gap below it", stranger_pem,
             leaf=below({}, by=stranger), tls={"chain": leaf_only}),
    anchored("leaf", "the leaf itself is an anchor", the_leaf),
    anchored("leaf-self-signed", "a self-signed leaf", the_leaf, leaf=alone("mx.@")),
    anchored("leaf-wrong-name", "the name of a leaf that is its own anchor counts", the_leaf,
             leaf=named("other.example", by=stranger)),
    anchored("leaf-expired", "the dates of a leaf that is its own anchor", the_leaf,
             leaf=named("mx.@", by=stranger, not_after=PAST)),
    anchored("root-key", "the bare key of the root", key_of(anchor_of)),
    anchored("root-key-not-sent", "the bare key of a root that is not sent, above an intermediate", key_of(anchor_of),
             leaf=below({}, by=stranger)),
    anchored("intermediate-key", "the bare key of the intermediate", key_of(issuer_of), leaf=below({}, by=stranger)),
    anchored("leaf-key", "the bare key of the leaf", key_of(itself)),
    anchored("leaf-key-self-signed", "the bare key of a self-signed leaf", key_of(itself), leaf=alone("mx.@")),
    anchored("other", "another certificate in the tafile", unrelated),
    anchored("other-key", "another key in the tafile", lambda _naming: root_ca("Unrelated key").spki_pem),
    anchored("replaces-cafile", "tafile= replaces CAfile", stranger_pem, leaf=named("mx.@")),
    anchored("wrong-name", "the name counts", stranger_pem, leaf=named("other.example", by=stranger)),
    anchored("secure", "tafile= at secure", stranger_pem, policy=f"secure {TA}"),
    anchored("match", "match= beside it", stranger_pem, policy=f"secure {TA} match=partner.example",
             leaf=named("partner.example", by=stranger)),
    anchored("expired-leaf", "an expired leaf below an anchor", stranger_pem,
             leaf=named("mx.@", by=stranger, not_after=PAST)),
    # internal_verify() in OpenSSL's x509_vfy.c looks at the dates of the last certificate of the chain only where that
    # one is self-issued: of a root they count, of an intermediate that is an anchor they do not.
    anchored("expired-root", "the dates of a self-signed anchor count", its_root, leaf=under("expired", not_after=PAST)),
    anchored("expired-root-sent", "the dates of a self-signed anchor count where it is sent", its_root, leaf=under("expired", not_after=PAST),
             tls={"chain": with_anchor}),
    anchored("expired-root-key", "a bare key has no dates", key_of(anchor_of), leaf=under("expired", not_after=PAST)),
    anchored("expired-root-key-sent", "a bare key, and an expired root that is sent", key_of(anchor_of),
             leaf=under("expired", not_after=PAST), tls={"chain": with_anchor}),
    anchored("future-root", "a root that is not valid yet", its_root,
             leaf=under("future", not_before=FUTURE)),
    anchored("expired-intermediate-not-sent", "the dates of an intermediate that is an anchor do not, sent or not", its_issuer,
             leaf=below({"not_after": PAST}, by=stranger), tls={"chain": leaf_only}),
    anchored("expired-both", "leaf and its own anchor expired", the_leaf, leaf=alone("mx.@", not_after=PAST)),
    anchored("expired-intermediate", "the dates of an intermediate that is an anchor do not", its_issuer,
             leaf=below({"not_after": PAST}, by=stranger)),
    anchored("expired-between", "the dates of an intermediate below the anchor count", stranger_pem,
             leaf=below({"not_after": PAST}, by=stranger)),
    anchored("sha1", "an anchor's own SHA-1 signature does not count", its_root,
             leaf=under("sha1", key="rsa2048", digest="sha1")),
    anchored("eku", "the EKU of an anchor counts", its_root, leaf=under("eku", eku=("client",))),
    anchored("constraint", "the name constraints of an anchor count", its_root,
             leaf=under("constraint", excluded=("example",))),
    anchored("no-ca", "an anchor that is no CA", its_root, leaf=under("no-ca", ca=False)),
    anchored("path-length", "the path length of an anchor", its_root,
             leaf=below({}, by=lambda: own_root("ta path", path_length=0))),
    anchored("two-in-one", "the second of two certificates in one file",
             lambda naming: root_pem(naming) + stranger_pem(naming)),
    anchored("two-files", "several tafile= add", stranger_pem, policy=f"verify tafile=<file:other.pem> {TA}",
             files={"ta.pem": stranger_pem, "other.pem": unrelated}),
    anchored("two-files-one-missing", "one of several tafiles that is not there stops mail", stranger_pem,
             policy=f"verify {TA} tafile=<file:nothing.pem>"),
    anchored("missing", "a file that is not there stops mail", stranger_pem, policy="verify tafile=<file:nothing.pem>"),
    anchored("missing-aged", "an aged message too", stranger_pem, policy="verify tafile=<file:nothing.pem>", age=600),
    anchored("directory", "a directory stops mail", stranger_pem, policy="verify tafile=/tmp"),
    anchored("empty", "an empty file stops mail", ""),
    anchored("no-pem", "a file without PEM stops mail", "our partner's root\n"),
    anchored("der", "DER is no PEM", lambda _naming: stranger().der.decode("latin-1")),
    anchored("text-around", "text around PEM does not matter",
             lambda naming: f"Root of our partner\n{stranger_pem(naming)}the end\n"),
    anchored("broken-base64", "broken base64 stops mail", lambda naming: stranger_pem(naming).replace("M", "*", 3)),
    anchored("no-end", "PEM without its end stops mail", lambda naming: stranger_pem(naming).split("-----END")[0]),
    anchored("good-then-broken", "a good certificate before a broken one stops mail too",
             lambda naming: stranger_pem(naming) + root_pem(naming).replace("M", "*", 3)),
    anchored("no-certificate", "a CERTIFICATE that does not parse fails in the handshake",
             lambda _naming: asn1.pem("CERTIFICATE", b"\x30\x03\x02\x01\x01")),
    anchored("no-key", "a PUBLIC KEY that does not parse",
             lambda _naming: asn1.pem("PUBLIC KEY", b"\x30\x03\x02\x01\x01")),
    anchored("private-key", "a private key counts as loaded and adds nothing: CAfile applies",
             lambda _naming: root_ca("Unrelated private").key_pem, leaf=named("mx.@")),
    anchored("private-key-stranger", "a private key as tafile, and a leaf that CAfile does not know",
             lambda _naming: root_ca("Unrelated private").key_pem),
    anchored("trusted-certificate", "a TRUSTED CERTIFICATE adds nothing", trusted_certificate),
    anchored("trusted-certificate-cafile", "a TRUSTED CERTIFICATE lets CAfile apply", trusted_certificate,
             leaf=named("mx.@")),
    anchored("x509-certificate", "an X509 CERTIFICATE, the old word", x509_certificate),
    anchored("private-key-and-root", "a private key before the root", lambda naming: root_ca("x").key_pem + stranger_pem(naming)),
    anchored("main-cf", "smtp_tls_trust_anchor_file does the same", stranger_pem, policy="verify", main_cf=MAIN),
    anchored("main-cf-encrypt", "smtp_tls_trust_anchor_file and encrypt", stranger_pem, policy="encrypt", main_cf=MAIN),
    anchored("main-cf-cafile", "smtp_tls_trust_anchor_file replaces CAfile", stranger_pem, policy="verify", main_cf=MAIN,
             leaf=named("mx.@")),
    anchored("main-cf-replaced", "tafile= replaces smtp_tls_trust_anchor_file", unrelated, main_cf={
        "smtp_tls_trust_anchor_file": "<file:main.pem>"}, files={"ta.pem": unrelated, "main.pem": stranger_pem}),
    anchored("main-cf-missing", "smtp_tls_trust_anchor_file that is not there", stranger_pem, policy="verify",
             main_cf={"smtp_tls_trust_anchor_file": "<file:nothing.pem>"}),
    anchored("main-cf-missing-may", "smtp_tls_trust_anchor_file that is not there does not matter at may", stranger_pem, policy="may",
             main_cf={"smtp_tls_trust_anchor_file": "<file:nothing.pem>"}),
    anchored("relative", "a relative path is relative to the queue directory", stranger_pem,
             policy="verify tafile=relative.pem", files={f"{QUEUE}relative.pem": stranger_pem}),
    anchored("relative-chroot", "a relative path in a chroot", stranger_pem, chroot=True,
             policy="verify tafile=sub/relative-chroot.pem", files={f"{QUEUE}sub/relative-chroot.pem": stranger_pem}),
    anchored("chroot", "in a chroot the path begins at the queue directory", stranger_pem, chroot=True,
             policy="verify tafile=/chroot.pem", files={f"{QUEUE}chroot.pem": stranger_pem}),
    anchored("chroot-outside", "what lies outside is not there", stranger_pem, chroot=True),
    anchored("chroot-main-cf", "smtp_tls_trust_anchor_file is opened inside too", stranger_pem, chroot=True,
             policy="verify", main_cf=MAIN),
    anchored("chroot-cafile", "CAfile is read before", stranger_pem, chroot=True, policy="verify", leaf=named("mx.@")),
    anchored("many", "twenty anchors, the last one counts",
             lambda naming: "".join(root_ca(f"Anchor {number}").pem for number in range(19)) + stranger_pem(naming)),
)
