"""Pins that come with an entry: given by people, or only seen and to be confirmed by another way."""

import pytest

from partners.actions.approvals import approve_pin
from partners.actions.drafts import draft_of
from partners.actions.maps import render_group
from partners.actions.partners import add_partner, edit_channel
from partners.actions.proposing import proposals
from partners.core.errors import PrivateKeyRefused, RefusedInput
from partners.models import AuditEntry, Channel, Partner, Pin, RelayGroup, User
from tests.actions.facts import seen
from tests.actions.people import NOON, approver, editor
from tests.actions.watched import ask_dns, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
LEAF = self_signed("mx.acme.example")


@pytest.fixture
def eda() -> User:
    RelayGroup.objects.create(name="main")
    return editor()


def add(by: User, **more):
    return add_partner("Acme", "acme.example", "fingerprint", "pin", by=by, now=NOON, **more)


class TestGiven:
    def test_without_a_pin(self, eda: User) -> None:
        """The refusal says what to do: give one now, or have the servers looked at first."""
        with pytest.raises(RefusedInput, match="looked at first"):
            add(eda)
        assert not Partner.objects.exists()

    @pytest.mark.parametrize("given", [LEAF.pem, LEAF.cert_fingerprint()], ids=["certificate", "fingerprint"])
    def test_in_the_same_step(self, given: str, eda: User) -> None:
        """The draft holds the digest, and a proposed pin stands beside it for a second person."""
        change = add(eda, pins=[given])

        assert change.after["match"] == LEAF.cert_fingerprint()
        pin = Pin.objects.get()
        assert (pin.state, pin.origin, pin.digests["sha256"]) == ("proposed", "given", LEAF.cert_fingerprint())
        assert [entry.act for entry in AuditEntry.objects.order_by("pk")] == ["channel.added", "pin.proposed"]

    def test_a_private_key_leaves_nothing(self, eda: User) -> None:
        """As in every upload it is refused at once."""
        with pytest.raises(PrivateKeyRefused):
            add(eda, pins=[LEAF.key_pem])
        assert not Partner.objects.exists()

    def test_a_fingerprint_of_another_kind(self, eda: User) -> None:
        """What no relay compares is refused by naming what they compare."""
        with pytest.raises(RefusedInput, match="sha256"):
            add(eda, pins=[LEAF.cert_fingerprint("sha1")])


class TestSeen:
    def proposal(self, row):
        """What is proposed at level fingerprint once the servers were looked at."""
        ask_dns(row)
        see(LEAF)
        return next(one for one in proposals(row.channel, now=NOON) if one.level == "fingerprint")

    def test_marked_as_seen_only(self, eda: User) -> None:
        """A pin that came from the probe alone says so, with the certificate that was seen."""
        row = watched("acme.example", by=eda, agreed="encrypted", level="encrypt")
        one = self.proposal(row)
        fields = {"level": one.level, "agreed": one.agreed, "match": one.match}
        edit_channel(row.channel, fields, version=1, by=eda, now=NOON, seen=one.seen)

        pin = Pin.objects.get()
        assert (pin.state, pin.origin, pin.of_key) == ("proposed", "seen", True)
        assert bytes(pin.certificate.der) == LEAF.der
        assert pin.digests["sha256"] in draft_of(row.channel)["match"]

    def test_with_a_new_partner(self, eda: User) -> None:
        """The same where the servers were looked at before anything was kept."""
        one = self.proposal(watched("far.example", by=eda, agreed="encrypted", level="encrypt"))
        add(eda, match=one.match, seen=one.seen)

        assert Pin.objects.get().channel.partner.name == "Acme"

    def test_only_what_the_entry_holds(self, eda: User) -> None:
        """What the editor took out of match= is no pin, and what nobody ever saw is none either."""
        one = self.proposal(watched("far.example", by=eda, agreed="encrypted", level="encrypt"))
        add(eda, match=self_signed("x.example").cert_fingerprint(), seen=[*one.seen, ":".join(["AB"] * 32), "nonsense"])

        assert not Pin.objects.exists()


def test_confirmed_pin_takes_the_digests_place(eda: User) -> None:
    """Once a second person has confirmed it, the pin stands for the digest: the map is the same, byte by byte."""
    change = add(eda, pins=[LEAF.pem])
    group, channel = RelayGroup.objects.get(), Channel.objects.get()
    before = render_group(group, {channel.pk: change.after}).text
    seen("acme.example", LEAF, at=NOON)

    approved = approve_pin(Pin.objects.get(), by=approver(), now=NOON, word="read out by telephone")

    assert (approved.after["match"], approved.after["pins"]) == ("", [Pin.objects.get().pk])
    assert render_group(group, {channel.pk: approved.after}).text == before
