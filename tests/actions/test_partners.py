"""Partners and channels: what Postfix would refuse is refused, and nothing is done by half."""

from datetime import date, timedelta
from typing import Any

import pytest

from partners.actions import partners
from partners.actions.changes import claim_keys
from partners.actions.drafts import draft_of
from partners.actions.partners import (
    add_partner,
    check_partner,
    draft_with,
    edit_channel,
    end_relaxations,
    lower_until,
    remove_channel,
)
from partners.actions.releases import cut
from partners.core.errors import ActionRefused, NotAllowed, RefusedInput, StaleRefused
from partners.core.levels import Protection, SecurityLevel
from partners.models import AuditEntry, Change, Channel, Nexthop, Partner, RelayGroup, User
from tests.actions.people import NOON, editor, member, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def eda() -> User:
    RelayGroup.objects.create(name="main")
    return editor()


def add(by: User, name: str = "Acme", nexthops: str = "acme.example", level: str = "secure", **fields: Any) -> Change:
    return add_partner(name, nexthops, level, "ca-and-name", by=by, now=NOON, **fields)


class TestAddPartner:
    def test_the_first_partner_brings_the_first_relay_group(self) -> None:
        """In a fresh portal a draft can be cut at once: nobody has to know of relay groups before there are two."""
        change = add(editor())

        assert [(one.group.name, one.text) for one in cut([change], by=change.author, now=NOON).maps.all()] == [
            ("main", "acme.example\tsecure\n")
        ]

    def test_partner_channel_keys_change_and_audit_come_together(self, eda: User) -> None:
        """One act, one entry in the trail."""
        change = add_partner(
            "Acme", "acme.example", SecurityLevel.SECURE, Protection.CA_NAME,
            basis="contract 7", review_on=date(2027, 1, 1), match="nexthop", by=eda, now=NOON,
        )  # fmt: skip

        channel = Channel.objects.get(partner__name="Acme")
        assert change.before is None
        assert change.after == draft_of(channel)
        assert (channel.level, channel.match, channel.review_on) == ("secure", "nexthop", date(2027, 1, 1))
        assert [nexthop.key for nexthop in channel.nexthops.all()] == ["acme.example"]
        assert AuditEntry.objects.get().act == "channel.added"

    def test_an_internationalised_name_gets_both_keys(self, eda: User) -> None:
        """Postfix looks up what the sender wrote."""
        change = add(eda, nexthops="bücher.example")

        assert change.after["nexthops"] == ["bücher.example", "xn--bcher-kva.example"]

    @pytest.mark.parametrize(
        ("nexthops", "fields"),
        [
            ("acme.example\nevil.example none", {}),
            ("acme example", {}),
            ("", {}),
            ("acme.example", {"match": "nexthop servername=evil.example"}),
            ("acme.example", {"match": "a.example,b.example"}),
            ("acme.example", {"match": "x\u202ey.example"}),
            ("acme.example", {"servername": "a b"}),
            ("acme.example", {"ciphers": "high protocols=!TLSv1"}),
            ("acme.example", {"exclude": "aNULL\tmatch=x"}),
            ("acme.example", {"protocols": ">=TLSv1\x00"}),
            ("acme.example", {"level": "encrypt", "match": "nexthop"}),
            ("acme.example", {"level": "strong"}),
            ("acme.example", {"partner_id": "7"}),
            ("acme.example", {"review_on": "tomorrow"}),
        ],
    )
    def test_what_postfix_would_refuse_or_misread_leaves_nothing(self, nexthops: str, fields: Any, eda: User) -> None:
        """No text can put a second line, attribute or comment into the map."""
        with pytest.raises(RefusedInput):
            add(eda, nexthops=nexthops, **fields)

        assert not Partner.objects.exists()
        assert not Channel.objects.exists()
        assert not AuditEntry.objects.exists()

    def test_a_comment_stays_a_comment(self, eda: User) -> None:
        """Its lines are kept, and none of them becomes an entry."""
        change = add(eda, comment="ask Kim\nevil.example none\n# x")

        assert change.after["comment"] == "ask Kim\nevil.example none\n# x"

    def test_a_key_is_one_channels(self, eda: User) -> None:
        """In any case and form of the name, and nothing of the second partner stays."""
        add(eda, nexthops="bücher.example")

        with pytest.raises(RefusedInput):
            add(eda, "Other", nexthops="XN--BCHER-KVA.example")
        assert not Partner.objects.filter(name="Other").exists()

    @pytest.mark.parametrize(
        ("there", "new"),
        [
            pytest.param("straße.example", "strasse.example", id="folded"),
            pytest.param("strasse.example", "straße.example", id="unfolded"),
            pytest.param("strasse.example", "STRASSE.example", id="case"),
            pytest.param("straße.example", "xn--strae-oqa.example", id="A-label"),
            pytest.param(".strasse.example", ".straße.example", id="dotted"),
        ],
    )
    def test_keys_that_postfix_folds_alike_are_one(self, there: str, new: str, eda: User) -> None:
        """A table with both would fail as a whole; the mail team is told whose row is in the way."""
        add(eda, nexthops=there)

        with pytest.raises(RefusedInput, match="partner Acme has"):
            add(eda, "Other", nexthops=new)
        assert not Partner.objects.filter(name="Other").exists()

    def test_two_keys_of_one_channel_fold_alike(self, eda: User) -> None:
        """The same within one channel, whose other key stays until a release."""
        with pytest.raises(RefusedInput, match="same key as"):
            add(eda, nexthops=["strasse.example", "straße.example"])

        channel = add(eda, nexthops="straße.example").channel
        with pytest.raises(RefusedInput, match="which this channel has"):
            edit_channel(channel, {"nexthops": "strasse.example"}, version=1, by=eda, now=NOON)

    def test_the_database_takes_one_of_them(self, eda: User) -> None:
        """Of two editors at the same moment one is refused, whatever the check before has seen."""
        first, second = (add(eda, name, f"{name}.example").channel for name in ("a", "b"))
        Nexthop.objects.create(channel=first, key="straße.example")

        with pytest.raises(RefusedInput):
            claim_keys(second, ["strasse.example"], now=NOON)

    def test_nobody_else_is_told_who_has_a_key(self, eda: User) -> None:
        """A refusal without an editor behind it names no partner and no key of another."""
        acme = add(eda, nexthops="straße.example").channel.partner
        pat = member(acme, invited_by=eda)
        fields = {"nexthops": "strasse.example", "level": "secure", "agreed": "ca-and-name"}

        for by in (None, pat):
            for told in (lambda by: check_partner("X", fields, by=by), lambda by: draft_with(fields, by=by)):
                with pytest.raises(RefusedInput) as refused:
                    told(by)
                assert "Acme" not in str(refused.value)
                assert "straße" not in str(refused.value)
        with pytest.raises(NotAllowed) as forbidden:
            add(pat, "X", nexthops="strasse.example")
        assert "Acme" not in str(forbidden.value)

    def test_a_name_is_one_partners(self, eda: User) -> None:
        """A further channel is added to the partner there is."""
        first = add(eda)
        with pytest.raises(RefusedInput):
            add(eda, nexthops="[mx.acme.example]:25")

        add(eda, nexthops="[mx.acme.example]:25", partner=first.channel.partner)
        assert first.channel.partner.channels.count() == 2

    def test_the_oldest_relay_decides(self, eda: User) -> None:
        """What one group's Postfix cannot take is refused for all."""
        RelayGroup.objects.create(name="old", postfix="3.3.0")

        with pytest.raises(RefusedInput, match="old"):
            add(eda, servername="mx.acme.example")

    def test_only_the_mail_team_adds(self, eda: User) -> None:
        """Partner and management do not."""
        acme = add(eda).channel.partner
        for somebody in (member(acme, invited_by=eda), person("boss", User.Role.MANAGEMENT)):
            with pytest.raises(NotAllowed):
                add(somebody, "Other", nexthops="other.example")


