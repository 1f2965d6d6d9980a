"""The manifest of a release artefact: one byte string, signed."""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from partners.core.bundle import MAP_NAME, is_signed, manifest_of, sign
from partners.core.errors import MapRefused

TEXT = "a.example\tsecure\n"


def test_the_bytes_are_canonical() -> None:
    """The order in which tafiles are given changes nothing."""
    one = manifest_of(7, "münchen", TEXT, {"b.pem": "B", "a.pem": "A"})
    two = manifest_of(7, "münchen", TEXT, {"a.pem": "A", "b.pem": "B"})

    assert one.canonical == two.canonical
    assert one.sha256 == hashlib.sha256(one.canonical).hexdigest()
    assert [path for path, _sha256, _size in one.files] == ["a.pem", "b.pem", MAP_NAME]


def test_it_says_what_the_relay_must_find() -> None:
    """Path, sha256 and size of each file, release and group."""
    content = json.loads(manifest_of(7, "g", TEXT).canonical)

    expected = {"path": MAP_NAME, "sha256": hashlib.sha256(TEXT.encode()).hexdigest(), "size": len(TEXT)}
    assert content == {"format": 1, "release": 7, "group": "g", "files": [expected]}


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_an_empty_map_is_refused(text: str) -> None:
    """An empty result never replaces the last good map."""
    with pytest.raises(MapRefused):
        manifest_of(7, "g", text)


@pytest.mark.parametrize("path", ["", "../x.pem", "a/../../x", "a b", "a\nb", MAP_NAME])
def test_a_path_cannot_leave_its_directory(path: str) -> None:
    """Nor can it take the place of the map."""
    with pytest.raises(MapRefused):
        manifest_of(7, "g", TEXT, {path: "x"})


@pytest.mark.parametrize("other", [(8, "g", TEXT), (7, "h", TEXT), (7, "g", TEXT + "#")])
def test_a_signature_is_of_one_release(other: tuple[int, str, str]) -> None:
    """A signature holds for its manifest alone, by its key alone."""
    key = Ed25519PrivateKey.generate()
    manifest = manifest_of(7, "g", TEXT)

    signature = sign(manifest, key)

    assert is_signed(manifest, signature, key.public_key())
    assert not is_signed(manifest_of(*other), signature, key.public_key())
    assert not is_signed(manifest, signature, Ed25519PrivateKey.generate().public_key())
