"""What a scripted STARTTLS peer says and does, step by step; played by tests.kit.smtpd.

A Script is good by default: it offers STARTTLS, completes TLS 1.2 or 1.3 and takes mail. Each oddity is one field,
or one entry of `replies` at a step:

    GREETING EHLO HELO STARTTLS MAIL RCPT DATA BODY RSET NOOP VRFY QUIT     BODY is the reply to the final dot
    "TLS EHLO", "TLS MAIL" ...                                              the same after the handshake

A reply is text (CRLF is added to each line), bytes (sent as they are), a Say, or a function of the Visit that
returns one.

    Script(replies={"STARTTLS": "454 4.7.0 TLS not available"})
    Script(replies={"GREETING": Say("220 mx ESMTP", fragment=1, pause=1.0)})     drips a byte a second
    Script(replies={"GREETING": Say("220-and on", repeat=True)})                endless banner
    Script(replies={"EHLO": Say(b"250-" + b"x" * 1_000_000 + b"\\r\\n250 STARTTLS\\r\\n")})
    Script(replies={"STARTTLS": SILENCE})       CLOSE, RESET; CLOSING_421 at any step
    Script(replies={"TLS EHLO": CLOSE})         closes after the handshake
    Script(handshake="garbage")                 after the 220: "close", "reset", "hang", "alert", "garbage", "plaintext"
    Script(starttls_offered=False)
    Script(tls=Tls(leaf, maximum=TLSv1, ciphers="ALL:@SECLEVEL=0"))
"""

import ssl
import subprocess
import tempfile
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from tests.kit.ca import Certificate, bundle

