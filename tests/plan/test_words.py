"""The field's words: names that say nothing, or say another field's word, are not defined."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.plan.sources import Source, sources

EMPTY_WORDS = {"util", "utils", "helper", "helpers", "common", "misc", "service", "manager", "data", "info"}
EMPTY_BEGINNINGS = ("handle_", "process_", "do_")
# whole names of the house's table of words that are never right
OTHER_WORDS = {
    "ca_path",
    "sni_name",
    "cert_data",
    "expiry_date",
    "thumbprint",
    "trusted_cert",
    "whitelist",
    "blacklist",
}
# bare, and a text: then it is a nexthop, an mx_host or a relay (a HostFacts may be called host)
TEXT_WORDS = {"domain", "host", "server"}
# Names that somebody else's contract demands.
BORROWED = {
    "UserManager",  # Django's meaning of manager
    "DATA_DIR",  # TLSPORTAL_DATA_DIR: what an administrator calls it
    "DATA_UPLOAD_MAX_MEMORY_SIZE",
    "DATA_UPLOAD_MAX_NUMBER_FIELDS",
    "DATA_UPLOAD_MAX_NUMBER_FILES",
    "_COMMON_NAME",  # X.520 commonName
    "common_names",
    "_SIGNED_DATA",  # RFC 5652 SignedData
}
BORROWED_IN = {
    ("partners/core/observation.py", "data"),  # RFC 6698 certificate association data
    ("partners/core/names.py", "host"),  # the grammar of a nexthop: [host]:port
    ("partners/management/commands/demo_data.py", "demo_data"),  # the command's name, as users type it
    ("tlsportal/middleware.py", "process_response"),  # Django's name for this step of a middleware
}


def defined_names(source: Source) -> Iterator[tuple[str, int, bool]]:
    """Every name that *source* gives to a thing of its own, its line, and whether it is annotated as a text."""
    for node in ast.walk(source.tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, node.lineno, False
            case ast.arg(arg=name, annotation=annotation):
                yield name, node.lineno, is_text(annotation)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                yield name, node.lineno, is_text(annotation)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, node.lineno, False
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name, node.lineno, False
    yield source.path.stem, 1, False


def is_text(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "str"


def is_banned(name: str, *, text: bool = False) -> bool:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
    if name in BORROWED:
        return False
    empty = bool(set(words.split("_")) & EMPTY_WORDS) or words.startswith(EMPTY_BEGINNINGS)
    return empty or words in OTHER_WORDS or (text and words in TEXT_WORDS)


@pytest.mark.parametrize("name", ["UserInfo", "handle_upload", "map_data", "RelayService"])
def test_empty_names_are_found(name):
    """The measure itself bites."""
    assert is_banned(name)


def test_a_text_called_host_is_found():
    """A text has the field's name for what it is; facts about a host may be called host."""
    assert is_banned("host", text=True)
    assert not is_banned("host")


@pytest.mark.parametrize("name", ["mx_host", "handle", "domains_seen", "database", "informed", "UserManager"])
def test_sound_names_pass(name):
    """A word that only looks like a banned one is none."""
    assert not is_banned(name)


def test_no_banned_name_is_defined():
    """Identifiers of ours use the words of the house."""
    found = {
        f"{source.name}:{line} {name}"
        for source in sources("partners", "tlsportal")
        for name, line, text in defined_names(source)
        if is_banned(name, text=text) and (source.name, name) not in BORROWED_IN
    }

    assert sorted(found) == []
