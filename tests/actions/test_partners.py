"""Partners and channels: what Postfix would refuse is refused, and nothing is done by half."""

from datetime import date, timedelta
from typing import Any

import pytest

from partners.actions.drafts import draft_of
from partners.actions.partners import add_partner, edit_channel, end_relaxations, lower_until, remove_channel
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
            edit_channel(channel, {"level": "encrypt"}, version=1, by=eda, now=NOON)
        assert edit_channel(channel, {"level": "encrypt", "match": ""}, version=1, by=eda, now=NOON)

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

    @pytest.mark.parametrize("fields", [{"agreed": "none"}, {"nexthops": "other.example"}])
    def test_it_never_lowers_the_agreement(self, fields: dict[str, str], eda: User) -> None:
        """Lowering an entry never turns red into green."""
        with pytest.raises(ActionRefused):
            lower_until(add(eda).channel, fields, until=NOON + timedelta(1), reason="x", version=1, by=eda, now=NOON)

    @pytest.mark.parametrize(("days", "reason"), [(0, "x"), (-1, "x"), (1, " ")])
    def test_it_has_an_end_and_a_reason(self, days: int, reason: str, eda: User) -> None:
        """An open end is no relaxation."""
        with pytest.raises(ActionRefused):
            lower_until(
                add(eda).channel, {"level": "may"}, until=NOON + timedelta(days), reason=reason, version=1, by=eda,
                now=NOON,
            )  # fmt: skip
