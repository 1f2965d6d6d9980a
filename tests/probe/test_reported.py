"""What a probe elsewhere reports comes back as it was seen, whatever the peer did: none can make its report refused."""

import asyncio
import contextlib
import json
import ssl
from base64 import b64decode, b64encode

import pytest

from partners.core.errors import RefusedInput
from partners.core.observation import PERMISSIVE, NotMeasured, PeerFacts, Stage, TlsProfile
from partners.core.reported import Place, certificates_of, outcome_of_report, report_of_outcome
from partners.probe.session import Outcome, Target
from tests.kit.ca import self_signed
from tests.kit.script import CLOSE, CLOSING_421, Say, Script, Tls
from tests.kit.smtpd import Smtpd, free_port
from tests.probe.engines import IMPATIENT, engine_for, probed

LEAF = self_signed("mx.example.com")
WRAPPED = TlsProfile(wrapper=True)
GOOD = {"kind": "peer", "ended": "ehlo", "greeting_code": 220}
FEATURES = "\n".join(["250-mx.example.com", *(f"250-X{number}" for number in range(45)), "250 STARTTLS"])


def there_and_back(outcome: Outcome) -> Outcome:
    """Return what the portal reads of a report on *outcome*, over JSON as on the wire."""
    certificates: list[bytes] = []
    raw = json.loads(json.dumps(report_of_outcome(outcome, certificates)))
    sent = certificates_of([b64encode(der).decode() for der in certificates])
    assert [b64decode(b64encode(der)) for der in certificates] == list(sent)
    at = outcome.seen_at if isinstance(outcome, PeerFacts) else outcome.tried_at
    return outcome_of_report(raw, sent, Place(outcome.address, outcome.port, outcome.profile, at))


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        pytest.param("QUIT", "221 bye", id="good"),
        pytest.param("GREETING", "199 odd", id="greeting-199"),
        pytest.param("GREETING", "000 odd", id="greeting-000"),
        pytest.param("GREETING", "554 no", id="greeting-554"),
        pytest.param("GREETING", CLOSING_421, id="greeting-421"),
        pytest.param("GREETING", b"220 \xff\xfe\x01\xe2\x80\xae\xf0\x9f\xab\xa9\r\n", id="greeting-of-noise"),
        pytest.param("GREETING", "220 " + "x" * 3000, id="greeting-too-long"),
        pytest.param("GREETING", "220 ***", id="greeting-of-stars"),
        pytest.param("EHLO", "150 odd", id="ehlo-150"),
        pytest.param("EHLO", FEATURES, id="many-features"),
        pytest.param("EHLO", CLOSE, id="ehlo-close"),
        pytest.param("STARTTLS", "250 go", id="starttls-250"),
        pytest.param("STARTTLS", "100 wait", id="starttls-100"),
        pytest.param("TLS EHLO", "099 odd", id="ehlo-099-under-tls"),
        pytest.param("TLS EHLO", CLOSE, id="close-under-tls"),
    ],
)
async def test_whatever_the_peer_says(smtpd: Smtpd, step: str, reply: str | bytes | Say) -> None:
    """Any three digits are a code, and any 2xx to STARTTLS begins TLS, as for Postfix."""
    seen = await probed(smtpd.peer(script=Script(tls=Tls(LEAF), replies={step: reply})), limits=IMPATIENT)

    assert there_and_back(seen) == seen


@pytest.mark.parametrize("words", [b"", b"421 busy\r\n", b"554 no\r\n", b"220 mx.example.com ESMTP\r\n"])
async def test_tls_from_the_first_byte(words: bytes, tmp_path) -> None:
    """At a port where TLS comes first, the greeting comes after the handshake, if it comes at all."""
    files = LEAF.write(tmp_path, "mx")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    port = free_port()
    async with await asyncio.start_server(greet, "127.0.0.1", port, ssl=context):
        seen = await engine_for(None, port=port, limits=IMPATIENT).probe(Target("127.0.0.1", 25, WRAPPED))

    assert isinstance(seen, PeerFacts)
    assert seen.tls is not None
    assert there_and_back(seen) == seen


async def test_nobody_there() -> None:
    """What is not measured comes back with its cause."""
    seen = await engine_for(None, port=free_port(), limits=IMPATIENT).probe(Target("127.0.0.1", 25, PERMISSIVE))

    assert isinstance(seen, NotMeasured)
    assert there_and_back(seen) == seen


def read(**fields: object) -> Outcome:
    """Return what is read of a report by hand."""
    seen = NotMeasured("192.0.2.1", 25, PERMISSIVE, None, None)  # type: ignore[arg-type]
    return outcome_of_report({**GOOD, **fields}, (), Place(seen.address, seen.port, seen.profile, None))  # type: ignore[arg-type]


def test_letters_that_are_younger_than_the_portal() -> None:
    """A letter that this Python does not know yet may be known to the probe's: it is shown as a blank."""
    outcome = read(greeting_text="a\U000e0fffb", features=["X\U000e0fff"])

    assert isinstance(outcome, PeerFacts)
    assert (outcome.greeting_text, outcome.features, outcome.ended) == ("a b", ("X ",), Stage.EHLO)


@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "a\x9bb", "a\u2028b", "a\u202eb", "a\ud800b", "a\u200bb"])
def test_signs_that_the_probe_takes_away(text: str) -> None:
    """Controls, line ends, marks of direction and halves of letters come from no probe."""
    with pytest.raises(RefusedInput):
        read(greeting_text=text)


@pytest.mark.parametrize("odd", [[], {}, None, 5, True, 1.5])
@pytest.mark.parametrize("name", ["kind", "ended", "stop", "overlong_at", "features", "tls", "ehlo_name", "version"])
def test_fields_of_another_kind(name: str, odd: object) -> None:
    """Whatever stands where a text is due, it is a refusal and no crash."""
    if (name, odd) in [("tls", None), ("features", [])]:
        return  # none, and none at all
    fields = {"tls": {"version": odd, "cipher": "", "chain": []}} if name == "version" else {name: odd}
    with pytest.raises(RefusedInput):
        read(**{"starttls_code": 220, **fields})
