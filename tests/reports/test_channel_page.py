"""The page of a channel: the worst leads, in words; what is shown, pinned and moved."""

from datetime import timedelta

import pytest

from partners.core.certificates import cert_fingerprint, pkey_fingerprint
from partners.core.reasons import Reason
from partners.models import Change, Channel, ComplianceInterval, Nexthop, Partner, Pin, RelayGroup, Release, VerdictRow
from partners.reports.compared import compared
from partners.reports.headline import headline, short_cause
from partners.reports.journal import journal
from partners.reports.lines import published_lines
from partners.reports.listing import Chosen, every_row
from partners.reports.partners import ChannelPage, channel_page
from partners.reports.portal import portal_page
from partners.reports.rollover import rollover_rows
from partners.reports.shown import chain_rows, matrix, pin_rows, shown_at
from tests.actions.people import NOON, approver, channel, editor, member, proposed
from tests.actions.watched import ask_dns, publish, see, watched
from tests.kit.ca import root_ca, self_signed
from tests.reports.world import agreement, host

pytestmark = pytest.mark.django_db
OLD, NEW = self_signed("mx.example.com"), self_signed("mx.example.com")


def page_of(row: Channel) -> ChannelPage:
    found = channel_page(row.partner.owner or editor(), row.pk)
    assert found is not None
    return found


def judged(row: Channel, key: str, group: str, *places: dict[str, object], delivery: str = "deliver") -> None:
    """Give *key* of *row* a verdict on *group*."""
    VerdictRow.objects.update_or_create(
        nexthop=Nexthop.objects.get_or_create(channel=row, key=key)[0],
        group=RelayGroup.objects.get_or_create(name=group)[0],
        defaults={
            "is_own": True, "delivery": delivery, "tls_status": "Verified", "dsn": "", "judged_at": NOON,
            "reasons": [], "hosts": list(places),
        },
    )  # fmt: skip


class TestWorstLeads:
    def test_second_nexthop_that_waits_is_the_verdict(self) -> None:
        """A nexthop late in the alphabet whose mail waits decides, and its hosts come first."""
        row = agreement("Fjordbank", "violated", by=editor(), cause="fingerprint-mismatch")
        good, bad = host(row), host(row, address="192.0.2.9", delivery="defer", reasons=["fingerprint-mismatch"])
        judged(row, "fjordbank.example", "main", good)
        judged(row, "zzz.example", "main", bad, delivery="defer")

        page = page_of(row)

        assert (page.delivery, page.verdict_key) == ("defer", "zzz.example")
        assert [one.key for one in page.hosts] == ["zzz.example", "fjordbank.example"]
        assert page.many_keys

    def test_groups_that_agree_are_not_named(self) -> None:
        """Two relay groups with the same outcome are one row, without a word about groups."""
        row = agreement("Fjordbank", "compliant", by=editor())
        judged(row, "fjordbank.example", "other", host(row))

        page = page_of(row)

        assert len(page.hosts) == 1
        assert not page.many_groups
        assert not page.many_keys

    def test_groups_that_differ_stand_beside_each_other(self) -> None:
        """Where one relay group would defer, both outcomes are told with their group."""
        row = agreement("Fjordbank", "violated", by=editor())
        judged(row, "fjordbank.example", "main", host(row))
        judged(row, "fjordbank.example", "old", host(row, delivery="defer"), delivery="defer")

        page = page_of(row)

        assert [(one.group, one.delivery) for one in page.hosts] == [("old", "defer"), ("main", "deliver")]
        assert page.many_groups

    def test_partner_gets_the_worst_and_no_group(self) -> None:
        """The partner's own person sees one row per address, its worst outcome, and no name of ours."""
        ed = editor()
        row = agreement("Fjordbank", "violated", by=ed)
        judged(row, "fjordbank.example", "main", host(row))
        judged(row, "fjordbank.example", "old", host(row, delivery="defer"), delivery="defer")

        page = channel_page(member(row.partner, invited_by=ed), row.pk)

        assert page is not None
        assert [(one.group, one.delivery) for one in page.hosts] == [("", "defer")]

    def test_of_two_intervals_of_one_moment_the_open_one_counts(self) -> None:
        """A state that ended in the moment it began is not the state now."""
        row = agreement("Fjordbank", "violated", by=editor())
        ComplianceInterval.objects.create(
            channel=row, state="pending", valid_from=NOON, valid_to=NOON, recorded_at=NOON
        )

        assert page_of(row).state == "violated"


