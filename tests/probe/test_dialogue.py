"""The probe's side of a session, without sockets."""

import pytest

from partners.core.observation import Stage
from partners.probe.dialogue import Dialogue, Want
from partners.probe.limits import Limits

GREETING = b"220 mx.example.com ESMTP\r\n"
EHLO = b"250-mx.example.com hello\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"


def dialogue(*answers: bytes, fragment: int = 4096) -> Dialogue:
    """Return a dialogue that got *answers*, one after the other."""
    talk = Dialogue("probe.example", Limits())
    for answer in answers:
        for start in range(0, len(answer), fragment):
            talk.receive(answer[start : start + fragment])
    return talk


class TestToTls:
    @pytest.mark.parametrize("fragment", [4096, 16, 1])
    def test_says_ehlo_and_starttls(self, fragment: int):
        """A good peer is led to the handshake."""
        talk = dialogue(GREETING, EHLO, b"220 go\r\n", fragment=fragment)

        assert talk.output() == b"EHLO probe.example\r\nSTARTTLS\r\n"
        assert (talk.want, talk.stage) == (Want.TLS, Stage.HANDSHAKE)
        assert talk.seen.features == ("SIZE", "STARTTLS")
        assert talk.seen.ehlo_name == "mx.example.com"

    def test_says_ehlo_again_under_tls_and_quits(self):
        """What was said in the clear is asked again (RFC 3207), and no mail is begun."""
        talk = dialogue(GREETING, EHLO, b"220 go\r\n")
        talk.output()
        talk.tls_is_up()
        talk.receive(b"250 mx.example.com\r\n")

        assert talk.output() == b"EHLO probe.example\r\nQUIT\r\n"
        assert (talk.want, talk.stage, talk.seen.ehlo_tls_code) == (Want.CLOSE, Stage.DONE, 250)

    @pytest.mark.parametrize(
        ("answer", "said"), [(b"500 what?\r\n", b"HELO probe.example\r\n"), (b"421 bye\r\n", b"QUIT\r\n")]
    )
    def test_helo_follows_a_refused_ehlo_under_tls(self, answer: bytes, said: bytes):
        """As in the clear; 421 ends it."""
        talk = dialogue(GREETING, EHLO, b"220 go\r\n")
        talk.tls_is_up()
        talk.output()
        talk.receive(answer)

        assert (talk.output(), talk.stage) == (said, Stage.EHLO_TLS)

    @pytest.mark.parametrize("first", [b"250-\r\n", b"250-=\r\n", b"\r\n", b"junk\r\n"])
    def test_a_line_without_a_word_is_not_the_first(self, first: bytes):
        """The next one is: its word is the peer's name, be it STARTTLS (smtp_helo())."""
        talk = dialogue(GREETING, first + b"250 STARTTLS\r\n")

        assert (talk.seen.ehlo_name, talk.seen.starttls_offered) == ("STARTTLS", False)

    def test_any_2xx_to_starttls_starts_tls(self):
        """So does Postfix."""
        assert dialogue(GREETING, EHLO, b"250 fine\r\n").want is Want.TLS

    def test_plaintext_after_the_starttls_reply_is_forgotten(self):
        """An injected line is not taken for an answer under TLS (CVE-2011-0411)."""
        talk = dialogue(GREETING, EHLO, b"220 go\r\n250 injected\r\n")
        talk.tls_is_up()
        talk.receive(b"")

        assert (talk.want, talk.seen.ehlo_tls_code) == (Want.READ, 0)


