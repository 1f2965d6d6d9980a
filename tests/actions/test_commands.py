"""The commands at the console act by the same rules as the pages."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from partners.actions.invitations import open_invitation
from partners.actions.maps import GroupMap
from partners.management.map_files import write_whole
from partners.models import Artefact, AuditEntry, Channel, Invitation, Partner, RelayGroup, Release
from tests.actions.at_head import at_head
from tests.actions.people import approver
from tests.kit.ca import root_ca
from tests.kit.lifted import lifted

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


class TestInvite:
    def test_it_prints_a_link_that_works(self) -> None:
        """The token is the last part of the address."""
        approver()
        Partner.objects.create(name="Acme")

        link = run("invite", "pat@acme.example", "--role", "partner", "--partner", "Acme").strip()

        token = link.rstrip("/").rsplit("/", 1)[1]
        assert open_invitation(token, now=timezone.now()).email == "pat@acme.example"

    def test_what_waits_for_a_second_person_has_no_link(self) -> None:
        """Nothing that could be used is printed."""
        approver()
        approver("bob")

        assert run("invite", "eda@house.example", "--role", "editor", "--by", "ann@house.example") == ""
        assert Invitation.objects.get().sha256 is None

    def test_where_mail_is_sent_the_link_is_not_printed(self, settings: Any) -> None:
        """It goes to the address; a relay that is gone is one line, and the invitation stands."""
        approver()
        settings.MAIL_CONFIGURED = True
        assert run("invite", "eda@house.example", "--role", "editor") == ""
        assert "/invitations/" in mail.outbox[0].body

        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        with pytest.raises(CommandError, match="send it again"):
            run("invite", "eva@house.example", "--role", "editor")
        assert Invitation.objects.filter(email="eva@house.example").exists()

    def test_the_first_person_needs_nobody(self) -> None:
        """An empty portal is opened from the console."""
        run("invite", "ann@house.example", "--role", "approver")

        assert Invitation.objects.get().invited_by is None

    @pytest.mark.parametrize(
        ("words", "cause"),
        [
            (("--role", "partner", "--partner", "Nobody"), "no such partner"),
            (("--role", "partner"), "name one"),
            (("--role", "editor", "--by", "x@y.example"), "no such account"),
            (("--role", "king"), "invalid choice"),
        ],
    )
    def test_a_mistake_is_one_line(self, words: tuple[str, ...], cause: str) -> None:
        """It names what is wrong."""
        approver()
        with pytest.raises(CommandError, match=cause):
            run("invite", "pat@acme.example", *words)

    def test_of_two_approvers_one_is_named(self) -> None:
        """The audit trail never guesses who acted."""
        approver()
        approver("bob")
        with pytest.raises(CommandError, match="--by"):
            run("invite", "pat@acme.example", "--role", "editor")


TABLE = """\
# Acme, contract 7
acme.example secure match=nexthop:mx.acme.example
[mx.bank.example]:587 encrypt protocols=>=TLSv1.2
broken.example strong
acme.example none
two words.example
*.star.example encrypt
anchored.example secure tafile=/etc/postfix/a.pem
xn--bcher-kva.example\tfingerprint match={digest}
# the end
""".format(digest=":".join(["AB"] * 32))


class TestImportPolicy:
    def test_every_line_is_taken_or_reported(self, tmp_path: Path) -> None:
        """Numbers are those of the file; nothing is dropped."""
        approver()
        report, code = imported(tmp_path, TABLE)

        assert code == 1
        states = {line["number"]: line["state"] for line in report["lines"]}
        assert states == {
            2: "taken",
            3: "taken",
            4: "refused",
            5: "refused",
            6: "refused",
            7: "refused",
            8: "refused",
            9: "taken",
        }
        assert all(line["cause"] for line in report["lines"] if line["state"] == "refused")

    def test_comments_stay_with_their_entry(self, tmp_path: Path) -> None:
        """Those at the end with the last one."""
        approver()
        imported(tmp_path, TABLE)

        assert Channel.objects.get(nexthops__key="acme.example").comment == "Acme, contract 7"
        assert Channel.objects.get(nexthops__key="bücher.example").comment == "the end"

    def test_a_second_import_changes_nothing(self, tmp_path: Path) -> None:
        """What is there already is said to be."""
        approver()
        imported(tmp_path, TABLE)
        report, _code = imported(tmp_path, TABLE)

        assert (report["taken"], report["present"]) == (0, 3)
        assert Channel.objects.count() == 3

    def test_a_dry_run_writes_nothing(self, tmp_path: Path) -> None:
        """And tells the same."""
        approver()
        report, _code = imported(tmp_path, TABLE, "--dry-run")

        assert report["taken"] == 3
        assert not Partner.objects.exists()
        assert not AuditEntry.objects.exists()

    def test_what_cannot_be_read_is_one_line(self, tmp_path: Path) -> None:
        """A missing file is no traceback."""
        approver()
        with pytest.raises(CommandError, match="No such file"):
            run("import_policy", str(tmp_path / "none"))

    @pytest.mark.parametrize(
        "content", [b"\xff\xfe\x00", b"\x00", b"a\x00b encrypt\n", b"\xef\xbb\xbfa.example encrypt\n"]
    )
    def test_odd_bytes_are_reported(self, content: bytes, tmp_path: Path) -> None:
        """Nothing odd becomes an entry."""
        approver()
        file = tmp_path / "policy"
        file.write_bytes(content)

        with pytest.raises(SystemExit):
            run("import_policy", str(file))
        assert not Channel.objects.exists()


def at_release(one: GroupMap) -> Artefact:
    """Return *one* as the artefact of the published release."""
    boss = approver()
    release = Release.objects.create(
        number=1, author=boss, needs_second=False, published_at=timezone.now(), published_by=boss
    )
    artefact = Artefact.objects.create(release=release, **one.columns)
    at_head(release)
    return artefact


class TestExportPolicy:
    def test_nothing_published_is_said(self) -> None:
        """A draft is never exported."""
        RelayGroup.objects.create(name="main")
        with pytest.raises(CommandError, match="nothing is published"):
            run("export_policy", "--group", "main")

    def test_a_file_is_replaced_whole_or_not_at_all(self, tmp_path: Path) -> None:
        """Mode kept, no draft left behind; a directory that cannot be written leaves the old file."""
        target = tmp_path / "tls_policy"
        target.write_text("old")
        target.chmod(0o640)

        write_whole(target, b"new\n")

        assert target.read_bytes() == b"new\n"
        assert target.stat().st_mode & 0o777 == 0o640
        assert list(tmp_path.iterdir()) == [target]
        with pytest.raises(OSError, match="No such file"):
            write_whole(tmp_path / "missing" / "tls_policy", b"x")

    def test_what_the_map_needs_lies_beside_it(self, tmp_path: Path) -> None:
        """The CA set and each tafile are written before the map, and named; the relays' own place is told."""
        ca, own = root_ca("A public CA").pem, root_ca("Own").pem
        group = RelayGroup.objects.create(name="main", ca_pem=ca)
        text = "a.example\tsecure tafile=/etc/postfix/tlsportal/00.pem\n"
        at_release(GroupMap(group, text, {"/etc/x/00.pem": own}, ca))

        told = run("export_policy", "-o", str(tmp_path / "tls_policy"))

        assert [Path(line).name for line in told.split()] == ["ca.pem", "00.pem", "tls_policy"]
        assert ((tmp_path / "ca.pem").read_text(), (tmp_path / "00.pem").read_text()) == (ca, own)
        with pytest.raises(CommandError, match="otherwise"):
            run("export_policy", "-o", str(tmp_path / "ca.pem"))

    def test_a_set_that_is_given_up_is_not_taken_away(self, tmp_path: Path) -> None:
        """Postfix has no TLS at all while main.cf names a file that is gone; another group's set is not overwritten."""
        group = RelayGroup.objects.create(name="main", ca_pem="one")
        target = tmp_path / "tls_policy"
        released = at_release(GroupMap(group, "a.example\tsecure\n", {}, root_ca("A public CA").pem))
        run("export_policy", "-o", str(target))

        with lifted():
            Artefact.objects.filter(pk=released.pk).update(**GroupMap(group, "a.example\tsecure\n", {}, "").columns)
        with pytest.raises(CommandError, match="postconf -X"):
            run("export_policy", "-o", str(target))
        (tmp_path / "ca.pem").unlink()
        run("export_policy", "-o", str(target))
        assert (target.read_text(), (tmp_path / "ca.pem").is_symlink()) == ("a.example\tsecure\n", False)

    def test_another_maps_set_is_not_overwritten(self, tmp_path: Path) -> None:
        """Two groups in one directory share ca.pem only while it is the same."""
        group = RelayGroup.objects.create(name="main", ca_pem="one")
        one = GroupMap(group, "a.example\tsecure\n", {}, root_ca("A public CA").pem)
        released = at_release(one)
        run("export_policy", "-o", str(tmp_path / "tls_policy"))
        run("export_policy", "-o", str(tmp_path / "of_others"))

        with lifted():
            Artefact.objects.filter(pk=released.pk).update(**replace(one, ca_pem=root_ca("Other").pem).columns)
        with pytest.raises(CommandError, match="its own directory"):
            run("export_policy", "-o", str(tmp_path / "tls_policy"))

    def test_an_unknown_group_is_named(self) -> None:
        """With those there are."""
        RelayGroup.objects.create(name="main")
        with pytest.raises(CommandError, match="main"):
            run("export_policy", "--group", "other")


def imported(tmp_path: Path, text: str, *words: str) -> tuple[dict[str, Any], int]:
    file = tmp_path / "tls_policy"
    file.write_text(text)
    out, code = StringIO(), 0
    try:
        call_command("import_policy", str(file), "--json", *words, stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return json.loads(out.getvalue()), code