class TestEditChannel:
    def test_a_change_holds_before_and_after(self, eda: User) -> None:
        """The row shows the newest draft, and its version moves."""
        channel = add(eda).channel

        change = edit_channel(channel, {"match": "mx.acme.example"}, version=1, by=eda, now=NOON)

        assert (change.before or {})["match"] == ""
        assert change.after["match"] == "mx.acme.example"
        channel.refresh_from_db()
        assert (channel.match, channel.version) == ("mx.acme.example", 2)

    def test_of_two_editors_the_second_one_is_told(self, eda: User) -> None:
        """Nobody overwrites what was not seen."""
        channel = add(eda).channel
        edit_channel(channel, {"match": "a.example"}, version=1, by=eda, now=NOON)

        with pytest.raises(StaleRefused):
            edit_channel(channel, {"match": "b.example"}, version=1, by=eda, now=NOON)

    def test_a_level_without_match_does_not_drop_it_silently(self, eda: User) -> None:
        """The caller has to empty what the level does not take."""
        channel = add(eda, match="nexthop").channel

        with pytest.raises(RefusedInput):
            edit_channel(channel, {"level": "encrypt", "agreed": "encrypted"}, version=1, by=eda, now=NOON)
        emptied = {"level": "encrypt", "agreed": "encrypted", "match": ""}
        assert edit_channel(channel, emptied, version=1, by=eda, now=NOON)

    def test_nothing_falls_below_the_agreement_without_an_end(self, eda: User) -> None:
        """What is lowered has a day on which it returns, or another agreement."""
        channel = add(eda, match="nexthop").channel

        with pytest.raises(RefusedInput, match=r"\(CA and name\), and would be so without an end"):
            edit_channel(channel, {"level": "encrypt", "match": ""}, version=1, by=eda, now=NOON)
        assert not Change.objects.filter(channel=channel, before__isnull=False).exists()

    def test_a_removed_channel_keeps_its_key_until_the_release(self, eda: User) -> None:
        """The published map may still hold it."""
        channel = add(eda).channel
        assert remove_channel(channel, version=1, by=eda, now=NOON).after["removed"]

        assert Nexthop.objects.filter(key="acme.example").exists()
        with pytest.raises(StaleRefused):
            edit_channel(channel, {"match": "a.example"}, version=2, by=eda, now=NOON)


