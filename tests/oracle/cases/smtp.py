"""What a peer says before and after TLS: src/smtp/smtp_proto.c, smtp_connect.c, smtp_trouble.c."""

# fmt: off
from tests.kit.script import CLOSE, CLOSING_421, RESET, SILENCE, Reply, Say, Script
from tests.oracle.case import Case, Host

FILLER = "\n".join(f"250-X{number:04}{'y' * 60}" for number in range(40))
IMPATIENT = {"smtp_starttls_timeout": "4s", "smtp_helo_timeout": "4s"}
AGED = 600


def at(step: str, reply: Reply) -> Script:
    return Script(replies={step: reply})


NO_STARTTLS = Script(starttls_offered=False)


def both(name: str, shows: str, script: Script, **rest: object) -> tuple[Case, ...]:
    """Return the case at encrypt and at may."""
    return tuple(
        Case(f"{name}-{policy}", f"{shows}, at {policy}", policy, script=script, **rest)  # type: ignore[arg-type]
        for policy in ("encrypt", "may")
    )


CASES = (
    *both("no-starttls", "STARTTLS not offered", NO_STARTTLS),
    Case("no-starttls-verify", "STARTTLS not offered, at verify", "verify", script=NO_STARTTLS),
    Case("no-starttls-none", "STARTTLS not offered, at none", "none", script=NO_STARTTLS),
    *both("starttls-454", "4xx to STARTTLS", at("STARTTLS", "454 4.7.0 Later")),
    *both("starttls-554", "5xx to STARTTLS", at("STARTTLS", "554 5.7.3 Never")),
    *both("starttls-500-bare", "5xx without an enhanced code", at("STARTTLS", "500 What")),
    *both("starttls-421", "421 to STARTTLS, and the connection ends", at("STARTTLS", CLOSING_421)),
    *both("starttls-421-stays", "421 to STARTTLS, and the server stays", at("STARTTLS", "421 4.3.2 Later")),
    *both("starttls-250", "any 2xx starts TLS", at("STARTTLS", "250 Fine")),
    *both("starttls-354", "3xx to STARTTLS", at("STARTTLS", "354 Go on")),
    *both("starttls-close", "the connection ends instead of a reply", at("STARTTLS", CLOSE)),
    *both("starttls-reset", "a reset instead of a reply", at("STARTTLS", RESET)),
    *both("starttls-silent", "silence instead of a reply", at("STARTTLS", SILENCE), main_cf=IMPATIENT),
    Case("starttls-silent-aged", "silence is never answered with plaintext", "may", script=at("STARTTLS", SILENCE),
         main_cf=IMPATIENT, age=AGED),
    Case("starttls-close-aged", "an end of the connection is never answered with plaintext", "may", script=at("STARTTLS", CLOSE), age=AGED),
    *both("starttls-injected", "bytes after the reply are thrown away",
          at("STARTTLS", b"220 go\r\n250-injected\r\n250 X\r\n")),
    *both("handshake-alert", "an alert instead of a handshake", Script(handshake="alert")),
    *both("handshake-close", "the connection ends in the handshake", Script(handshake="close")),
    *both("handshake-reset", "a reset in the handshake", Script(handshake="reset")),
    *both("handshake-garbage", "bytes that are no TLS", Script(handshake="garbage")),
    *both("handshake-plaintext", "an SMTP reply instead of TLS", Script(handshake="plaintext")),
    *both("handshake-silent", "silence in the handshake", Script(handshake="hang"), main_cf=IMPATIENT),
    Case("handshake-alert-aged", "an aged message goes in plaintext at may", "may", script=Script(handshake="alert"),
         age=AGED),
    Case("handshake-alert-aged-encrypt", "an aged message waits at encrypt", "encrypt", script=Script(handshake="alert"), age=AGED),
    Case("handshake-silent-aged", "a hung handshake lets an aged message go in plaintext", "may",
         script=Script(handshake="hang"), main_cf=IMPATIENT, age=AGED),
    Case("handshake-just-fresh", "younger than minimal_backoff_time is fresh", "may", script=Script(handshake="alert"),
         age=100),
    Case("handshake-backoff", "minimal_backoff_time decides what aged means", "may", script=Script(handshake="alert"),
         age=100, main_cf={"minimal_backoff_time": "60s"}),
    *both("greeting-421", "a 4xx greeting", at("GREETING", CLOSING_421)),
    *both("greeting-450", "a 4xx greeting that stays", at("GREETING", "450 4.3.2 Later")),
    *both("greeting-554", "a 5xx greeting is soft", at("GREETING", "554 5.7.1 Go away")),
    Case("greeting-554-hard", "a 5xx greeting bounces with smtp_skip_5xx_greeting = no", "may", script=at("GREETING", "554 5.7.1 Go away"),
         main_cf={"smtp_skip_5xx_greeting": "no"}),
    *both("greeting-999", "a greeting of no known class bounces", at("GREETING", "999 odd")),
    *both("greeting-250", "a 250 greeting is taken for 220", at("GREETING", "250 odd but positive")),
    *both("greeting-bare", "a bare 220 switches ESMTP off", at("GREETING", "220")),
    *both("greeting-close", "the connection ends before the greeting", at("GREETING", CLOSE)),
    # Not at once: it may come before connect() is through, which is 4.4.1 then.
    *both("greeting-reset", "a reset before the greeting", at("GREETING", Say(then="reset", delay=0.5))),
    *both("greeting-silent", "silence instead of the greeting", at("GREETING", SILENCE), main_cf=IMPATIENT),
    *both("greeting-multi-line", "a greeting of many lines", at("GREETING", "220-mx\n220-welcome\n220 ESMTP")),
    *both("greeting-no-esmtp", "a greeting without the word ESMTP", at("GREETING", "220 hello")),
    *both("ehlo-500", "EHLO refused: HELO, and no STARTTLS", at("EHLO", "500 5.5.1 What?")),
    *both("ehlo-450", "EHLO put off: HELO, and no STARTTLS", at("EHLO", "450 4.3.0 Later")),
    *both("ehlo-421", "EHLO ends with 421", at("EHLO", CLOSING_421)),
    *both("ehlo-close", "the connection ends at EHLO", at("EHLO", CLOSE)),
    *both("ehlo-silent", "silence at EHLO", at("EHLO", SILENCE), main_cf=IMPATIENT),
    *both("ehlo-first-line", "STARTTLS on the first line does not count", at("EHLO", "250-STARTTLS\n250 SIZE")),
    *both("ehlo-lower", "the keyword in any case", at("EHLO", "250-mx\n250 starttls")),
    *both("ehlo-parameter", "what follows the keyword does not count", at("EHLO", "250-mx\n250 STARTTLS x=y")),
    *both("ehlo-second-word", "the keyword must be the first word", at("EHLO", "250-mx\n250 AUTH STARTTLS")),
    *both("ehlo-beyond-2048", "below the first 2048 bytes STARTTLS is not seen",
          at("EHLO", f"250-mx\n{FILLER}\n250 STARTTLS")),
    *both("ehlo-long-line", "a line of 2000 bytes before it",
          at("EHLO", b"250-mx\r\n250-" + b"x" * 2000 + b"\r\n250 STARTTLS\r\n")),
    *both("ehlo-5000", "a line of 5000 bytes: 3.7 skips it, 3.10 ends the connection",
          at("EHLO", b"250-mx\r\n250-" + b"x" * 5000 + b"\r\n250 STARTTLS\r\n")),
    *both("ehlo-loop", "EHLO answers with our own name: a loop", at("EHLO", "250-relay.example\n250 STARTTLS")),
    *both("greeting-loop", "our own name in the greeting is only warned of", at("GREETING", "220 relay.example ESMTP")),
    *both("tls-ehlo-500", "EHLO under TLS refused", at("TLS EHLO", "500 5.5.1 What?")),
    *both("tls-ehlo-450", "EHLO under TLS put off", at("TLS EHLO", "450 4.3.0 Later")),
    *both("tls-ehlo-421", "421 to EHLO under TLS", at("TLS EHLO", CLOSING_421)),
    *both("tls-ehlo-close", "the connection ends after the handshake", at("TLS EHLO", CLOSE)),
    Case("tls-ehlo-close-aged", "a connection lost after the handshake lets an aged message go in plaintext", "may",
         script=at("TLS EHLO", CLOSE), age=AGED),
    *both("tls-helo-500", "EHLO and HELO under TLS refused",
          Script(replies={"TLS EHLO": "500 5.5.1 What?", "TLS HELO": "502 5.5.1 No"})),
    *both("drip", "a greeting that comes byte by byte", at("GREETING", Say("220 mx ESMTP", fragment=1, pause=0.02))),
    *both("refused", "nothing listens", Script(), hosts={"mx": Host(listens=False)}),
    *both("unreachable", "no route to the address", Script(), hosts={"mx": Host(address="198.51.100.7")}),
    *both("hole", "packets vanish: a time-out", Script(), hosts={"mx": Host(address="203.0.113.7")}),
    *both("starttls-454-closed", "454 to STARTTLS, and the connection ends", at("STARTTLS", Say("454 4.7.0 no", then="close"))),
    *both("starttls-554-closed", "554 to STARTTLS, and the connection ends", at("STARTTLS", Say("554 5.7.0 no", then="close"))),
    *both("starttls-502-quiet", "502 to STARTTLS, and no answer to NOOP or QUIT", Script(replies={"STARTTLS": "502 what?", "NOOP": SILENCE, "QUIT": SILENCE})),
    *both("starttls-454-noop", "454 to STARTTLS of a peer that does not know NOOP", Script(replies={"STARTTLS": "454 no", "NOOP": "500 what?"})),
    Case("starttls-454-closed-aged", "454 and the end at the first of two hosts, aged: the second", "may", age=AGED, dns=("@ MX 10 mx", "@ MX 20 mx2"),
         hosts={"mx": Host(script=at("STARTTLS", Say("454 4.7.0 no", then="close"))), "mx2": Host()}),
)