class TestHeadline:
    def test_what_is_not_released_says_so(self) -> None:
        """Pending has a cause, for the mail team on each page and for the partner in their words."""
        team = editor()
        row = channel(Partner.objects.create(name="Acme", owner=team), "acme.example", by=team)
        pat = member(row.partner, invited_by=approver())

        told = headline(page_of(row), now=NOON)
        [listed] = every_row(team, Chosen(), now=NOON)
        theirs = portal_page(pat, row.pk, now=NOON)

        assert "stands in no release yet" in told.why
        assert listed.cause == Reason.NOT_RELEASED
        assert theirs is not None
        assert "There is nothing for you to do." in theirs.say.text

    def test_every_reason_has_a_few_words(self) -> None:
        """No reason leaves the sentence without its cause."""
        assert [reason for reason in Reason if not short_cause(reason.value)] == []

    def test_as_agreed(self) -> None:
        """What flows is said first, and nothing has to be done."""
        head = headline(page_of(agreement("Fjordbank", "compliant", by=editor())), now=NOON)

        assert head.title == "Mail is delivered, Verified, as agreed."
        assert (head.state, head.codes, head.command) == ("ok", (), "")

    def test_deferred_says_cause_host_and_time_left(self) -> None:
        """Cause, host and the time until the first bounce stand in the one sentence."""
        row = agreement("Fjordbank", "violated", by=editor(), cause="fingerprint-mismatch")
        bad = host(row, delivery="defer", reasons=["fingerprint-mismatch"])
        VerdictRow.objects.update(hosts=[bad], delivery="defer")

        head = headline(page_of(row), now=NOON + timedelta(hours=21))

        expected = "Mail would be deferred: fingerprint differs on mx.fjordbank.example; bounces in at most 4 d 3 h."
        assert head.title == expected
        assert "renewed without notice" in head.why
        assert head.command.startswith("openssl s_client -starttls smtp -connect 192.0.2.41:25")
        assert head.codes == ("fingerprint-mismatch",)

    def test_after_the_limit_the_oldest_has_bounced(self) -> None:
        """Once the lifetime of the queue is over, no time is left to count down."""
        row = agreement("Fjordbank", "violated", by=editor(), cause="certificate-expired")

        head = headline(page_of(row), now=NOON + timedelta(days=5, minutes=1))

        assert head.title.endswith("; the oldest message deferred since then has bounced by now.")
        assert "at most" not in " ".join(one.label for one in head.figures)

    def test_one_host_left_is_told(self) -> None:
        """Mail that flows through one of two hosts flows, with a warning."""
        row = agreement("Fjordbank", "compliant", by=editor())
        good, bad = host(row, mx_host="mx1.example"), host(row, mx_host="mx2.example", delivery="defer")
        VerdictRow.objects.update(hosts=[good, bad])

        head = headline(page_of(row), now=NOON)

        assert [one.text for one in head.then] == ["Mail goes through mx1.example only; mx2.example would not take it."]

    def test_nothing_released(self) -> None:
        """Without an entry of its own nothing is claimed."""
        row = agreement("Fjordbank", "pending", by=editor())
        VerdictRow.objects.all().delete()

        assert headline(page_of(row), now=NOON).title == "No entry of it is on the relays yet."

    def test_unknown(self) -> None:
        """Not known is neither good nor bad, with the reason in words."""
        row = agreement("Fjordbank", "unknown", by=editor(), cause="temporary-reply")
        VerdictRow.objects.update(delivery="unknown", reasons=["temporary-reply"])

        head = headline(page_of(row), now=NOON)

        assert head.state == "unk"
        assert "come back later" in head.why


