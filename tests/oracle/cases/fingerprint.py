"""Fingerprints: tls_dane_add_fpt_digests() in src/tls/tls_dane.c, set_cipher_controls() and the policy in src/smtp."""

# fmt: off
from tests.kit.ca import root_ca
from tests.kit.script import Script
from tests.oracle.case import FUTURE, PAST, Case, Naming, Text, alone, named, root, rsa_root
from tests.oracle.cases.chain import below

OTHER = "AA:" * 31 + "BB"
SHA1 = {"smtp_tls_fingerprint_digest": "sha1"}
MAIN = {"smtp_tls_fingerprint_cert_match": "<pin>"}


def pinned(name: str, shows: str, match: Text, **rest: object) -> Case:
    """Return a case at `fingerprint match=…`."""
    policy = (lambda naming: f"fingerprint match={naming.fill(match)}") if match else "fingerprint"
    return Case(f"pin-{name}", shows, policy, **rest)  # type: ignore[arg-type]


def bare(naming: Naming) -> str:
    return naming.leaf.cert_fingerprint().replace(":", "")


def some_colons(naming: Naming) -> str:
    pin = naming.leaf.cert_fingerprint()
    return pin[:30].replace(":", "") + pin[30:]


def shifted_colons(naming: Naming) -> str:
    digits = naming.leaf.cert_fingerprint().replace(":", "")
    return digits[0] + ":" + ":".join(digits[at : at + 2] for at in range(1, len(digits), 2))


