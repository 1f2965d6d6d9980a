"""The zoo: peers that hang, drip, talk for ever or lie cost bounded time and memory, and are told for what they are."""

import asyncio
import contextlib
import resource
import socket
import ssl
import threading
import time

import pytest

from partners.core.observation import NotMeasured, NotMeasuredCause, PeerFacts, Stage
from partners.probe.manner import Manner
from partners.probe.session import Outcome, Target
from tests.kit.ca import Certificate, root_ca, self_signed
from tests.kit.lab import Lab
from tests.kit.script import CLOSE, CLOSING_421, RESET, SILENCE, Handshake, Reply, Say, Script, Tls
from tests.kit.smtpd import Peer, Smtpd
from tests.probe.engines import IMPATIENT, engine_for, lab_engine, probed

CAUSE = NotMeasuredCause
LEAF = self_signed("mx.example.com")


def script(step: str, reply: Reply) -> Script:
    """Return a good script with one oddity."""
    return Script(tls=Tls(LEAF), replies={step: reply})


ENDLESS = Say(b"220-and on and on\r\n", repeat=True)
DRIP = Say("220 mx.example.com ESMTP", fragment=1, pause=0.1)
LONG_LINE = b"250-" + b"x" * 1_000_000 + b"\r\n250 STARTTLS\r\n"
UNMEASURED = [
    pytest.param(script("GREETING", SILENCE), CAUSE.TIMEOUT, Stage.GREETING, id="hang-greeting"),
    pytest.param(script("EHLO", SILENCE), CAUSE.TIMEOUT, Stage.EHLO, id="hang-ehlo"),
    pytest.param(script("STARTTLS", SILENCE), CAUSE.TIMEOUT, Stage.STARTTLS, id="hang-starttls"),
    pytest.param(Script(tls=Tls(LEAF), handshake="hang"), CAUSE.TIMEOUT, Stage.HANDSHAKE, id="hang-handshake"),
    pytest.param(script("GREETING", DRIP), CAUSE.TIMEOUT, Stage.GREETING, id="drip-greeting"),
    pytest.param(script("EHLO", DRIP), CAUSE.TIMEOUT, Stage.EHLO, id="drip-ehlo"),
    pytest.param(
        script("GREETING", Say("220-", fragment=1, pause=0.1, repeat=True)),
        CAUSE.TIMEOUT,
        Stage.GREETING,
        id="drip-endless",
    ),
    pytest.param(script("GREETING", CLOSE), CAUSE.CLOSED, Stage.GREETING, id="close-greeting"),
    pytest.param(script("EHLO", CLOSE), CAUSE.CLOSED, Stage.EHLO, id="close-ehlo"),
    pytest.param(script("STARTTLS", CLOSE), CAUSE.CLOSED, Stage.STARTTLS, id="close-starttls"),
    pytest.param(script("GREETING", RESET), CAUSE.CLOSED, Stage.GREETING, id="reset-greeting"),
    pytest.param(script("EHLO", RESET), CAUSE.CLOSED, Stage.EHLO, id="reset-ehlo"),
    pytest.param(script("GREETING", Say("220-half", then="close")), CAUSE.CLOSED, Stage.GREETING, id="half-a-reply"),
    pytest.param(script("GREETING", ENDLESS), CAUSE.TOO_MUCH, Stage.GREETING, id="endless-banner"),
    pytest.param(script("EHLO", LONG_LINE), CAUSE.TOO_MUCH, Stage.EHLO, id="one-megabyte-line"),
    pytest.param(script("EHLO", Say(b"\0" * 4096, repeat=True)), CAUSE.TOO_MUCH, Stage.EHLO, id="endless-nul"),
    pytest.param(script("STARTTLS", ENDLESS), CAUSE.TOO_MUCH, Stage.STARTTLS, id="endless-starttls"),
    pytest.param(script("TLS EHLO", ENDLESS), CAUSE.TOO_MUCH, Stage.EHLO_TLS, id="endless-under-tls"),
    pytest.param(script("GREETING", CLOSING_421), CAUSE.TEMPORARY_REPLY, Stage.GREETING, id="421-greeting"),
    pytest.param(script("EHLO", CLOSING_421), CAUSE.TEMPORARY_REPLY, Stage.EHLO, id="421-ehlo"),
]


