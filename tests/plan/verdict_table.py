"""The table of reasons in docs/verdict.md, made of the code: `python -m tests.plan.verdict_table` writes it anew."""

from pathlib import Path

from partners.core.reasons import REASON_TEXTS, SOURCES, Reason, command_by_hand
from tests.plan.sources import BASE

DOCUMENT = BASE / "docs" / "verdict.md"
BEGIN, END = "<!-- reasons: made by tests/plan/verdict_table.py -->\n", "<!-- end of reasons -->\n"


def table() -> str:
    """Return the table, worst reason first."""
    rows = [
        "| code | what it means | what the partner is told | command by hand | decided in |",
        "| --- | --- | --- | --- | --- |",
    ]
    for reason in Reason:
        command = command_by_hand(reason, nexthop="example.com", mx_host="mx.example.com", address="192.0.2.1")
        shown = f"`{command}`".replace("|", r"\|") if command else "-"
        texts = REASON_TEXTS[reason]
        rows.append(
            f"| `{reason}` | {texts.team} | {texts.partner} | {shown} | {SOURCES.get(reason) or 'the portal'} |"
        )
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """Return the document with the table of this moment."""
    before, _, rest = text.partition(BEGIN)
    _old, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def main() -> None:
    """Write the document anew."""
    path: Path = DOCUMENT
    path.write_text(with_table(path.read_text()))


if __name__ == "__main__":
    main()