class TestNoTls:
    @pytest.mark.parametrize("banner", [b"220\r\n", b"220 \r\n", b"220 ***2**0*\r\n"])
    def test_a_bare_banner_switches_esmtp_off(self, banner: bytes):
        """Postfix says HELO then, and so sees no STARTTLS."""
        talk = dialogue(banner, b"250 mx\r\n")

        assert talk.output() == b"HELO probe.example\r\nQUIT\r\n"
        assert (talk.seen.esmtp, talk.seen.starttls_offered, talk.stage) == (False, False, Stage.DONE)

    def test_helo_follows_a_refused_ehlo(self):
        """EHLO 500 leads to HELO, without STARTTLS."""
        talk = dialogue(GREETING, b"500 what?\r\n", b"250 mx\r\n")

        assert talk.output() == b"EHLO probe.example\r\nHELO probe.example\r\nQUIT\r\n"
        assert (talk.stage, talk.seen.starttls_offered) == (Stage.DONE, False)

    def test_starttls_on_the_first_line_is_a_name(self):
        """The first line of the EHLO reply names the peer."""
        assert not dialogue(GREETING, b"250-STARTTLS\r\n250 SIZE\r\n").seen.starttls_offered

    @pytest.mark.parametrize("line", [b"starttls", b"StartTLS now", b"STARTTLS=x", b" STARTTLS"])
    def test_the_keyword_counts_in_any_case_and_with_parameters(self, line: bytes):
        """Parameters are ignored."""
        assert dialogue(GREETING, b"250-mx\r\n250 " + line + b"\r\n").seen.starttls_offered

    @pytest.mark.parametrize(
        "line", [b"XSTARTTLS", b"STARTTLSX", b"AUTH STARTTLS", b"SIZE\0STARTTLS", b"STARTTLS\tx", b"--STARTTLS"]
    )
    def test_what_only_holds_the_keyword_is_another(self, line: bytes):
        """The first word is the keyword."""
        assert not dialogue(GREETING, b"250-mx\r\n250 " + line + b"\r\n").seen.starttls_offered

    @pytest.mark.parametrize(("filler", "offered"), [(1900, True), (2200, False)])
    def test_starttls_beyond_2048_bytes_is_not_seen(self, filler: int, offered: bool):
        """What Postfix does not store, the probe does not believe."""
        ehlo = b"250-mx\r\n" + (b"250-" + b"x" * 96 + b"\r\n") * (filler // 101) + b"250 STARTTLS\r\n"

        assert dialogue(GREETING, ehlo).seen.starttls_offered is offered


class TestStops:
    @pytest.mark.parametrize(
        ("answers", "stage", "temporary"),
        [
            pytest.param([b"554 no\r\n"], Stage.GREETING, False, id="554-greeting"),
            pytest.param([b"421 busy\r\n"], Stage.GREETING, True, id="421-greeting"),
            pytest.param([b"999 odd\r\n"], Stage.GREETING, False, id="odd-greeting"),
            pytest.param([GREETING, b"421 busy\r\n"], Stage.EHLO, True, id="421-ehlo"),
            pytest.param([GREETING, b"500 no\r\n", b"501 no\r\n"], Stage.EHLO, False, id="500-helo"),
            pytest.param([GREETING, EHLO, b"454 later\r\n", b"250 fine\r\n"], Stage.STARTTLS, False, id="454-starttls"),
            pytest.param([GREETING, EHLO, b"501 no\r\n", b"500 what?\r\n"], Stage.STARTTLS, False, id="501-starttls"),
        ],
    )
    def test_a_refusal_ends_it_politely(self, answers: list[bytes], stage: Stage, temporary: bool):
        """The stage tells where; QUIT is said; a 4xx before TLS was spoken of tells nothing of TLS."""
        talk = dialogue(*answers)

        assert (talk.want, talk.stop, talk.stage, talk.is_temporary) == (Want.CLOSE, "reply", stage, temporary)
        assert talk.output().endswith(b"QUIT\r\n")

    def test_a_refused_starttls_is_followed_by_noop(self):
        """Whether the peer then closes decides over plaintext at level may; QUIT would be no such question."""
        talk = dialogue(GREETING, EHLO, b"454 later\r\n")

        assert (talk.want, talk.stage) == (Want.READ, Stage.STARTTLS)
        assert talk.output().endswith(b"STARTTLS\r\nNOOP\r\n")
