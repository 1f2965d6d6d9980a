"""docs/verdict.md speaks of each reason that the code knows, in its words."""

from partners.core.outcome import Delivery, TlsStatus
from partners.core.reasons import SOURCES, Reason
from tests.plan.verdict_table import BEGIN, DOCUMENT, END, with_table


def test_the_table_of_reasons_is_that_of_the_code() -> None:
    """`python -m tests.plan.verdict_table` writes it anew."""
    text = DOCUMENT.read_text()

    assert text.count(BEGIN) == text.count(END) == 1
    assert text == with_table(text)
    assert [reason for reason in Reason if f"| `{reason}` |" not in text] == []


def test_each_word_of_a_verdict_is_explained() -> None:
    """Whatever stands in "status" and "tls_status"."""
    text = DOCUMENT.read_text()

    assert [word.value for word in (*Delivery, *TlsStatus) if f"`{word.value}`" not in text] == []


def test_each_reason_of_postfix_names_its_source() -> None:
    """The others are the portal's own."""
    assert set(Reason) - set(SOURCES) == {Reason.NOT_MEASURED, Reason.BELOW_AGREED, Reason.NOT_RELEASED}
