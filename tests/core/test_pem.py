"""PEM as OpenSSL reads it: what loads in Postfix loads here, and what does not, does not."""

import base64

import pytest

from partners.core.pem import read_pem
from tests.core.judged import ROOT

PEM = ROOT.pem.encode()
FIRST, *BODY, LAST = PEM.strip().split(b"\n")
BASE64 = b"".join(BODY)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PEM, id="plain"),
        pytest.param(PEM.strip(), id="no-last-line-feed"),
        pytest.param(PEM.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(b"\xef\xbb\xbf" + PEM, id="byte-order-mark"),
        pytest.param(b"Our root:\n\n" + PEM + b"\nthat is all\n", id="text-around"),
        pytest.param(PEM.replace(b"-----\n", b"----- \t\n"), id="blanks-behind"),
        pytest.param(b"\n".join((FIRST, BASE64, LAST)), id="one-line"),
        pytest.param(PEM.replace(b"-----\n", b"-----\nComment: ours\n\n", 1), id="header"),
        pytest.param(b"  " + FIRST + b"\n" + PEM, id="an-indented-boundary-is-text"),
    ],
)
def test_what_is_read(text: bytes) -> None:
    """One object, and the file is sound."""
    read = read_pem(text)

    assert [(one.label, one.der) for one in read.objects] == [(b"CERTIFICATE", ROOT.der)]
    assert read.is_sound


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PEM + FIRST + b"\nAAAA\n", id="no-end"),
        pytest.param(PEM + PEM.replace(b"\nMII", b"\n!II"), id="no-base64"),
        pytest.param(PEM + PEM.replace(b"\nMII", b"\n\x0bMII"), id="vertical-tab-within"),
        pytest.param(PEM + PEM.replace(b"\nMII", b"\nM\x0cII"), id="form-feed-within"),
        pytest.param(PEM + b"\n".join((FIRST, b"AAAA==", LAST)), id="padding-that-pads-nothing"),
        pytest.param(PEM + b"\n".join((FIRST, b"AAAA====", LAST)), id="four-signs-of-padding"),
        pytest.param(PEM + b"\n".join((FIRST, *BODY, b"\0", LAST)), id="nul-line-within"),
        pytest.param(PEM + PEM.replace(b"END CERTIFICATE", b"END KEY"), id="another-end"),
        pytest.param(PEM + PEM.strip() + PEM, id="two-boundaries-on-a-line"),
        pytest.param(PEM + b"\n".join((FIRST, LAST)), id="nothing-within"),
        pytest.param(PEM + b"\n".join((FIRST, b"a: b", b"", b"", *BODY, LAST)), id="two-blank-lines"),
        pytest.param(PEM + b"\n".join((FIRST, b"a: b", b"", BASE64, LAST)), id="a-long-line-below-a-header"),
        pytest.param(
            PEM + b"\n".join((FIRST, b"a: b", b"", BODY[0][:8], *BODY, LAST)), id="a-short-line-below-a-header"
        ),
        pytest.param(PEM + b"\n".join((FIRST, b"a: b", *BODY, LAST)), id="a-header-without-a-blank-line"),
    ],
)
def test_reading_ends_at_the_first_broken_object(text: bytes) -> None:
    """What came before is kept, and the file is not sound."""
    read = read_pem(text)

    assert [one.der for one in read.objects] == [ROOT.der]
    assert not read.is_sound


def test_line_that_begins_with_nul() -> None:
    """Between objects it is the end of the file: BIO_gets() says so."""
    read = read_pem(PEM + b"\0\n" + PEM)

    assert [one.der for one in read.objects] == [ROOT.der]
    assert read.is_sound


def test_text_without_an_object() -> None:
    """It is sound, and holds nothing."""
    assert read_pem(b"no certificate here\n") == read_pem(b"")
    assert read_pem(b"").is_sound


def test_a_hyphen_ends_base64() -> None:
    """As EVP_DecodeUpdate() has it; the rest is not looked at."""
    text = b"-----BEGIN X-----\n" + base64.b64encode(b"abc") + b"-!!\n-----END X-----\n"

    assert [one.der for one in read_pem(text).objects] == [b"abc"]