class TestShown:
    @pytest.fixture
    def row(self) -> Channel:
        """A channel with one accepted pin of the old certificate; its server shows the new one."""
        ed = editor()
        nexthop = watched("example.com", by=ed)
        pin = proposed(nexthop.channel, by=ed)
        digests = {"sha256": cert_fingerprint(OLD.der, "sha256")}
        Pin.objects.filter(pk=pin.pk).update(state="active", digests=digests, decided_by=approver(), decided_at=NOON)
        publish(f"example.com\tfingerprint match={digests['sha256']}\n", by=ed)
        ask_dns(nexthop)
        see(NEW)
        return nexthop.channel

    def test_matrix_of_an_unknown_key(self, row: Channel) -> None:
        """An address that shows what nobody announced is marked so, with its end and its outcome."""
        page = channel_page(editor("eve"), row.pk)
        assert page is not None

        (cell,) = matrix(page.hosts, shown_at(row), row, pin_rows(row, page.pins), now=NOON)

        (address,) = cell.addresses
        assert (address.pin, address.shows, address.tls) == ("?", "unknown key", "TLS 1.3")
        assert (address.state, address.word, address.note) == ("bad", "defer", "fingerprint differs")

    def test_pinned_beside_shown(self, row: Channel) -> None:
        """Both fingerprints are of the same kind, and the groups that differ are counted."""
        page = channel_page(editor("eve"), row.pk)
        assert page is not None

        found = compared(page, pin_rows(row, page.pins), shown_at(row))

        assert found is not None
        text = ":".join(group.text for line in found.shown.rows for group in line)
        assert text == cert_fingerprint(NEW.der, "sha256")
        assert found.shown.differing > 16
        assert found.shown_note == "on 1 of 1 address"

    def test_known_key_is_not_compared(self, row: Channel) -> None:
        """A pin of the shown key stands beside the old one: nothing is strange."""
        Pin.objects.update(digests={"sha256": pkey_fingerprint(NEW.der, "sha256")}, of_key=True)
        page = channel_page(editor("eve"), row.pk)
        assert page is not None

        assert compared(page, pin_rows(row, page.pins), shown_at(row)) is None

    def test_next_pin_beside_the_one_in_force(self, row: Channel) -> None:
        """Where nothing strange is shown, the pin that is to follow stands beside the old one, of the same kind."""
        Pin.objects.update(digests={"sha256": cert_fingerprint(NEW.der, "sha256")}, of_key=False)
        for number, of_key in enumerate((False, True)):
            digest = (pkey_fingerprint if of_key else cert_fingerprint)(OLD.der, "sha256")
            Pin.objects.create(
                channel=row,
                of_key=of_key,
                digests={"sha256": digest},
                proposed_by=editor(f"b{number}"),
                proposed_at=NOON,
            )
        page = channel_page(editor("eve"), row.pk)
        assert page is not None

        found = compared(page, pin_rows(row, page.pins), shown_at(row))

        assert found is not None
        assert (found.label, found.letter, found.is_strange) == ("Next pin", "", False)
        text = ":".join(group.text for line in found.shown.rows for group in line)
        assert text == cert_fingerprint(OLD.der, "sha256")

    def test_rollover_counts_what_is_shown(self, row: Channel) -> None:
        """A new key that is announced and shown already is at the approval, and seen on one of one."""
        Pin.objects.create(
            channel=row, of_key=True, digests={"sha256": pkey_fingerprint(NEW.der, "sha256")},
            proposed_by=editor("bea"), proposed_at=NOON,
        )  # fmt: skip
        page = channel_page(editor("eve"), row.pk)
        assert page is not None

        steps, pin = rollover_rows(row, pin_rows(row, page.pins), shown_at(row))

        assert pin is not None
        assert [one.state for one in steps] == ["done", "now", "", "", ""]
        assert steps[3].title == "Seen on 1 of 1"

    def test_one_settled_pin_is_no_rollover(self, row: Channel) -> None:
        """An accepted pin by itself has no steps."""
        page = channel_page(editor("eve"), row.pk)
        assert page is not None

        assert rollover_rows(row, pin_rows(row, page.pins), shown_at(row)) == ((), None)

    def test_line_marks_the_pin(self, row: Channel) -> None:
        """The published line is there byte for byte, with the pin's letter."""
        digest = cert_fingerprint(OLD.der, "sha256")

        (line,), number = published_lines(["example.com"], {digest: "A"})

        assert number == 1
        assert line.text == f"example.com\tfingerprint match={digest}"
        assert any(piece.kind == "pa" for piece in line.drawn.pieces)

    def test_chain_once_and_its_end(self) -> None:
        """Each certificate stands once, the leaf first, with what Postfix looks at there."""
        authority = root_ca()
        nexthop = watched("example.com", level="secure", agreed="ca-and-name")
        ask_dns(nexthop, "192.0.2.1", "192.0.2.2")
        leaf = authority.leaf("mx.example.com")
        see(leaf)
        see(leaf)

        rows = chain_rows(shown_at(nexthop.channel), level="secure", now=NOON + timedelta(days=4000))

        assert len(rows) == 1
        assert (rows[0].left, rows[0].tone, rows[0].used) == ("ran out", "bad", 100)

    def test_near_ends_are_counted_by_the_calendar(self) -> None:
        """As the list of partners counts them: what ends on the fifth day from now is no four days away."""
        nexthop = watched("example.com", level="secure", agreed="ca-and-name")
        ask_dns(nexthop, "192.0.2.1")
        leaf = root_ca().leaf("mx.example.com")
        see(leaf)
        end = leaf.not_after

        def left(**before: int) -> str:
            return chain_rows(shown_at(nexthop.channel), level="secure", now=end - timedelta(**before))[0].left

        assert (left(days=4, hours=23), left(seconds=1)) == ("in 5 days", "today")


