"""Internationalised names: no conversion for the lookup, one for the DNS and one for matching (src/util/midna_domain.c)."""

# fmt: off
from tests.oracle.case import Case, Text, named

U, A = "bücher", "xn--bcher-kva"


def idn(name: str, shows: str, *, ulabel: bool, table: tuple[tuple[str, Text], ...] = (), **rest: object) -> Case:
    """Return a case whose recipient's domain is bücher.<name>.example, written one way or the other."""
    base = f"idn-{name}.example"
    nexthop = f"{U if ulabel else A}.{base}"
    filled = tuple((key.replace("~", base), value) for key, value in table)
    rest = {"nexthop": nexthop, "rcpt": nexthop, "domain": f"{A}.{base}", "table": filled,
            "leaf": named(f"mx.{A}.{base}"), **rest}
    return Case(f"idn-{name}", shows, **rest)  # type: ignore[arg-type]


CASES = (
    idn("u-u", "a U-label recipient finds the U-label key", ulabel=True, table=((f"{U}.~", "none"),)),
    idn("u-a", "a U-label recipient does not find the A-label key", ulabel=True, table=((f"{A}.~", "none"),)),
    idn("a-a", "an A-label recipient finds the A-label key", ulabel=False, table=((f"{A}.~", "none"),)),
    idn("a-u", "an A-label recipient does not find the U-label key", ulabel=False, table=((f"{U}.~", "none"),)),
    idn("u-parent", "a U-label recipient has parents", ulabel=True, table=((".~", "none"),)),
    idn("u-secure", "nexthop is matched in A-labels", ulabel=True, table=((f"{U}.~", "secure"),)),
    idn("a-secure", "nexthop of an A-label recipient is matched in A-labels", ulabel=False, table=((f"{A}.~", "secure"),)),
    idn("u-nexthop", "match=nexthop for a U-label recipient", ulabel=True, table=((f"{U}.~", "secure match=nexthop"),),
        leaf=named(f"{A}.idn-u-nexthop.example")),
    idn("u-verify", "hostname of a U-label recipient", ulabel=True, table=((f"{U}.~", "verify"),)),
    idn("u-match", "a U-label in match=", ulabel=False, table=((f"{A}.~", f"secure match={U}.partner.example"),),
        leaf=named(f"{A}.partner.example")),
    idn("u-match-suffix", "a U-label in match= after a dot", ulabel=False,
        table=((f"{A}.~", f"secure match=.{U}.example"),), leaf=named(f"mx.{A}.example")),
    idn("ideographic", "an ideographic full stop in match=", ulabel=False,
        table=((f"{A}.~", "secure match=mx\u3002partner.example"),), leaf=named("mx.partner.example")),
    idn("u-match-upper", "a U-label in upper case", ulabel=False, table=((f"{A}.~", "secure match=BÜCHER.partner.example"),),
        leaf=named(f"{A}.partner.example")),
    idn("sharp-s", "a sharp s in match=: IDNA 2008 or its predecessor", ulabel=False,
        table=((f"{A}.~", "secure match=straße.example"),), leaf=named("xn--strae-oqa.example")),
    idn("sharp-s-ss", "a sharp s in match= does not match the name with two s", ulabel=False,
        table=((f"{A}.~", "secure match=straße.example"),), leaf=named("strasse.example")),
    idn("key-upper", "a U-label key in upper case", ulabel=True, table=(("BÜCHER.~", "none"),)),
    idn("brackets", "a U-label in brackets", ulabel=True, nexthop=f"[mx.{U}.idn-brackets.example]", rcpt="idn-br.example",
        table=((f"[mx.{U}.~]", "verify"),)),
    idn("brackets-a", "a U-label in brackets does not find the A-label key", ulabel=True,
        nexthop=f"[mx.{U}.idn-brackets-a.example]", rcpt="idn-bra.example", table=((f"[mx.{A}.~]", "none"),)),
    idn("no-mx", "a U-label domain without MX", ulabel=True, table=((f"{U}.~", "secure"),), dns=("@ A <mx>",),
        leaf=named(f"{A}.idn-no-mx.example")),
    idn("no-smtputf8", "a U-label recipient and a server without SMTPUTF8", ulabel=False, table=((f"{A}.~", "encrypt"),)),
)
