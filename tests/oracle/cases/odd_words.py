"""Replies that no book foresees: smtp_chat_resp() in src/smtp/smtp_chat.c, smtp_helo() in smtp_proto.c."""

# fmt: off
from tests.kit.script import SILENCE, Reply, Say, Script
from tests.oracle.case import Case

IMPATIENT = {"smtp_starttls_timeout": "4s", "smtp_helo_timeout": "4s"}
GREETINGS: dict[str, tuple[str, Reply]] = {
    "bare-blank": ("a greeting of 220 and a blank", "220 "),
    "bare-lines": ("a greeting of two bare lines", "220-\n220 "),
    "word-first": ("the word on the first of two lines", "220-hello\n220 "),
    "stars": ("a PIX that hides its greeting", "220 ****2*****0*0**** *****"),
    "stars-word": ("a PIX that leaves the word ESMTP", "220 ****2*****0*0**** ESMTP"),
    "tab": ("a tab behind the code", b"220 \t\r\n"),
    "299": ("a greeting of 299", "299 mx ESMTP"),
    "354": ("a greeting of 354", "354 go on"),
    "100": ("a greeting of 100", "100 wait"),
    "garbage-first": ("a line that is no reply before it", b"hello there\r\n220 mx ESMTP\r\n"),
    "no-blank": ("no blank behind the code", b"220mx ESMTP\r\n"),
    "two-digits": ("a code of two digits", b"22 mx ESMTP\r\n"),
    "line-feed": ("a bare line feed", b"220 mx ESMTP\n"),
    "mixed-codes": ("two codes in one greeting", b"220-mx\r\n554 no\r\n"),
    "mixed-codes-late": ("the last code is the good one", b"554-no\r\n220 mx ESMTP\r\n"),
    "half": ("the connection ends in the middle of the line", Say(b"220 mx ES", then="close")),
    "half-silent": ("silence in the middle of the line", Say(b"220 mx ES", then="hang")),
    "first-of-two": ("the connection ends after the first of two lines", Say(b"220-mx ESMTP\r\n", then="close")),
    "enhanced": ("a 4xx greeting with an enhanced code", "421 4.7.0 Too many connections"),
    "enhanced-odd": ("a 4xx greeting with an enhanced code of another class", "421 5.7.0 Too many connections"),
    "enhanced-5xx": ("a 5xx greeting without an enhanced code", "554 Go away"),
    "long": ("a greeting of 1500 bytes", "220 mx ESMTP " + "x" * 1500),
    "many-lines": ("a greeting of a hundred lines", "\n".join(["220-welcome"] * 99 + ["220 mx ESMTP"])),
    "lower-esmtp": ("esmtp in lower case", "220 mx esmtp"),
    "loop-first": ("our own name, as the first word", "220 relay.example"),
}
EHLOS: dict[str, tuple[str, Reply]] = {
    "only-line": ("STARTTLS on the only line", "250 STARTTLS"),
    "blanks": ("blanks before the keyword", "250-mx\n250   STARTTLS"),
    "dashes": ("dashes before the keyword", b"250-mx\r\n250---STARTTLS\r\n250 SIZE\r\n"),
    "equals": ("an equals sign before the keyword", "250-mx\n250 =STARTTLS"),
    "equals-after": ("an equals sign behind it", "250-mx\n250 STARTTLS=x y"),
    "xstarttls": ("a keyword that ends with it", "250-mx\n250 XSTARTTLS"),
    "starttlsx": ("a keyword that begins with it", "250-mx\n250 STARTTLSX"),
    "twice": ("the keyword twice", "250-mx\n250-STARTTLS\n250 STARTTLS"),
    "tab": ("a tab behind it", b"250-mx\r\n250-STARTTLS\tx\r\n250 SIZE\r\n"),
    "nul": ("a NUL on another line", b"250-mx\r\n250-SIZE\0 x\r\n250 STARTTLS\r\n"),
    "hidden-by-nul": ("a NUL before the keyword", b"250-mx\r\n250 \0STARTTLS\r\n"),
    "escape": ("a control character behind it", b"250-mx\r\n250-STARTTLS\x1bx\r\n250 SIZE\r\n"),
    "utf8": ("UTF-8 behind it", "250-mx\n250-STARTTLS\xe4\n250 SIZE"),
    "no-code": ("the keyword on a line without a code", b"250-mx\r\nSTARTTLS\r\n250 SIZE\r\n"),
    "no-code-words": ("the keyword as second word of such a line", b"250-mx\r\nfoo STARTTLS\r\n250 SIZE\r\n"),
    "four-digits": ("a code of four digits", b"250-mx\r\n2500 STARTTLS\r\n250 SIZE\r\n"),
    "mixed-codes": ("the keyword under another code", b"500-mx\r\n500-STARTTLS\r\n250 SIZE\r\n"),
    "mixed-last": ("the last code is 500", b"250-mx\r\n250-STARTTLS\r\n500 SIZE\r\n"),
    "code-alone": ("a last line of the code alone", b"250-mx\r\n250-STARTTLS\r\n250\r\n"),
    "returns": ("two carriage returns", b"250-mx\r\r\n250-STARTTLS\r\r\n250 SIZE\r\n"),
    "bare-return": ("a bare carriage return", b"250-mx\r250-STARTTLS\r\n250 SIZE\r\n"),
    "line-feeds": ("bare line feeds", b"250-mx\n250-STARTTLS\n250 SIZE\n"),
    # A line without a word behind its code is not the first one: smtp_helo() counts what mystrtok() finds.
    "empty-first": ("a first line of the code alone", b"250-\r\n250 STARTTLS\r\n"),
    "empty-first-name": ("a first line of the code alone, then the name", b"250-\r\n250-mx\r\n250 STARTTLS\r\n"),
    "blank-first": ("a first line of the code and a blank", b"250- \r\n250 STARTTLS\r\n"),
    "dash-first": ("a dash before the only line", b"-\r\n250 STARTTLS\r\n"),
    "dashes-first": ("dashes before the only line", b"---\r\n250 STARTTLS\r\n"),
    "equals-first": ("a first line with an equals sign alone", b"250-=\r\n250 STARTTLS\r\n"),
    "junk-first": ("a word that is no reply before the only line", b"hello\r\n250 STARTTLS\r\n"),
    "junk-words-first": ("words that are no reply before the only line", b"hello mx\r\n250 STARTTLS\r\n"),
    "blank-line-first": ("an empty line before the only line", b"\r\n250 STARTTLS\r\n"),
    "empty-middle": ("a line of the code alone between", b"250-mx\r\n250-\r\n250 STARTTLS\r\n"),
    "loop-second": ("our own name on the second line, the first is empty", b"250-\r\n250-relay.example\r\n250 STARTTLS\r\n"),
    "loop-third": ("our own name on the second line", b"250-mx\r\n250-relay.example\r\n250 STARTTLS\r\n"),
    "loop-equals": ("our own name before an equals sign", b"250-relay.example=x\r\n250 STARTTLS\r\n"),
    "loop-dash": ("our own name behind dashes", b"250---relay.example\r\n250 STARTTLS\r\n"),
    "220": ("220 instead of 250", "220-mx\n220 STARTTLS"),
    "354": ("354 to EHLO", "354-mx\n354 STARTTLS"),
    "half": ("the connection ends before the last line", Say(b"250-mx\r\n250-STARTTLS\r\n", then="close")),
    "half-silent": ("silence before the last line", Say(b"250-mx\r\n250-STARTTLS\r\n", then="hang")),
    "2040": ("the keyword just within 2048 bytes", "250-mx\n" + "\n".join("250-" + "y" * 94 for _ in range(20)) + "\n250 STARTTLS"),
    "loop-upper": ("our own name in upper case", "250-RELAY.EXAMPLE\n250 STARTTLS"),
    "loop-words": ("our own name among other words", "250-hello relay.example\n250 STARTTLS"),
    "loop-subdomain": ("a name below our own", "250-a.relay.example\n250 STARTTLS"),
}
STARTTLS: dict[str, tuple[str, Reply]] = {
    "bare": ("220 without a text", "220"),
    "lines": ("a reply of two lines", "220-ready\n220 go"),
    "299": ("299 to STARTTLS", "299 go"),
    "399": ("399 to STARTTLS", "399 odd"),
    "199": ("199 to STARTTLS", "199 odd"),
    "600": ("600 to STARTTLS", "600 odd"),
    "no-blank": ("no blank behind the code", b"220ready\r\n"),
    "garbage-first": ("a line that is no reply before it", b"hello\r\n220 go\r\n"),
    "half": ("the connection ends in the middle of the line", Say(b"220 rea", then="close")),
    "half-silent": ("silence in the middle of the line", Say(b"220 rea", then="hang")),
    "454-enhanced-5": ("454 with an enhanced code of class 5", "454 5.7.0 No"),
    "554-enhanced-4": ("554 with an enhanced code of class 4", "554 4.7.0 No"),
    "501": ("501 to STARTTLS", "501 5.5.4 No parameters"),
    "502": ("502 to STARTTLS, as if unknown", "502 5.5.1 Unknown"),
    "530": ("530 to STARTTLS", "530 5.7.0 Authenticate first"),
    "mixed": ("two codes in one reply", b"454-no\r\n220 go\r\n"),
}
UNDER_TLS: dict[str, tuple[str, Reply]] = {
    "silent": ("silence to EHLO under TLS", SILENCE),
    "loop": ("our own name under TLS", "250-relay.example\n250 SIZE"),
    "starttls": ("STARTTLS offered again", "250-mx\n250 STARTTLS"),
    "554": ("554 to EHLO under TLS", "554 5.7.1 Go away"),
    "220": ("220 to EHLO under TLS", "220 mx"),
    "garbage": ("lines that are no reply under TLS", b"what\r\n250 mx\r\n"),
    "half": ("half a reply under TLS", Say(b"250-mx\r\n", then="close")),
}


def each(step: str, prefix: str, table: dict[str, tuple[str, Reply]]) -> tuple[Case, ...]:
    """Return each reply at encrypt and at may."""
    return tuple(
        Case(f"{prefix}-odd-{name}-{policy}", f"{shows}, at {policy}", policy, script=Script(replies={step: reply}),
             main_cf=IMPATIENT if "silent" in name else {})
        for name, (shows, reply) in table.items()
        for policy in ("encrypt", "may")
    )


CASES = (
    *each("GREETING", "greeting", GREETINGS),
    *each("EHLO", "ehlo", EHLOS),
    *each("STARTTLS", "starttls", STARTTLS),
    *each("TLS EHLO", "under-tls", UNDER_TLS),
)