class TestJournal:
    def test_a_release_is_told_once(self) -> None:
        """However many changes of the channel it brought."""
        team = editor()
        row = agreement("Fjordbank", "compliant", by=team)
        release = Release.objects.create(
            number=7, author=team, needs_second=False, published_at=NOON, published_by=team
        )
        first = Change.objects.get()
        for _number in range(2):
            Change.objects.create(channel=row, author=team, made_at=NOON, before=first.after, after=first.after)
        Change.objects.update(release=release)

        assert [one.text for one in journal(page_of(row))].count("Release 7 published") == 1

    def test_before_and_after(self) -> None:
        """An edit says what each field was and became; a state what it was before."""
        row = agreement("Fjordbank", "violated", by=editor(), cause="certificate-expired", level="encrypt")
        ComplianceInterval.objects.create(
            channel=row, state="compliant", valid_from=NOON - timedelta(days=9), valid_to=NOON, recorded_at=NOON
        )
        first = Change.objects.get()
        after = {**first.after, "level": "secure", "match": "mx.example"}
        Change.objects.create(
            channel=row, author=first.author, made_at=NOON + timedelta(hours=1), before=first.after, after=after
        )

        edit, moved, *_rest = journal(page_of(row))

        assert edit.moved == (("level", "encrypt", "secure"), ("match", "nothing", "mx.example"))
        assert moved.moved == (("state", "as agreed", "violated"),)
        assert "has expired" in moved.text

    def test_newest_first_and_bounded(self) -> None:
        """A long history shows its end."""
        row = agreement("Fjordbank", "compliant", by=editor())
        first = Change.objects.get()
        for hour in range(30):
            after = {**first.after, "basis": f"ticket {hour}"}
            at = NOON + timedelta(hours=hour)
            Change.objects.create(channel=row, author=first.author, made_at=at, before=first.after, after=after)

        entries = journal(page_of(row))

        assert len(entries) == 20
        assert entries[0].moved[0][2] == "ticket 29"
        assert entries[0].moment > entries[-1].moment