@pytest.mark.parametrize(("played", "cause", "stage"), UNMEASURED)
async def test_tells_nothing_but_the_cause(smtpd: Smtpd, played: Script, cause: NotMeasuredCause, stage: Stage):
    """Nothing is known of TLS, the cause and the stage are, and it took no longer than allowed."""
    peer = smtpd.peer(script=played)
    begun = time.monotonic()

    outcome = await probed(peer, limits=IMPATIENT)

    assert isinstance(outcome, NotMeasured)
    assert (outcome.cause, outcome.stage) == (cause, stage)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("manner", "stop"),
    [("alert", "tls"), ("garbage", "tls"), ("plaintext", "tls"), ("close", "closed"), ("reset", "closed")],
)
async def test_a_spoiled_handshake_is_a_fact(smtpd: Smtpd, manner: Handshake, stop: str):
    """The peer agreed to STARTTLS and failed: Postfix would fail as well."""
    seen = await probed(smtpd.peer(script=Script(tls=Tls(LEAF), handshake=manner)), limits=IMPATIENT)

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.stop, seen.tls, bool(seen.tls_error)) == (Stage.HANDSHAKE, stop, None, True)


@pytest.mark.parametrize(
    ("reply", "stop"),
    [
        pytest.param(SILENCE, "timeout", id="hang"),
        pytest.param(CLOSE, "closed", id="close"),
        pytest.param(RESET, "closed", id="reset"),
        pytest.param("421 4.3.2 no", "reply", id="421"),
    ],
)
async def test_after_the_handshake_the_chain_is_kept(smtpd: Smtpd, reply: Reply, stop: str):
    """What the peer does then does not undo what it has shown."""
    seen = await probed(smtpd.peer(script=script("TLS EHLO", reply)), limits=IMPATIENT)

    assert isinstance(seen, PeerFacts)
    assert seen.tls is not None
    assert (seen.ended, seen.stop, seen.tls.chain) == (Stage.EHLO_TLS, stop, (LEAF.der,))


@pytest.mark.parametrize(
    ("reply", "code"),
    [("454 4.7.0 TLS not available", 454), ("501 no", 501), ("421 4.3.2 I stay", 421), ("999 odd", 999)],
)
async def test_a_refused_starttls_is_a_fact(smtpd: Smtpd, reply: Reply, code: int):
    """It decides what Postfix does, so it is kept with its code."""
    seen = await probed(smtpd.peer(script=script("STARTTLS", reply)), limits=IMPATIENT)

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.stop, seen.starttls_code) == (Stage.STARTTLS, "reply", code)


async def test_a_421_that_closes_is_told_apart(smtpd: Smtpd):
    """Postfix goes on in plaintext at level may only where the peer stays."""
    seen = await probed(smtpd.peer(script=script("STARTTLS", CLOSING_421)), limits=IMPATIENT)

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.stop, seen.starttls_code) == (Stage.STARTTLS, "closed", 421)


@pytest.mark.parametrize(
    "noop_reply",
    [
        pytest.param(Say("250 2.0.0 Fine", delay=0.5), id="late"),
        pytest.param(SILENCE, id="never"),
    ],
)
async def test_a_421_that_stays_is_no_lost_connection(smtpd: Smtpd, noop_reply: Say):
    """A busy peer may answer NOOP late or never; only an end is an end."""
    stays = Script(tls=Tls(LEAF), replies={"STARTTLS": "421 4.3.2 I stay", "NOOP": noop_reply})

    seen = await probed(smtpd.peer(script=stays), limits=IMPATIENT)

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.stop, seen.starttls_code) == (Stage.STARTTLS, "reply", 421)


