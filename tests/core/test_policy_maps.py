"""smtp_tls_policy_maps: tables of several kinds, beside what the real postmap finds in them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from partners.core.errors import SettingsRefused
from partners.core.names import lookup_keys
from partners.core.policy_maps import Found, find_policy, read_sources, rows
from partners.core.relay import PostfixRelease

RELEASE = PostfixRelease(3, 7, 11)
NEXTHOPS = ["a.example", "b.a.example", "B.Example", "[mx.example]:587", "other.test", "x.y.other.test"]


class Disk:
    """Files below a directory, read as they are."""

    def read(self, path: str, *, reader: str = "", within: str = "") -> bytes | None:
        try:
            return Path(path).read_bytes()
        except OSError:
            return None

    def names(self, path: str) -> list[str]:
        return [entry.name for entry in Path(path).iterdir()]


TABLE = "a.example\tsecure\n.a.example verify match=x\nb.example encrypt\n[mx.example]:587 may\n"
RULES = "# c\n/^\\[mx\\./ encrypt\n/^(.+)\\.other\\.test$/i secure match=$1.test\n!/example/ none\n"
SOURCES = [
    pytest.param("texthash:{d}/table", {"table": TABLE}, id="texthash"),
    pytest.param("inline:{a.example=secure, {.a.example = verify match=x}, {b.example = may}}", {}, id="inline"),
    pytest.param("inline:{ a.example=secure }", {}, id="inline-blanks"),
    pytest.param("static:encrypt", {}, id="static"),
    pytest.param("static:{secure match=.example}", {}, id="static-braces"),
    pytest.param("regexp:{d}/rules", {"rules": RULES}, id="regexp"),
    pytest.param("regexp:{d}/rules", {"rules": "/A\\.EXAMPLE/ may\n"}, id="regexp-case"),
    pytest.param("texthash:{d}/nowhere", {}, id="missing"),
    pytest.param("inline:{a.example}", {}, id="inline-broken"),
]


@pytest.mark.skipif(shutil.which("postmap") is None, reason="postmap is part of the Debian package postfix")
@pytest.mark.parametrize(("maps", "files"), SOURCES)
def test_finds_what_postmap_finds(tmp_path: Path, maps: str, files: dict[str, str]):
    """Each next-hop, key by key; where a lookup fails, the table is broken here too."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")
    word = maps.replace("{d}", str(tmp_path))

    def found(nexthop: str) -> tuple[str, str] | str | None:
        for key in lookup_keys(nexthop):
            done = subprocess.run(
                ["postmap", "-c", str(tmp_path), "-q", key, word],
                capture_output=True,
                text=True,
                check=False,
                timeout=20,
            )
            if done.returncode and done.stderr.strip():
                return "broken"
            if done.stdout:
                return key, done.stdout.removesuffix("\n")
        return None

    for nexthop in NEXTHOPS:
        ours = find_policy(read_sources(word, RELEASE, Disk()), nexthop)
        told = "broken" if ours.broken else None if ours.key is None else (ours.key, ours.value)
        assert (nexthop, told) == (nexthop, found(nexthop))


def test_one_duplicate_key_breaks_a_texthash_table(tmp_path: Path):
    """For every next-hop; postmap only warns, smtp(8) opens the table without that flag (dict_thash_open())."""
    (tmp_path / "table").write_text(TABLE + "a.example may\n")

    assert (
        "stands in line 1" in find_policy(read_sources(f"texthash:{tmp_path}/table", RELEASE, Disk()), "x.test").broken
    )


def test_all_tables_are_asked_for_one_key_before_the_next(tmp_path: Path):
    """An exact key in the last table beats a parent in the first."""
    (tmp_path / "first").write_text(".example may\n")
    sources = read_sources(f"texthash:{tmp_path}/first, inline:{{a.example=secure}}", RELEASE, Disk())

    assert find_policy(sources, "a.example") == Found("a.example", "secure")


def test_a_compiled_table_is_read_by_its_source(tmp_path: Path):
    """The file that postmap compiled has to be there as well."""
    (tmp_path / "table").write_text(TABLE)
    without = find_policy(read_sources(f"hash:{tmp_path}/table", RELEASE, Disk()), "a.example")
    (tmp_path / "table.db").write_bytes(b"compiled")
    with_it = find_policy(read_sources(f"proxy:hash:{tmp_path}/table", RELEASE, Disk()), "a.example")

    assert (bool(without.broken), with_it) == (True, Found("a.example", "secure"))


@pytest.mark.parametrize(
    "maps", ["pgsql:/etc/postfix/tls.cf", "hash:{d}/table", "pcre:{d}/rules", "socketmap:inet:h:1:n", "tls_policy"]
)
def test_what_cannot_be_read_here_is_not_known(tmp_path: Path, maps: str):
    """Neither an entry nor its absence is made up."""
    (tmp_path / "table.db").write_bytes(b"compiled")
    (tmp_path / "rules").write_text("if /x/\n/y/ may\nendif\n")

    found = find_policy(read_sources(maps.replace("{d}", str(tmp_path)), RELEASE, Disk()), "a.example")

    assert (bool(found.unknown), found.key, found.broken) == (True, None, "")


@pytest.mark.parametrize("maps", ["inline:{a=b", "inline:a=b}", "inline:a=b"])
def test_broken_braces_are_refused(maps: str):
    """Postfix does not start with them."""
    with pytest.raises(SettingsRefused, match="smtp_tls_policy_maps"):
        read_sources(maps, RELEASE, Disk())


def test_rows_keep_the_first_of_two_equal_keys():
    """As postmap does when it compiles."""
    assert find_policy([rows([("A.example", "may"), ("a.EXAMPLE", "none")])], "a.example").value == "may"