Handshake = Literal["complete", "close", "reset", "hang", "alert", "garbage", "plaintext"]
EXTENSIONS = ("PIPELINING", "SIZE 10240000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
ANONYMOUS = "aNULL:@SECLEVEL=0"

_sni_seen: "weakref.WeakKeyDictionary[ssl.SSLObject, str]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Say:
    """Bytes for the peer to send, and how.

    fragment: at most so many bytes a write, with *pause* seconds after each; 0 writes all at once.
    delay: seconds before the first byte. repeat: for ever. then: "close", "reset" or "hang" afterwards.
    """

    text: str | bytes = b""
    delay: float = 0.0
    fragment: int = 0
    pause: float = 0.0
    repeat: bool = False
    then: Literal["", "close", "reset", "hang"] = ""

    @property
    def octets(self) -> bytes:
        """What goes over the wire; text gets a CRLF after each line."""
        if isinstance(self.text, bytes):
            return self.text
        return b"".join(line.encode() + b"\r\n" for line in self.text.split("\n"))


SILENCE = Say(then="hang")
CLOSE = Say(then="close")
RESET = Say(then="reset")
CLOSING_421 = Say("421 4.3.2 Service shutting down", then="close")


@dataclass
class Visit:
    """One connection as the peer saw it; `commands` hold each line, `tls_commands` those sent under TLS."""

    client: str
    address: str
    port: int
    commands: list[str] = field(default_factory=list)
    tls_commands: list[str] = field(default_factory=list)
    stray: bytearray = field(default_factory=bytearray)
    tls_version: str = ""
    cipher: str = ""
    servername: str = ""
    client_certificate: bytes = b""
    tls_failure: str = ""
    finished: bool = False

    @property
    def verbs(self) -> list[str]:
        """The first word of each command, upper case."""
        return [command.split(" ")[0].upper() for command in self.commands]


@dataclass(frozen=True)
class Message:
    """A message that the peer has taken."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    under_tls: bool
    address: str


Reply = str | bytes | Say | Callable[[Visit], "str | bytes | Say"]


@dataclass(frozen=True)
class Tls:
    """The peer's side of TLS.

    leaf: None has no certificate at all (give ciphers=ANONYMOUS and maximum=TLSv1_2).
    chain: what is sent, default leaf.chain; the leaf must be first, all else may be missing, doubled, wrong, a hundred.
    also: a second certificate with another kind of key. sni: certificates by server name.
    sni_required: end the handshake with unrecognized_name unless one of `sni` is asked for.
    client_certificate: CERT_OPTIONAL asks, CERT_REQUIRED insists; anchors: whose certificates are taken.
    curve: the one group for ECDHE. dh_bits: the size of the group for DHE ciphers.
    """

    leaf: Certificate | None
    chain: Sequence[Certificate] | None = None
    also: Certificate | None = None
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: str = "DEFAULT:@SECLEVEL=0"
    sni: Mapping[str, Certificate] = field(default_factory=dict)
    sni_required: bool = False
    curve: str = ""
    dh_bits: int = 0
    client_certificate: ssl.VerifyMode = ssl.CERT_NONE
    anchors: Sequence[Certificate] = ()

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The OpenSSL context, made once."""
        context = self._bare()
        if self.leaf is not None:
            load(context, self.leaf, self.leaf.chain if self.chain is None else self.chain)
        if self.also is not None:
            load(context, self.also, self.also.chain)
        others = {name: self._presenting(leaf) for name, leaf in self.sni.items()}

        def note_servername(tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
            if name is not None:
                _sni_seen[tls] = name
            if name in others:
                tls.context = others[name]
            elif self.sni_required:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            return None

        context.sni_callback = note_servername
        return context

    def _bare(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(self.ciphers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1 are meant
            context.minimum_version, context.maximum_version = self.minimum, self.maximum
        context.verify_mode = self.client_certificate
        if self.curve:
            context.set_ecdh_curve(self.curve)
        if self.dh_bits:
            context.load_dh_params(_dh_params(self.dh_bits))
        if self.anchors:
            context.load_verify_locations(cadata=bundle(*self.anchors))
        return context

    def _presenting(self, leaf: Certificate) -> ssl.SSLContext:
        context = self._bare()
        load(context, leaf, leaf.chain)
        return context


@dataclass(frozen=True, kw_only=True)
class Script:
    """All that a peer does; see the module.

    starttls_offered: whether EHLO's reply lists STARTTLS. ehlo: the other keywords, in this order.
    implicit_tls: TLS from the first byte (port 465). refuse_plaintext: 530 to MAIL before STARTTLS.
    """

    name: str = "mx.example.com"
    ehlo: tuple[str, ...] = EXTENSIONS
    starttls_offered: bool = True
    tls: Tls | None = None
    handshake: Handshake = "complete"
    implicit_tls: bool = False
    refuse_plaintext: bool = False
    replies: Mapping[str, Reply] = field(default_factory=dict)

    def reply(self, verb: str, visit: Visit) -> Say:
        """Return what to answer to *verb* now."""
        under_tls = bool(visit.tls_version)
        keys = (f"TLS {verb}", verb) if under_tls else (verb,)
        if under_tls and verb in {"EHLO", "HELO"}:
            keys = (f"TLS {verb}",)
        for key in keys:
            if key in self.replies:
                found = self.replies[key]
                answer = found(visit) if callable(found) else found
                return answer if isinstance(answer, Say) else Say(answer)
        return Say(self._default(verb, under_tls=under_tls))

    def _default(self, verb: str, *, under_tls: bool) -> str:
        if verb == "EHLO":
            offer = ("STARTTLS",) if self.starttls_offered and not under_tls else ()
            lines = (self.name, *self.ehlo, *offer)
            return "\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"])
        if verb == "MAIL" and self.refuse_plaintext and not under_tls:
            return "530 5.7.0 Must issue a STARTTLS command first"
        return {
            "GREETING": f"220 {self.name} ESMTP",
            "HELO": f"250 {self.name}",
            "STARTTLS": "503 5.5.1 TLS is active" if under_tls else "220 2.0.0 Ready to start TLS",
            "DATA": "354 End data with <CR><LF>.<CR><LF>",
            "BODY": "250 2.0.0 Taken",
            "QUIT": "221 2.0.0 Bye",
            "VRFY": "252 2.0.0 Perhaps",
        }.get(verb, "250 2.0.0 Fine" if verb in {"MAIL", "RCPT", "RSET", "NOOP"} else "502 5.5.2 Unknown command")


def servername_of(tls: ssl.SSLObject) -> str:
    """Return the server name that the client asked for in the handshake of *tls*, or ""."""
    return _sni_seen.pop(tls, "")


@cache
def _scratch() -> "tempfile.TemporaryDirectory[str]":
    """Return a directory that is gone when the process ends."""
    return tempfile.TemporaryDirectory(prefix="kit-tls-")


@cache
def _dh_params(bits: int) -> Path:
    """Return a file with a Diffie-Hellman group of *bits*, made once."""
    path = Path(_scratch().name, f"dh{bits}.pem")
    command = ["openssl", "dhparam", "-dsaparam", "-out", str(path), str(bits)]
    subprocess.run(command, capture_output=True, check=True, timeout=60)
    return path


def load(context: ssl.SSLContext, leaf: Certificate, chain: Sequence[Certificate]) -> None:
    """Give *leaf*'s key and the *chain* to *context*; ssl takes files only."""
    with tempfile.TemporaryDirectory(prefix="kit-tls-") as directory:
        certificate, key = Path(directory, "chain.pem"), Path(directory, "key.pem")
        certificate.write_text(bundle(*chain))
        key.touch(mode=0o600)
        key.write_text(leaf.key_pem)
        context.load_cert_chain(certificate, key)
