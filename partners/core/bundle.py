"""What a relay fetches: the map, its CA set and its tafiles, described by a manifest whose bytes can be signed.

Canonical: one release has one byte string, whoever makes it: JSON, UTF-8, keys sorted, no blanks, one final line end.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from partners.core.errors import MapRefused

__all__ = ["CA_NAME", "MAP_NAME", "Manifest", "is_signed", "manifest_of", "sign"]

MAP_NAME = "tls_policy"
CA_NAME = "ca.pem"
_FORMAT = 1
_CONTEXT = b"tlsportal release manifest 1\n"  # a signature of a manifest is never one of anything else
_PATH = re.compile(r"[A-Za-z0-9._/+@-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Manifest:
    """release: number; group: relay group; files: (path, sha256, size), sorted by path.

    The map is `tls_policy`, the CA set `ca.pem`; it is missing where no public CA is trusted.
    """

    release: int
    group: str
    files: tuple[tuple[str, str, int], ...]

    @property
    def canonical(self) -> bytes:
        """The bytes that are hashed and signed."""
        files = [{"path": path, "sha256": sha256, "size": size} for path, sha256, size in self.files]
        content = {"format": _FORMAT, "release": self.release, "group": self.group, "files": files}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return f"{text}\n".encode()

    @property
    def sha256(self) -> str:
        """Hash of the canonical bytes."""
        return hashlib.sha256(self.canonical).hexdigest()


def manifest_of(
    release: int, group: str, text: str, tafiles: Mapping[str, str] | None = None, *, ca_pem: str = ""
) -> Manifest:
    """Return the manifest of a map, its CA set and its tafiles (path -> PEM).

    Errors: MapRefused for an empty map, which never replaces a good one, and for a path that could leave its directory.
    """
    subject = f"release {release} for relay group {group}"
    if not text.strip():
        raise MapRefused(subject, "its map is empty; an empty map never replaces a good one", "cut it again")
    contents = {MAP_NAME: text, **({CA_NAME: ca_pem} if ca_pem else {})}
    for path, pem in (tafiles or {}).items():
        if not _PATH.fullmatch(path) or ".." in path.split("/") or path in {MAP_NAME, CA_NAME}:
            raise MapRefused(subject, "the path of a tafile is not allowed", "letters, digits and . _ / + @ - make one")
        contents[path] = pem
    files = ((path, content.encode()) for path, content in sorted(contents.items()))
    return Manifest(release, group, tuple((path, hashlib.sha256(raw).hexdigest(), len(raw)) for path, raw in files))


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> bytes:
    """Return the Ed25519 signature over the canonical bytes."""
    return key.sign(_CONTEXT + manifest.canonical)


def is_signed(manifest: Manifest, signature: bytes, key: Ed25519PublicKey) -> bool:
    """Whether *signature* is that of *manifest* by *key*."""
    try:
        key.verify(signature, _CONTEXT + manifest.canonical)
    except InvalidSignature:
        return False
    return True
