"""English sentences that can be told in another language later."""

import copy
import pickle

import pytest

from partners.core.entry import PolicyEntry
from partners.core.errors import EntryRefused, NameRefused
from partners.core.levels import SecurityLevel
from partners.core.names import Nexthop
from partners.core.wording import Filled, fill, told

GERMAN = {
    "{subject}: {cause}": "{subject}: {cause}",
    "{subject}: {cause}; {cure}": "{subject}: {cause}; {cure}",
    "nexthop {key}": "Nexthop {key}",
    "nothing": "nichts",
    "{text} is no port": "{text} ist kein Port",
    "leave it out": "weglassen",
    "write {key}": "{key} schreiben",
}


def german(text: str) -> str:
    """A translator that knows a few sentences and leaves the rest as it is, as gettext does."""
    return GERMAN.get(text, text)


def test_a_filled_text_is_english_where_nobody_translates():
    """Logs, commands and comparisons see the filled text."""
    assert fill("{text} is no port", text=99999) == "99999 is no port"


def test_a_filled_text_is_told_with_its_parts():
    """The template is translated, then filled in; a part that is filled itself is told as well."""
    assert told(fill("{text} is no port", text=fill("nothing")), german) == "nichts ist kein Port"


def test_a_part_is_never_a_template():
    """Braces that came from outside are shown, not formatted, and a typed word is not looked up."""
    assert told(fill("nexthop {key}", key="{text}"), german) == "Nexthop {text}"
    assert told(fill("nexthop {key}", key="nothing"), german) == "Nexthop nothing"


def test_a_plain_text_is_looked_up_whole():
    """A marked constant is translated; what nobody knows, and a brace in it, stay."""
    assert told("leave it out", german) == "weglassen"
    assert told("somebody typed {this}", german) == "somebody typed {this}"


def test_nothing_stays_nothing():
    """gettext answers an empty text with the header of its catalogue."""
    assert told("", lambda _text: "Project-Id-Version") == ""


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda text: pickle.loads(pickle.dumps(text))])
def test_a_copy_can_be_told_too(copied):
    """Rows are copied and cached; they keep how they were made."""
    assert told(copied(fill("nexthop {key}", key="a")), german) == "Nexthop a"


def test_an_error_is_told_as_one_sentence():
    """Subject, cause and cure, each in the language; str() stays English."""
    error = EntryRefused(fill("nexthop {key}", key="a.example"), "{odd}", "leave it out")

    assert str(error) == "nexthop a.example: {odd}; leave it out"
    assert error.told_in(german) == "Nexthop a.example: {odd}; weglassen"


def test_an_error_within_an_error_is_told_to_its_end():
    """A name in match= is refused by the name's own rule, which is a sentence of its own."""
    with pytest.raises(EntryRefused) as refused:
        PolicyEntry(Nexthop.parse("a.example"), SecurityLevel.SECURE, match=("b.example.",))

    assert isinstance(refused.value.cause, Filled)
    assert "b.example schreiben" in refused.value.told_in(german)


def test_a_name_keeps_its_template():
    """What is refused of a nexthop can be told in the reader's language."""
    with pytest.raises(NameRefused) as refused:
        Nexthop.parse("a.example:99999")

    assert refused.value.told_in(german).startswith("Nexthop a.example:99999: 99999 ist kein Port")