CASES = (
    pinned("certificate", "the digest of the certificate", "<pin>", leaf=alone("mx.@")),
    pinned("key", "the digest of its public key", "<pkey>", leaf=alone("mx.@")),
    pinned("key-rsa", "the digest of an RSA key", "<pkey>", leaf=named("mx.@", key="rsa2048")),
    pinned("key-ed25519", "the digest of an Ed25519 key", "<pkey>", leaf=named("mx.@", key="ed25519")),
    pinned("other", "a digest of something else", OTHER),
    pinned("renewed", "the digest of another certificate with the same key", lambda naming: root().leaf(
        "mx.example", key=naming.leaf.key).cert_fingerprint()),
    pinned("renewed-key", "the key's digest holds for a renewed certificate", lambda naming: root().leaf(
        "mx.example", key=naming.leaf.key).pkey_fingerprint()),
    pinned("ca", "the digest of the CA does not match", lambda naming: root().cert_fingerprint()),
    pinned("ca-key", "the digest of the CA's key does not match", lambda naming: root().pkey_fingerprint()),
    pinned("intermediate", "the digest of an intermediate that is sent does not match",
           lambda naming: naming.leaf.issuer.cert_fingerprint() if naming.leaf.issuer else "", leaf=below({})),
    pinned("lower-case", "hex in lower case", lambda naming: naming.leaf.cert_fingerprint().lower()),
    pinned("bare", "hex without colons", bare),
    pinned("some-colons", "colons between some pairs only", some_colons),
    pinned("shifted-colons", "a colon within a pair makes it malformed", shifted_colons),
    pinned("leading-colon", "a leading colon makes it malformed", ":<pin>"),
    pinned("trailing-colon", "a trailing colon makes it malformed", "<pin>:"),
    pinned("double-colon", "two colons together", lambda naming: naming.leaf.cert_fingerprint().replace(":", "::", 1)),
    pinned("prefix", "a prefix makes it malformed", "SHA256:<pin>"),
    pinned("base64", "base64 is no hex", "NFcTQYlqGHrJBBVw5XgxOMMYyXQZvSHFNbNqXWxrbSY="),
    pinned("pipe-first", "the first of two", f"<pin>|{OTHER}"),
    pinned("pipe-second", "the second of two", f"{OTHER}|<pin>"),
    pinned("pipe-empty", "an empty value between", "<pin>||"),
    pinned("repeated", "match= repeated adds", f"{OTHER} match=<pin>"),
    pinned("comma", "a comma ends the attribute, and what follows stops mail", f"{OTHER},<pin>"),
    pinned("malformed-beside", "a malformed value beside a good one is ignored", "xyz|<pin>"),
    pinned("malformed-only", "nothing but malformed values, and none in main.cf", "xyz"),
    pinned("malformed-main-cf", "3.7 falls back to main.cf then, 3.10 stops mail", "xyz", main_cf=MAIN),
    pinned("malformed-main-cf-other", "a malformed value, and another one in main.cf", "xyz",
           main_cf={"smtp_tls_fingerprint_cert_match": OTHER}),
    pinned("short", "a value of another length is ignored", "<pin.sha1>"),
    pinned("short-main-cf", "main.cf's list is replaced by one that is unusable", "<pin.sha1>", main_cf=MAIN),
    pinned("short-beside", "a short value beside the right one", "<pin.sha1>|<pin>"),
    pinned("sha512-length", "a sha512 value under sha256", "<pin.sha512>"),
    pinned("none", "no match= at all stops mail", ""),
    pinned("main-cf", "main.cf's list applies without match=", "", main_cf=MAIN),
    pinned("main-cf-replaced", "match= replaces main.cf's list", OTHER, main_cf=MAIN),
    pinned("main-cf-several", "main.cf's list, by blanks and commas", "",
           main_cf={"smtp_tls_fingerprint_cert_match": f"{OTHER}, <pin>"}),
    pinned("main-cf-key", "a public key in main.cf's list", "", main_cf={"smtp_tls_fingerprint_cert_match": "<pkey>"}),
    pinned("main-cf-malformed", "main.cf's list with nothing but a malformed value", "",
           main_cf={"smtp_tls_fingerprint_cert_match": "xyz"}),
    pinned("sha1", "smtp_tls_fingerprint_digest = sha1", "<pin.sha1>", main_cf=SHA1),
    pinned("sha1-key", "the key by sha1", "<pkey.sha1>", main_cf=SHA1),
    pinned("sha1-sha256", "a sha256 value under sha1", "<pin>", main_cf=SHA1),
    pinned("md5", "smtp_tls_fingerprint_digest = md5", "<pin.md5>", main_cf={"smtp_tls_fingerprint_digest": "md5"}),
    pinned("sha512", "smtp_tls_fingerprint_digest = sha512", "<pin.sha512>",
           main_cf={"smtp_tls_fingerprint_digest": "sha512"}),
    pinned("sha384", "smtp_tls_fingerprint_digest = sha384", "<pin.sha384>",
           main_cf={"smtp_tls_fingerprint_digest": "sha384"}),
    pinned("level-35", "below compatibility_level 3.6 the digest is md5", "<pin.md5>",
           main_cf={"compatibility_level": "3.5"}),
    pinned("level-35-sha256", "a sha256 value below compatibility_level 3.6", "<pin>",
           main_cf={"compatibility_level": "3.5"}),
    pinned("level-0", "compatibility_level 0: md5", "<pin.md5>", main_cf={"compatibility_level": "0"}),
    pinned("level-36", "from compatibility_level 3.6 on it is sha256", "<pin>", main_cf={"compatibility_level": "3.6"}),
    pinned("level-310", "compatibility levels are compared as numbers, not as text", "<pin>",
           main_cf={"compatibility_level": "3.10"}, releases=("3.10",)),
    pinned("wrong-name", "the name does not count", "<pin>", leaf=named("other.example")),
    pinned("expired", "the dates do not count", "<pin>", leaf=named("mx.@", not_after=PAST)),
    pinned("future", "a beginning to come does not count", "<pin>", leaf=named("mx.@", not_before=FUTURE)),
    pinned("client", "the EKU does not count", "<pin>", leaf=named("mx.@", eku=("client",))),
    pinned("rsa-1024", "the size of the key does not count", "<pin>", leaf=named("mx.@", key="rsa1024")),
    pinned("rsa-sha1", "the digest of the signature does not count", "<pin>", leaf=named("mx.@", by=rsa_root, digest="sha1")),
    pinned("broken", "a wrong signature does not count", "<pin>", leaf=named("mx.@", broken_signature=True)),
    pinned("critical", "an unknown critical extension does not count", "<pin>",
           leaf=named("mx.@", extra=(("1.2.3.4", b"\x05\x00", True),))),
    pinned("constraint", "a CA's name constraints do not count", "<pin>", leaf=below({"excluded": ("example",)})),
    pinned("unknown-ca", "who signed does not count", "<pin>", leaf=named("mx.@", by=lambda: root_ca("Nobody"))),
    pinned("chain-of-junk", "what else is sent does not count", "<pin>", tls={"chain": lambda leaf: (leaf, root_ca("Junk"))}),
    pinned("no-cafile", "a missing CAfile does not count", "<pin>", main_cf={"smtp_tls_CAfile": ""}),
    pinned("no-starttls", "without STARTTLS mail waits", "<pin>", script=Script(starttls_offered=False)),
    pinned("brackets", "a nexthop in brackets", "<pin>", nexthop="[mx.@]"),
    pinned("address", "a nexthop that is an address", "<pin>", nexthop="[<mx>]"),
    *(Case(f"pin-length-{octets}{word}", f"a value of {octets} octets, {shows}", f"fingerprint match={joint.join(['AB'] * octets)}")
      for octets in (63, 64, 65, 72, 96, 97, 128) for word, shows, joint in (("", "with colons", ":"), ("-bare", "without colons", ""))),
    *(Case(f"pin-characters-{characters}", f"a value of {characters} characters", "fingerprint match=" + "AB" * (65 - colons) + ":AB" * colons)
      for characters, colons in ((192, 62), (193, 63))),
)
