"""Chains at verify and secure, and "Trusted" at may and encrypt: src/tls/tls_verify.c, tls_client.c, tls_certkey.c."""

# fmt: off
from collections.abc import Callable
from functools import cache
from typing import Unpack

from tests.kit.ca import Certificate, Oddities, bundle, cross_signed, root_ca
from tests.oracle.case import FUTURE, PAST, Case, Maker, Naming, alone, named, root, rsa_root, stranger

V = "verify"


def below(*cas: Oddities, by: Callable[[], Certificate] = root, **odd: Unpack[Oddities]) -> Maker:
    """Return the maker of a leaf under one intermediate for each of *cas*, top first; *odd* is the leaf's."""

    def make(naming: Naming) -> Certificate:
        issuer = by()
        for number, oddities in enumerate(cas):
            issuer = issuer.intermediate(f"Oracle CA {number}", **oddities)
        return issuer.leaf(naming.fill("mx.@"), **odd)

    return make


@cache
def own_root(name: str, **odd: Unpack[Oddities]) -> Certificate:
    """Return a root of one case, the same each time."""
    return root_ca(f"Root {name}", **odd)


def with_ca(name: str, shows: str, policy: str, *texts: Callable[[Naming], str] | str, **rest: object) -> Case:
    """Return a case with a CAfile of its own."""
    files = {"ca.pem": lambda naming: "".join(naming.fill(text) for text in texts)}
    return Case(name, shows, policy, main_cf={"smtp_tls_CAfile": "<file:ca.pem>"}, files=files, **rest)  # type: ignore[arg-type]


def the_leaf(naming: Naming) -> str:
    return naming.leaf.pem


def its_issuer(naming: Naming) -> str:
    issuer = naming.leaf.issuer
    return issuer.pem if issuer else ""


def its_root(naming: Naming) -> str:
    return naming.leaf.anchor.pem


def leaf_only(leaf: Certificate) -> tuple[Certificate, ...]:
    return (leaf,)


def deep(count: int) -> Maker:
    return below(*(Oddities() for _ in range(count)))


@cache
def crossed() -> tuple[Certificate, Certificate]:
    """A CA that the stranger issued, and the same key certified by the lab's root."""
    issuing = root_ca("Oracle crossed")
    return issuing, cross_signed(issuing, by=root())


def under_crossed(naming: Naming) -> Certificate:
    return crossed()[0].leaf(naming.fill("mx.@"))


