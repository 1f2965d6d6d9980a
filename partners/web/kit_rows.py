"""Made-up rows for the kit page, in the shapes that the components take; nothing here is translated."""

from datetime import UTC, datetime
from types import SimpleNamespace as Row
from typing import Any, Final

from django.utils.html import format_html

from partners.reports import drawings

_NOW: Final = datetime(2026, 11, 24, 9, 41, tzinfo=UTC)
_OLD: Final = "3D9534AF0C71E24B8816D95AF3276C90B14E027DC8639F15EA5834B60D917CA2"
_NEW: Final = "A10E775CF923B8604DE51A923FC7860BD469F02E75AB18935DC240FE67318A1C"
_HEARD: Final = _OLD[:40] + "61" + _OLD[42:]
_STATES: Final = (
    ("ok", "As agreed", "mail flows with the agreed TLS status"),
    ("bad", "Violated", "Postfix would defer"),
    ("risk", "Breaks in 4 days", "flows today; a forecast, not a state"),
    ("weak", "Weaker", "flows, protects less than agreed"),
    ("unk", "Unknown", "nothing seen; age and last good beside it"),
    ("roll", "Rolling 2 of 4", "old and new key accepted; flows as agreed"),
    ("pend", "Pending", "a person must decide"),
)


def kit_rows() -> dict[str, Any]:
    """Return one row or list for each component."""
    return {
        "states": [Row(state=state, word=word, means=means) for state, word, means in _STATES],
        **_verdicts(),
        **_lines(),
        **_hosts(),
        **_steps(),
        **_changes(),
        **_choices(),
        **_counts(),
    }


def _verdicts() -> dict[str, Any]:
    outcome = Row(state="ok", text="both hosts: deliver, Verified")
    return {
        "verdicts": [
            Row(
                id="v1",
                state="ok",
                title="Mail flows, Verified, as agreed.",
                why="The next message would be delivered to any of 4 addresses, from what was seen 6 minutes ago.",
                then=[Row(state="roll", text="New key seen on 2 of 4 addresses; the old one stays accepted")],
                figures=[
                    Row(value="4 of 4", label="addresses would take it"),
                    Row(value="20 days", label="to the next date"),
                ],
            ),
            Row(
                id="v2",
                state="bad",
                title="Mail would be deferred: the certificate ran out today, 00:59.",
                why="Both MX hosts show it, and at level secure Postfix refuses both. 37 messages wait.",
                then=[],
                figures=[
                    Row(value="0 of 2", label="addresses would take it"),
                    Row(value="37", label="messages wait"),
                    Row(value="4 d 15 h", label="until the first bounces"),
                ],
            ),
        ],
        "ways": [
            Row(
                icon="phone",
                title="Fjordbank renews the certificate",
                text="With a new certificate for the same names mail flows again at once.",
                outcomes=[outcome],
                label="Write to Mira Halvorsen",
                url="#",
                primary=True,
                note="draft is ready, in Norwegian and English",
            ),
            Row(
                icon="shield-half",
                title="Lower to encrypt until Thursday",
                text="Mail flows encrypted, but to whoever answers. Returns to secure by itself.",
                outcomes=[Row(state="weak", text="both hosts: deliver, Untrusted")],
                label="Review in release 412",
                url="#",
                primary=False,
                note="a second person must agree",
            ),
            Row(
                icon="key",
                title="Pin the key that is shown now",
                text="Same key as in the good certificate. Strong, but yours to undo after the renewal.",
                outcomes=[outcome],
                label="Propose key pin",
                url="#",
                primary=False,
                note="a second person must agree",
            ),
        ],
        "hand": Row(
            state="bad",
            when="since 00:59",
            when_note="37 messages wait",
            name="Fjordbank",
            key="fjordbank.example",
            url="#",
            cause=format_html(
                "The certificate of <strong>{}</strong> last night. The first message bounces in <strong>{}</strong>.",
                "both MX hosts ran out",
                "4 days 15 h",
            ),
            who="Fjordbank renews",
            who_note="Mira Halvorsen, called 08:10",
            label="See three ways out",
            step_url="#",
            primary=True,
            more_label="Write to the contact",
            more_url="#",
        ),
    }


