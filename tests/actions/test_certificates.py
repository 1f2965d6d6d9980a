"""An announced certificate is understood, kept as a proposal, and changes no map."""

import pytest

from partners.actions.approvals import approve_pin
from partners.actions.certificates import PROPOSED_MAX, add_authority, preview, remove_authority, submit, withdraw
from partners.core.errors import CertificateRefused, NotAllowed, PrivateKeyRefused, StaleRefused
from partners.models import AuditEntry, Certificate, Channel, Partner, Pin, PrivateAuthority, User
from tests.actions.people import NOON, approver, channel, editor, member, person
from tests.kit.ca import root_ca, self_signed

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return approver("ann")


@pytest.fixture
def acme(ann: User) -> Channel:
    return channel(Partner.objects.create(name="Acme"), "acme.example", by=ann)


@pytest.fixture
def pat(acme: Channel, ann: User) -> User:
    return member(acme.partner, invited_by=ann)


class TestPreview:
    def test_it_writes_nothing(self) -> None:
        """A look is no announcement."""
        leaf = self_signed("mx.acme.example")

        seen = preview(leaf.pem)

        assert seen.digests["sha256"] == leaf.cert_fingerprint("sha256")
        assert seen.key_digests["sha1"] == leaf.pkey_fingerprint("sha1")
        assert not Certificate.objects.exists()
        assert not AuditEntry.objects.exists()

    def test_the_leaf_of_a_chain_is_found_in_any_order(self) -> None:
        """The certificate of the server is what is pinned, never its CA."""
        leaf = root_ca().intermediate().leaf("mx.acme.example")
        chain = "".join(one.pem for one in reversed(leaf.chain))

        seen = preview(chain)

        assert seen.leaf is not None
        assert seen.leaf.der == leaf.der
        assert len(seen.others) == 1

    def test_two_servers_in_one_upload_are_not_guessed(self) -> None:
        """Which one is meant is asked."""
        with pytest.raises(CertificateRefused, match="2"):
            preview(self_signed("a.example", ca=False).pem + self_signed("b.example", ca=False).pem)

    @pytest.mark.parametrize("text", ["sha256 AB:CD", "AB:CD", "not a certificate", "", "x" * 400, "ü:ö"])
    def test_what_is_neither_is_refused(self, text: str) -> None:
        """With a cause, and without a trace."""
        with pytest.raises(CertificateRefused):
            preview(text)


class TestSubmit:
    def test_a_certificate_becomes_a_proposal_with_all_its_fingerprints(self, acme: Channel, pat: User) -> None:
        """No change is written: the map stays as it is."""
        leaf = self_signed("mx.acme.example")

        pin = submit(acme, leaf.pem, by=pat, now=NOON)

        assert pin.state == Pin.State.PROPOSED
        assert pin.digests == {name: leaf.cert_fingerprint(name) for name in ("md5", "sha1", "sha256", "sha512")}
        assert acme.changes.count() == 1

    def test_a_bare_fingerprint_is_taken_in_any_usual_writing(self, acme: Channel, pat: User) -> None:
        """It knows one digest."""
        pin = submit(acme, "SHA256 Fingerprint=" + ":".join(["ab"] * 32), by=pat, now=NOON)

        assert pin.digests == {"sha256": ":".join(["AB"] * 32)}
        assert pin.certificate is None

    def test_a_key_may_be_pinned_where_the_certificate_is_known(self, acme: Channel, pat: User) -> None:
        """A bare fingerprint does not say that it is of a key."""
        leaf = self_signed("mx.acme.example")

        pin = submit(acme, leaf.der, by=pat, now=NOON, of_key=True)

        assert pin.digests["sha256"] == leaf.pkey_fingerprint("sha256")
        with pytest.raises(CertificateRefused):
            submit(acme, "ab" * 32, by=pat, now=NOON, of_key=True)

    def test_a_private_key_leaves_no_trace(self, acme: Channel, pat: User) -> None:
        """Neither row nor audit entry holds anything of the upload."""
        leaf = self_signed("mx.acme.example")

        with pytest.raises(PrivateKeyRefused):
            submit(acme, leaf.pem + leaf.key_pem, by=pat, now=NOON)

        assert not Pin.objects.exists()
        assert not Certificate.objects.exists()
        assert not AuditEntry.objects.exists()

    def test_another_channels_certificate_is_taken_like_a_new_one(self, acme: Channel, pat: User, ann: User) -> None:
        """Nothing in the answer tells that somebody else announced it before."""
        leaf = self_signed("mx.shared.example")
        other = channel(Partner.objects.create(name="Other"), "other.example", by=ann)
        submit(other, leaf.pem, by=ann, now=NOON)

        pin = submit(acme, leaf.pem, by=pat, now=NOON)

        assert pin.state == Pin.State.PROPOSED
        assert Certificate.objects.count() == 1

    def test_the_same_again_is_told(self, acme: Channel, pat: User) -> None:
        """As a fingerprint too, in whatever form it comes back."""
        leaf = self_signed("mx.acme.example")
        submit(acme, leaf.pem, by=pat, now=NOON)

        with pytest.raises(StaleRefused):
            submit(acme, leaf.cert_fingerprint("sha256"), by=pat, now=NOON)

    def test_strangers_announce_nothing(self, acme: Channel, ann: User) -> None:
        """Another partner's person, an ended membership and management are strangers here."""
        stranger = member(Partner.objects.create(name="Other"), invited_by=ann, name="sue")
        gone = member(acme.partner, invited_by=ann, name="gone")
        gone.memberships.update(ended_at=NOON)

        for somebody in (stranger, gone, person("boss", User.Role.MANAGEMENT)):
            with pytest.raises(NotAllowed):
                submit(acme, "ab" * 32, by=somebody, now=NOON)

    def test_a_flood_is_bounded(self, acme: Channel, pat: User) -> None:
        """So many proposals wait for an answer, and no more."""
        for number in range(PROPOSED_MAX):
            submit(acme, f"{number:064x}", by=pat, now=NOON)

        with pytest.raises(StaleRefused):
            submit(acme, "f" * 64, by=pat, now=NOON)


class TestWithdraw:
    def test_a_partner_takes_back_what_waits_and_nothing_else(self, acme: Channel, pat: User, ann: User) -> None:
        """A pin in the map is not the partner's to remove."""
        approver("bob")
        waiting = submit(acme, "ab" * 32, by=pat, now=NOON)
        taken = submit(acme, "cd" * 32, by=editor(), now=NOON)
        approve_pin(taken, by=ann, now=NOON, word="x")

        withdraw(waiting, by=pat, now=NOON)

        assert waiting.state == Pin.State.WITHDRAWN
        with pytest.raises(StaleRefused):
            withdraw(taken, by=pat, now=NOON)


class TestAuthority:
    def test_a_private_ca_is_kept_for_its_channel(self, acme: Channel, ann: User) -> None:
        """It is added by the mail team, as a change, and taken away the same way."""
        change = add_authority(acme, root_ca("Acme root").pem, by=ann, now=NOON)

        [sha256] = change.after["authorities"]
        assert PrivateAuthority.objects.get(channel=acme).sha256 == sha256
        assert remove_authority(acme, sha256, by=ann, now=NOON).after["authorities"] == []

    def test_a_partner_adds_none(self, acme: Channel, pat: User) -> None:
        """A partner announces certificates of servers."""
        with pytest.raises(NotAllowed):
            add_authority(acme, root_ca().pem, by=pat, now=NOON)