CASES = (
    Case("chain-direct", "a leaf directly under the root", V),
    Case("chain-intermediate", "an intermediate that the server sends", V, leaf=below({})),
    Case("chain-intermediate-missing", "an intermediate that it does not send", V, leaf=below({}),
         tls={"chain": leaf_only}),
    with_ca("chain-intermediate-in-cafile", "CAfile helps with an intermediate", V, its_root, its_issuer,
            leaf=below({}), tls={"chain": leaf_only}),
    with_ca("chain-partial", "an intermediate alone in CAfile is no anchor", V, its_issuer, leaf=below({})),
    with_ca("chain-leaf-in-cafile", "an issued leaf in CAfile is no anchor", V, the_leaf, leaf=below({})),
    with_ca("chain-self-signed-in-cafile", "a self-signed leaf in CAfile is one", V, the_leaf, leaf=alone("mx.@")),
    Case("chain-order", "the order of what is sent does not matter", V, leaf=below({}, {}),
         tls={"chain": lambda leaf: (leaf, *reversed(leaf.chain[1:]))}),
    Case("chain-extra", "what does not belong to it does not matter", V, leaf=below({}),
         tls={"chain": lambda leaf: (leaf, stranger(), *leaf.chain[1:])}),
    Case("chain-root-sent", "a root that is sent as well does not matter", V,
         tls={"chain": lambda leaf: (leaf, root())}),
    Case("chain-unknown", "an unknown root, at verify", V, leaf=named("mx.@", by=stranger)),
    Case("chain-unknown-sent", "a root that only the server sends is not trusted", V, leaf=named("mx.@", by=stranger),
         tls={"chain": lambda leaf: (leaf, stranger())}),
    Case("chain-unknown-encrypt", "an unknown root at encrypt is Untrusted, and mail flows", "encrypt",
         leaf=named("mx.@", by=stranger)),
    Case("chain-name-encrypt", "a wrong name at encrypt is Trusted", "encrypt", leaf=named("other.example")),
    Case("chain-no-cafile", "without CAfile nothing is trusted", V, main_cf={"smtp_tls_CAfile": ""}),
    Case("chain-no-cafile-may", "without CAfile may says Untrusted", "may", main_cf={"smtp_tls_CAfile": ""}),
    Case("chain-append-default", "tls_append_default_CA alone trusts nothing", V,
         main_cf={"smtp_tls_CAfile": "", "tls_append_default_CA": "yes"}),
    Case("eku-none", "a leaf without EKU is good for all", V, leaf=named("mx.@", eku=())),
    Case("eku-client", "clientAuth alone is not", V, leaf=named("mx.@", eku=("client",))),
    Case("eku-both", "clientAuth beside serverAuth is good", V, leaf=named("mx.@", eku=("client", "server"))),
    Case("eku-any", "anyExtendedKeyUsage alone is not", V, leaf=named("mx.@", eku=("any",))),
    Case("eku-email", "emailProtection alone is not", V, leaf=named("mx.@", eku=("email",))),
    Case("eku-client-may", "clientAuth at may is Untrusted, and mail flows", "may", leaf=named("mx.@", eku=("client",))),
    Case("eku-ca-client", "a CA's EKU counts", V, leaf=below({"eku": ("client",)})),
    Case("eku-ca-server", "a CA with serverAuth is good", V, leaf=below({"eku": ("server",)})),
    Case("ku-no-signature", "a leaf's KU without digitalSignature", V, leaf=named("mx.@", key_usage=("key_agreement",))),
    Case("ku-none", "a leaf without KU is good", V, leaf=named("mx.@", key_usage=())),
    Case("ca-true-leaf", "CA:TRUE in a leaf does not matter", V, leaf=named("mx.@", ca=True)),
    Case("ca-no-constraints", "an intermediate without basicConstraints is no CA", V, leaf=below({"ca": None})),
    Case("ca-false", "an intermediate with CA:FALSE is no CA", V, leaf=below({"ca": False})),
    Case("ca-no-cert-sign", "an intermediate whose KU lacks keyCertSign is no CA", V,
         leaf=below({"key_usage": ("crl_sign",)})),
    Case("ca-no-key-usage", "an intermediate without KU is one", V, leaf=below({"key_usage": ()})),
    Case("path-length-zero", "pathlen 0 allows a leaf below", V, leaf=below({"path_length": 0})),
    Case("path-length-exceeded", "pathlen 0 allows no further CA", V, leaf=below({"path_length": 0}, {})),
    Case("constraint-permitted", "a name within the permitted ones", V, leaf=below({"permitted": ("example",)})),
    Case("constraint-not-permitted", "a name outside them", V, leaf=below({"permitted": ("other.example",)})),
    Case("constraint-excluded", "an excluded name", V, leaf=below({"excluded": ("example",)})),
    Case("constraint-excluded-other", "an excluded name that is another one", V, leaf=below({"excluded": ("other.example",)})),
    Case("constraint-cn", "constraints also count for a CN used as host name", V,
         leaf=lambda naming: root().intermediate(excluded=["example"]).leaf(common_name=naming.fill("mx.@"))),
    Case("constraint-encrypt", "a constraint broken at encrypt is Untrusted", "encrypt",
         leaf=below({"excluded": ("example",)})),
    Case("date-expired", "an expired leaf", V, leaf=named("mx.@", not_after=PAST)),
    Case("date-future", "a leaf not yet valid", V, leaf=named("mx.@", not_before=FUTURE)),
    Case("date-expired-may", "an expired leaf at may is Untrusted, and mail flows", "may",
         leaf=named("mx.@", not_after=PAST)),
    Case("date-expired-ca", "an expired intermediate", V, leaf=below({"not_after": PAST})),
    with_ca("date-expired-root", "an expired root in CAfile", V, its_root,
            leaf=named("mx.@", by=lambda: own_root("expired", not_after=PAST))),
    Case("date-and-name", "expired and wrong name: not verified either way", V,
         leaf=named("other.example", not_after=PAST)),
    Case("sha1-verify", "a SHA-1 signature fails at security level 1", V, leaf=named("mx.@", by=rsa_root, digest="sha1")),
    Case("sha1-encrypt", "a SHA-1 signature is Trusted at security level 0", "encrypt", leaf=named("mx.@", by=rsa_root, digest="sha1")),
    Case("sha1-ca", "an intermediate's SHA-1 signature fails too", V,
         leaf=below({"digest": "sha1", "key": "rsa2048"}, by=rsa_root)),
    with_ca("sha1-root", "a root's own signature does not count", V, its_root,
            leaf=named("mx.@", by=lambda: own_root("sha1", key="rsa2048", digest="sha1"))),
    Case("md5-encrypt", "an MD5 signature at encrypt", "encrypt", leaf=named("mx.@", by=rsa_root, digest="md5")),
    Case("md5-verify", "an MD5 signature at verify", V, leaf=named("mx.@", by=rsa_root, digest="md5")),
    Case("rsa-1024", "RSA 1024 passes level 1", V, leaf=named("mx.@", key="rsa1024")),
    Case("rsa-1024-may", "RSA 1024 is Trusted at may", "may", leaf=named("mx.@", key="rsa1024")),
    Case("rsa-1024-ca", "RSA 1024 of a CA passes too", V, leaf=below({"key": "rsa1024"})),
    Case("key-p384", "a P-384 key at verify", V, leaf=named("mx.@", key="p384")),
    Case("key-ed25519", "an Ed25519 key at verify", V, leaf=named("mx.@", key="ed25519")),
    Case("broken-signature", "a signature that is wrong", V, leaf=named("mx.@", broken_signature=True)),
    Case("no-key-ids", "without key identifiers the name finds the issuer", V, leaf=named("mx.@", key_ids=False)),
    Case("critical-extension", "an unknown critical extension", V,
         leaf=named("mx.@", extra=(("1.2.3.4", b"\x05\x00", True),))),
    Case("unknown-extension", "an unknown extension that is not critical", V, leaf=named("mx.@", extra=(("1.2.3.4", b"\x05\x00", False),))),
    Case("depth-default", "ten intermediates are within the default depth", V, leaf=deep(10)),
    Case("depth-default-exceeded", "eleven intermediates are beyond the default depth", V, leaf=deep(11)),
    Case("depth-2", "verifydepth 2 allows three intermediates", V, leaf=deep(3),
         main_cf={"smtp_tls_scert_verifydepth": "2"}),
    Case("depth-2-exceeded", "verifydepth 2 does not allow four intermediates", V, leaf=deep(4), main_cf={"smtp_tls_scert_verifydepth": "2"}),
    Case("depth-0", "verifydepth 0 allows one", V, leaf=deep(1), main_cf={"smtp_tls_scert_verifydepth": "0"}),
    Case("depth-0-exceeded", "verifydepth 0 does not allow two intermediates", V, leaf=deep(2), main_cf={"smtp_tls_scert_verifydepth": "0"}),
    Case("depth-exceeded-encrypt", "too long at encrypt is Untrusted", "encrypt", leaf=deep(11)),
    Case("cross-sent", "a cross-certificate that leads to a known root", V, leaf=under_crossed,
         tls={"chain": lambda leaf: (leaf, crossed()[1])}),
    Case("cross-missing", "without it the issuer is unknown", V, leaf=under_crossed, tls={"chain": leaf_only}),
    with_ca("cross-root-known", "a root in CAfile beats a cross-certificate that is sent", V,
            lambda _naming: crossed()[0].pem, leaf=under_crossed, tls={"chain": lambda leaf: (leaf, crossed()[1])}),
    with_ca("cafile-with-text", "text around the PEM of CAfile does not matter", V, "Our roots:\n\n", its_root, "\nend\n"),
    with_ca("cafile-stranger", "a CAfile without the root", V, lambda _naming: stranger().pem),
    with_ca("cafile-two", "the second of two roots", V, lambda _naming: bundle(stranger(), root())),
)