def _lines() -> dict[str, Any]:
    def colons(digest: str) -> str:
        return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))

    return {
        "line": drawings.map_line(
            f"brixner-achsen.example\tfingerprint match={colons(_OLD)}|{colons(_NEW)}", {_OLD: "A", _NEW: "B"}
        ),
        "legend": [
            Row(pin="A", text="old key, leaves when the new one was seen everywhere"),
            Row(pin="B", text="new key, staged by Lea Brandt"),
        ],
        "pinned": drawings.fingerprint(_OLD),
        "shown": drawings.fingerprint(_NEW, _OLD),
        "heard": drawings.fingerprint(_HEARD, _OLD),
        "axis": drawings.axis(
            [
                drawings.Span(
                    "Pin A, old key",
                    "certificate ends 14 Dec 2026, in 20 days",
                    datetime(2025, 12, 14, tzinfo=UTC),
                    datetime(2026, 12, 14, tzinfo=UTC),
                    "A",
                ),
                drawings.Span(
                    "Pin B, new key",
                    "certificate valid 12 Nov 2026 to 31 May 2027",
                    datetime(2026, 11, 12, tzinfo=UTC),
                    datetime(2027, 5, 31, tzinfo=UTC),
                    "B",
                ),
                drawings.Span(
                    "Example Trust R4",
                    "intermediate, valid to 9 Mar 2031",
                    datetime(2021, 3, 9, tzinfo=UTC),
                    datetime(2031, 3, 9, tzinfo=UTC),
                    "ok",
                ),
            ],
            start=datetime(2026, 6, 20, tzinfo=UTC),
            end=datetime(2027, 6, 9, tzinfo=UTC),
            now=_NOW,
            now_label="today",
        ),
    }


def _hosts() -> dict[str, Any]:
    def address(
        text: str, pin: str, shows: str, *, state: str = "ok", word: str = "deliver, Verified", note: str = ""
    ) -> Row:
        return Row(
            address=text,
            tls="TLS 1.3",
            pin=pin,
            shows=shows,
            shows_note="ends 31 May 2027",
            names="mx1, mx2",
            names_note="",
            seen="6 min",
            state=state,
            word=word,
            note=note,
        )

    return {
        "hosts": [
            Row(
                mx_host="mx1.brixner-achsen.example",
                preference=10,
                addresses=[
                    address("192.0.2.41", "B", "new key"),
                    address("2001:db8:41::25", "B", "new key"),
                ],
            ),
            Row(
                mx_host="mx2.brixner-achsen.example",
                preference=20,
                addresses=[
                    address("198.51.100.17", "A", "old key"),
                    address(
                        "2001:db8:42::25", "?", "unknown key", state="bad", word="defer", note="pin does not match"
                    ),
                ],
            ),
        ],
        "targets": [
            Row(
                mx_host="mx1.sonnfeld-kliniken.example",
                address="192.0.2.81",
                state="ok",
                text="TLS 1.3, chain of 3, names mx1 and mx2, valid to 20 Apr 2027",
                stages=["done"] * 5,
                seconds="0.8",
            ),
            Row(
                mx_host="mx2.sonnfeld-kliniken.example",
                address="198.51.100.90",
                state="roll",
                text="TLS handshake…",
                stages=["done", "done", "done", "now", ""],
                seconds="1.4",
            ),
            Row(
                mx_host="mx2.sonnfeld-kliniken.example",
                address="2001:db8:90::25",
                state="wait",
                text="waits: mx2 allows one new connection in 5 s",
                stages=[""] * 5,
                seconds="",
            ),
            Row(
                mx_host="mx3.sonnfeld-kliniken.example",
                address="203.0.113.25",
                state="unk",
                text="no answer within 10 s",
                stages=["broken", "", "", "", ""],
                seconds="10.0",
            ),
        ],
        "relays": [
            Row(state="ok", name="relay1.example.com", release=411, note="frankfurt · 3.10.13 · 20 s ago"),
            Row(state="weak", name="relay3.example.com", release=410, note="frankfurt · no fetch since 02:14"),
        ],
    }