class TestRelaxation:
    def test_it_returns_by_itself(self, eda: User) -> None:
        """On its day the old entry is drafted again; the agreement never moved."""
        channel = add(eda, match="nexthop").channel
        tomorrow = NOON + timedelta(days=1)
        lower_until(
            channel, {"level": "encrypt", "match": ""}, until=tomorrow, reason="their CA", version=1, by=eda, now=NOON
        )
        assert draft_of(channel)["level"] == "encrypt"
        assert draft_of(channel)["agreed"] == "ca-and-name"
        assert end_relaxations(now=NOON) == []

        [change] = end_relaxations(now=tomorrow)

        assert (change.after["level"], change.after["match"]) == ("secure", "nexthop")
        assert change.after["lowered_until"] == ""
        assert end_relaxations(now=tomorrow) == []

    def test_one_that_is_saved_at_this_moment_stops_no_other(self, eda: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """The others end now, this one with the next tick."""
        tomorrow = NOON + timedelta(days=1)
        first, second = add(eda).channel, add(eda, "Bolt", "bolt.example").channel
        for row in (first, second):
            lower_until(row, {"level": "may"}, until=tomorrow, reason="x", version=1, by=eda, now=NOON)
        read = partners.draft_and_row

        def overtaken(pk: int) -> tuple[Channel, dict[str, Any]]:
            found = read(pk)
            Channel.objects.filter(pk=first.pk, version=2).update(version=3)
            return found

        monkeypatch.setattr(partners, "draft_and_row", overtaken)

        assert [change.channel for change in end_relaxations(now=tomorrow)] == [second]
        assert [change.channel for change in end_relaxations(now=tomorrow)] == [first]

    def test_it_lowers_something(self, eda: User) -> None:
        """A reason and a day alone are no relaxation."""
        with pytest.raises(ActionRefused):
            lower_until(add(eda).channel, {}, until=NOON + timedelta(1), reason="x", version=1, by=eda, now=NOON)

    @pytest.mark.parametrize("fields", [{"agreed": "none"}, {"nexthops": "other.example"}])
    def test_it_never_lowers_the_agreement(self, fields: dict[str, str], eda: User) -> None:
        """Lowering an entry never turns red into green."""
        with pytest.raises(ActionRefused):
            lower_until(add(eda).channel, fields, until=NOON + timedelta(1), reason="x", version=1, by=eda, now=NOON)

    @pytest.mark.parametrize(("days", "reason"), [(0, "x"), (-1, "x"), (1, " "), (185, "x")])
    def test_it_has_an_end_and_a_reason(self, days: int, reason: str, eda: User) -> None:
        """An open end is no relaxation."""
        with pytest.raises(ActionRefused):
            lower_until(
                add(eda).channel, {"level": "may"}, until=NOON + timedelta(days), reason=reason, version=1, by=eda,
                now=NOON,
            )  # fmt: skip