async def test_a_421_that_closes_late_is_a_lost_connection(smtpd: Smtpd):
    """The end counts whenever it comes, up to the patience for a reply."""
    closes = Script(tls=Tls(LEAF), replies={"STARTTLS": "421 4.3.2 Bye", "NOOP": Say(delay=0.5, then="close")})

    seen = await probed(smtpd.peer(script=closes), limits=IMPATIENT)

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.stop) == (Stage.STARTTLS, "closed")


async def test_a_relay_has_its_own_patience_and_limit(smtpd: Smtpd):
    """smtp_helo_timeout counts for each read anew; line_length_limit hides what comes later in a reply."""
    drips = smtpd.peer(script=script("GREETING", Say("220 mx ESMTP", fragment=4, pause=0.4)))
    slow = smtpd.peer(script=script("GREETING", Say("220 mx ESMTP", delay=1.5)))
    long = smtpd.peer(script=script("EHLO", "250-mx\n" + "250-" + "y" * 600 + "\n250 STARTTLS"))
    hasty = Manner(helo=1, line_limit=512)

    async def met(peer: Peer) -> Outcome:
        return await engine_for(peer).probe(Target("127.0.0.1", 25, manner=hasty))

    found_slow, found_long = await met(slow), await met(long)

    assert isinstance(await met(drips), PeerFacts)
    assert isinstance(found_slow, NotMeasured)
    assert found_slow.cause is CAUSE.TIMEOUT
    assert isinstance(found_long, PeerFacts)
    assert not found_long.starttls_offered


async def test_a_5xx_greeting_is_a_fact(smtpd: Smtpd):
    """The peer does not want to speak with us at all."""
    seen = await probed(smtpd.peer(script=script("GREETING", "554 5.7.1 Go away")), limits=IMPATIENT)

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.stop, seen.greeting_code, seen.greeting_text) == (
        Stage.GREETING,
        "reply",
        554,
        "5.7.1 Go away",
    )


@pytest.mark.parametrize("banner", ["220 mx\x1b[2J\x07 hi", b"220 mx \xff\xfe\r\n"])
async def test_a_banner_of_odd_characters_is_cleaned(smtpd: Smtpd, banner: str | bytes):
    """Nothing of it can move a terminal."""
    seen = await probed(smtpd.peer(script=script("GREETING", banner)), limits=IMPATIENT)

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.greeting_text.isprintable()) == (Stage.DONE, True)


async def test_plaintext_behind_the_starttls_reply_is_no_answer(smtpd: Smtpd):
    """Injected replies are dropped; the answer under TLS counts."""
    injected = b"220 go\r\n250-injected.example\r\n250 X-INJECTED\r\n"
    seen = await probed(smtpd.peer(script=script("STARTTLS", injected)), limits=IMPATIENT)

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.ehlo_name, "X-INJECTED" in seen.features) == (Stage.DONE, "mx.example.com", False)


async def test_starttls_below_2048_bytes_is_not_seen(smtpd: Smtpd):
    """As Postfix does not see it."""
    lines = "\n".join(f"250-X{number:04}{'y' * 60}" for number in range(40))
    seen = await probed(smtpd.peer(script=script("EHLO", f"250-mx\n{lines}\n250 STARTTLS")))

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.starttls_offered, seen.tls) == (Stage.DONE, False, None)


@pytest.mark.parametrize("count", [33, 100])
async def test_a_chain_of_a_hundred_is_too_much(smtpd: Smtpd, ca: Certificate, count: int):
    """Doubled or not, certificates are counted; nothing of it is kept."""
    leaf = ca.leaf("mx.example.com")
    played = Script(tls=Tls(leaf, chain=[leaf, *[ca] * (count - 1)]))

    outcome = await probed(smtpd.peer(script=played), limits=IMPATIENT)

    assert isinstance(outcome, NotMeasured)
    assert (outcome.cause, outcome.stage) == (CAUSE.TOO_MUCH, Stage.HANDSHAKE)
    assert str(count) in outcome.detail


