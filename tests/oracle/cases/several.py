"""Lists of next-hops and smtp_fallback_relay: smtp_connect_inet() in src/smtp/smtp_connect.c."""

# fmt: off
from tests.kit.script import CLOSING_421, Script
from tests.oracle.case import Case, Host, named
from tests.oracle.cases.hosts import at, of

NO_STARTTLS = Script(starttls_offered=False)
WRONG = named("elsewhere.example")
FALLBACK = {"smtp_fallback_relay": "[b.@]"}


def listed(name: str, shows: str, first: Host, second: Host | None = None, **rest: object) -> Case:
    """Return a case of the list "[a], [b]", both at `encrypt` unless said, the second good unless said."""
    made = {
        "nexthop": "[a.@], [b.@]",
        "table": (("[a.@]", "encrypt"), ("[b.@]", "encrypt")),
        "hosts": {"a": first, "b": second or of("b")},
        "dns": ("@ TXT x",),
        **rest,
    }
    return Case(f"list-{name}", shows, **made)  # type: ignore[arg-type]


def spare(name: str, shows: str, first: Host, second: Host | None = None, **rest: object) -> Case:
    """Return a case of a domain at `encrypt` with the MX host a and the fallback relay [b]."""
    made = {
        "policy": "encrypt",
        "main_cf": FALLBACK,
        "hosts": {"a": first, "b": second or of("b")},
        "dns": ("@ MX 10 a",),
        **rest,
    }
    return Case(f"fallback-{name}", shows, **made)  # type: ignore[arg-type]


CASES = (
    listed("first", "the first next-hop takes it", of("a")),
    listed("refused", "nothing listens at the first: the second", of("a", listens=False)),
    listed("no-starttls", "the first does not offer STARTTLS: the second", of("a", script=NO_STARTTLS)),
    listed("second-no-starttls", "neither does the second", of("a", script=NO_STARTTLS), of("b", script=NO_STARTTLS)),
    listed("both-refused", "nothing listens at either", of("a", listens=False), of("b", listens=False)),
    listed("hard", "a hard reply ends it: the second is not asked", of("a", script=at("STARTTLS", "554 5.7.0 Never"))),
    listed("421", "a greeting of 421: the second", of("a", script=at("GREETING", CLOSING_421))),
    listed("own-entries", "each next-hop has an entry of its own", of("a", WRONG), of("b", WRONG),
           table=(("[a.@]", "verify"), ("[b.@]", "may"))),
    listed("whole-key", "the whole list is no key", of("a", WRONG), table=(("[a.@], [b.@]", "verify"),)),
    listed("second-default", "the second has no entry: main.cf's level", of("a", listens=False), of("b", script=NO_STARTTLS),
           table=(("[a.@]", "secure"),)),
    listed("invalid-first", "an invalid entry of the first: the second", of("a"), table=(("[a.@]", "strict"),)),
    listed("invalid-last", "an invalid entry of the last decides", of("a", listens=False), table=(("[b.@]", "strict"),)),
    listed("first-unknown-name", "a first next-hop that does not exist: the second", of("b"), nexthop="[gone.@], [b.@]"),
    listed("last-unknown-name", "a last next-hop that does not exist bounces", of("a", listens=False), nexthop="[a.@], [gone.@]"),
    listed("comma-only", "a comma alone separates", of("a", listens=False), nexthop="[a.@],[b.@]"),
    listed("blank-only", "a blank alone separates", of("a", listens=False), nexthop="[a.@] [b.@]"),
    listed("domains", "names that have MX records", of("a", listens=False), nexthop="one.@, two.@",
           dns=("one MX 10 a", "two MX 10 b"), table=(("one.@", "encrypt"), ("two.@", "none"))),
    listed("ports", "each with its port", of("a", listens=False), Host(leaf=named("b.@"), port=2525),
           nexthop="[a.@], [b.@]:2525", table=(("[b.@]:2525", "verify"),)),
    listed("aged", "a failing handshake at may, aged: plaintext to the first", of("a", script=Script(handshake="alert")),
           table=(("[a.@]", "may"),), age=600),
    listed("fresh", "a failing handshake at may, fresh: the second", of("a", script=Script(handshake="alert")),
           table=(("[a.@]", "may"),)),
    listed("null-mx", "a first domain with a null MX", of("a", listens=False), nexthop="one.@, [b.@]", dns=("one MX 0 .",)),
    spare("unused", "the domain's own host takes it", of("a")),
    spare("refused", "nothing listens: the fallback relay, at main.cf's level", of("a", listens=False)),
    spare("not-secure", "a domain at secure falls back to a relay without an entry, in plaintext", of("a", WRONG),
          of("b", script=NO_STARTTLS), policy="secure"),
    spare("entry", "a fallback relay with an entry of its own", of("a", listens=False), of("b", script=NO_STARTTLS),
          table=(("@", "may"), ("[b.@]", "encrypt"))),
    spare("invalid", "an invalid entry of the domain: the fallback relay", of("a"), policy="strict"),
    spare("hard", "a hard reply ends it: no fallback", of("a", script=at("STARTTLS", "554 5.7.0 Never"))),
    spare("both-refused", "nothing listens at the fallback relay either", of("a", listens=False), of("b", listens=False)),
    spare("gone", "a fallback relay that does not exist is a mistake of one's own", of("a", listens=False),
          main_cf={"smtp_fallback_relay": "[gone.@]"}),
    spare("no-domain", "a domain that does not exist: the fallback relay", of("a"), dns=("@ TXT x",), nexthop="gone.@",
          table=(("gone.@", "secure"),)),
    spare("null-mx", "a domain with a null MX, and a fallback relay", of("a"), dns=("@ MX 0 .",)),
    spare("two", "the second of two fallback relays", of("a", listens=False), of("b", listens=False),
          main_cf={"smtp_fallback_relay": "[b.@], [c.@]"}, hosts={"a": of("a", listens=False), "b": of("b", listens=False), "c": of("c")}),
    spare("domain", "a fallback relay with MX records", of("a", listens=False), main_cf={"smtp_fallback_relay": "spare.@"},
          dns=("@ MX 10 a", "spare MX 10 b"), table=(("@", "secure"), ("spare.@", "verify"))),
    spare("aged", "a failing handshake at may, aged: plaintext to the domain's own host", of("a", script=Script(handshake="alert")),
          policy="may", age=600),
    spare("fresh", "a failing handshake at may, fresh: the fallback relay", of("a", script=Script(handshake="alert")), policy="may"),
    spare("old-name", "fallback_relay is its former name", of("a", listens=False), main_cf={"fallback_relay": "[b.@]"}),
    spare("list", "a list and then the fallback relay", of("a", listens=False), nexthop="[a.@], [gone.@]", table=(("[a.@]", "secure"),)),
    spare("loop", "a relay that answers with our own name, at the best preference: no fallback", of("a", script=at("EHLO", "250 relay.example"))),
)