def _steps() -> dict[str, Any]:
    return {
        "steps": [
            Row(title="Announced", note="12 Nov, Jana Vogt\nby upload", state="done"),
            Row(title="Approved", note="18 Nov, Lea Brandt", state="done"),
            Row(title="On all relays", note="19 Nov, 12:40\nsafe to go live since then", state="done"),
            Row(title="Seen on 2 of 4", note="first 23 Nov, 23:31", state="now"),
            Row(title="Old pin retired", note="by itself, after 24 h", state=""),
        ],
        "flow": [
            Row(title="Nexthop", state="done"),
            Row(title="Look", state="now"),
            Row(title="Choose", state=""),
            Row(title="Confirm", state=""),
        ],
        "entries": [
            Row(at="6 min ago", icon="eye", text="Looked at 4 addresses, nothing new", by=""),
            Row(at="23 Nov, 23:31", icon="refresh", text="New key on 192.0.2.41", by="seen by the probe"),
            Row(at="18 Nov, 15:02", icon="user-check", text="Pin B approved", by="Lea Brandt"),
        ],
    }


def _changes() -> dict[str, Any]:
    def line(sign: str, old: int | None, new: int | None, *pieces: tuple[str, bool]) -> Row:
        return Row(sign=sign, old=old, new=new, pieces=[Row(text=text, changed=changed) for text, changed in pieces])

    return {
        "hunks": [
            Row(
                title="Fjordbank, in place of line 311",
                lines=[
                    line("-", 311, None, ("fjordbank.example  ", False), ("secure match=mx1.fjordbank.example", True)),
                    line("+", None, 311, ("fjordbank.example  ", False), ("encrypt", True)),
                    line("", 312, 312, ("hafen.example  secure", False)),
                ],
            )
        ],
        "changes": [
            Row(
                name="Fjordbank",
                who="Tomasz Wendt",
                was="secure",
                was_note="",
                becomes="encrypt",
                becomes_note="until 26 Nov, 09:00",
                asks="less",
                asks_word="less",
                state="weak",
                word="deliver, Untrusted",
            ),
            Row(
                name="Vantage Tooling",
                who="Amira Saleh",
                was="",
                was_note="",
                becomes="dane-only",
                becomes_note="",
                asks="more",
                asks_word="more",
                state="ok",
                word="deliver, Verified",
            ),
        ],
        "findings": [
            Row(
                state="bad",
                title="Polder Logistics would be deferred",
                key="polder-logistics.example",
                text="With secure both hosts are refused: they show mail.hosting.example. Seen 11 minutes ago.",
            ),
            Row(
                state="ok",
                title="1,296 lines read and written back the same",
                key="",
                text="No empty line, no doubled key, no attribute unknown to Postfix 3.7.",
            ),
        ],
    }


def _choices() -> dict[str, Any]:
    dangers = ("listening on the line", "a wrong or false server", "a changed MX record", "a false certificate")

    def card(level: str, plain: str, guards: str, host: tuple[str, str], cost: tuple[str, str], **more: Any) -> Row:
        protects = [Row(state=state, text=text) for state, text in zip(guards.split(), dangers, strict=True)]
        return Row(
            value=level,
            level=level,
            of=more.get("of", ""),
            recommended=more.get("recommended", False),
            plain=plain,
            protects=protects,
            hosts=[Row(state=host[0], mx_host="mx1, mx2", text=host[1])],
            cost=cost[0],
            cost_note=cost[1],
            possible=more.get("possible", True),
        )

    year = "steps a year"
    return {
        "proposals": [
            card(
                "encrypt", "Encrypted, but to whoever answers.", "ok no no no", ("ok", "deliver, Trusted"), ("0", year)
            ),
            card(
                "secure",
                "Their certificate must carry one of the agreed names.",
                "ok ok ok weak",
                ("ok", "deliver, Verified"),
                ("0", f"{year}; renewals pass by themselves"),
                recommended=True,
            ),
            card(
                "fingerprint",
                "Exactly this key, whoever signed it.",
                "ok ok ok ok",
                ("ok", "deliver, Verified"),
                ("2 to 8", f"{year}: they make a new key at each renewal"),
                of="of the key",
            ),
            card(
                "dane-only",
                "The key that their signed DNS names.",
                "ok ok ok ok",
                ("bad", "skipped: DNS not signed"),
                ("not possible", "would be the best of both; ask them"),
                possible=False,
            ),
        ]
    }


def _counts() -> dict[str, Any]:
    counts = [("ok", "as agreed", 1231), ("roll", "rolling", 31), ("weak", "weaker than agreed", 9)]
    counts += [("pend", "pending", 6), ("unk", "unknown", 5), ("bad", "violated", 2)]
    return {
        "slices": drawings.share([(state, count) for state, _word, count in counts]),
        "arcs": drawings.donut([(state, word, count, "#") for state, word, count in counts]),
    }