async def test_a_chain_of_many_bytes_is_too_much(smtpd: Smtpd, ca: Certificate):
    """A fat certificate is stopped while it arrives."""
    leaf = ca.leaf(
        "mx.example.com", extra=[("1.3.6.1.4.1.55555.1", b"\x04\x83" + (90_000).to_bytes(3) + b"x" * 90_000, False)]
    )
    fat = root_ca(extra=[("1.3.6.1.4.1.55555.1", b"\x04\x83" + (40_000).to_bytes(3) + b"x" * 40_000, False)])

    outcome = await probed(smtpd.peer(script=Script(tls=Tls(leaf, chain=[leaf, fat]))))

    assert isinstance(outcome, NotMeasured)
    assert outcome.cause is CAUSE.TOO_MUCH


async def test_an_address_that_swallows_everything(lab: Lab):
    """A connection that is never made ends in time."""
    from_hole = lab.hole()

    (outcome,) = [
        seen async for seen in lab_engine(limits=IMPATIENT, networks=["203.0.113.0/24"]).run([Target(from_hole, 25)])
    ]

    assert isinstance(outcome, NotMeasured)
    assert (outcome.cause, outcome.stage) == (CAUSE.CONNECT_TIMEOUT, Stage.CONNECT)


async def test_an_unreachable_address(lab: Lab):
    """The kernel says at once that there is no way."""
    (outcome,) = [seen async for seen in lab_engine(networks=["198.51.100.0/24"]).run([Target("198.51.100.1", 25)])]

    assert isinstance(outcome, NotMeasured)
    assert outcome.cause is CAUSE.UNREACHABLE


async def test_a_whole_zoo_costs_little_memory(smtpd: Smtpd, lab: Lab):
    """Sixty endless talkers at once: a few megabytes, and all are told."""
    smtpd.crowd(lambda _: script("GREETING", ENDLESS), port=25)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    targets = [Target(lab.address(), 25) for _ in range(60)]
    outcomes = [seen async for seen in lab_engine(limits=IMPATIENT, slots=60).run(targets)]

    assert {seen.cause for seen in outcomes if isinstance(seen, NotMeasured)} == {CAUSE.TOO_MUCH}
    assert len(outcomes) == 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB, peers included


async def test_an_alert_after_a_finished_handshake_is_told(ca: Certificate):
    """In TLS 1.3 a peer refuses a client without certificate after the client thinks all is well."""
    leaf = ca.leaf("mx.example.com")
    context = Tls(leaf, client_certificate=ssl.CERT_REQUIRED, anchors=(ca,)).context
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_alert_once, args=(listener, context))
        thread.start()
        seen = await engine_for(None, port=listener.getsockname()[1], limits=IMPATIENT).probe(Target("127.0.0.1", 25))
        await asyncio.to_thread(thread.join)  # the loop has to run for its socket to close

    assert isinstance(seen, PeerFacts)
    assert seen.tls is not None
    assert (seen.ended, seen.stop, seen.tls.chain[0]) == (Stage.EHLO_TLS, "tls", leaf.der)
    assert "CERTIFICATE_REQUIRED" in seen.tls_error


def _alert_once(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Play one session with blocking sockets: unlike asyncio, they send the alert."""
    connection, _ = listener.accept()
    connection.settimeout(5)
    for words in (b"220 mx ESMTP\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n"):
        connection.sendall(words)
        if words != b"220 go\r\n":
            connection.recv(1024)
    with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
        with contextlib.suppress(ssl.SSLError):
            tls.do_handshake()
        while socket.socket.recv(tls, 1024):
            pass  # closing with unread bytes would reset the connection, and the alert be lost with it


async def test_silence_after_quit_costs_no_more_than_its_own_time(smtpd: Smtpd):
    """What was seen is there; the peer that never says goodbye does not hold it back for a longer stage's time."""
    peer = smtpd.peer(script=script("QUIT", SILENCE))
    begun = time.monotonic()

    seen = await probed(peer, quit=IMPATIENT.quit)

    assert isinstance(seen, PeerFacts)
    assert (seen.ended, seen.stop) == (Stage.DONE, "")
    assert time.monotonic() - begun < 3
