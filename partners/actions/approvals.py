"""The second person's word on a proposed pin; an approved one enters beside the old, never in its place."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_approver, demand_editor, single_operator_mode
from partners.actions.changes import draft_and_row, write_change
from partners.actions.drafts import Snapshot
from partners.actions.holding import judge_again
from partners.actions.relay_groups import settings_of
from partners.core.errors import ActionRefused, GuardRefused, RefusedInput, SamePersonRefused, StaleRefused
from partners.core.grammar import digest_of
from partners.core.levels import SecurityLevel
from partners.models import Change, Pin, RelayGroup, User
from partners.models.invitations import inviters_of

__all__ = ["approve_pin", "refuse_pin", "retire_pin"]


def approve_pin(pin: Pin, *, by: User, now: datetime, word: str) -> Change:
    """Accept *pin* and return the Change that adds it beside the old ones.

    The Change's author is who proposed the pin; *by* is the second person.
    Raises SamePersonRefused if *by* proposed it or invited the one who did (outside single-operator mode, which marks
    it), RefusedInput where a relay group compares by a digest that the pin does not have.
    """
    demand_approver(by)
    alone = _demand_second_person(pin, by=by)
    word = _word(word)
    _demand_digests(pin)
    channel, before = draft_and_row(pin.channel_id)
    if before["removed"]:
        raise StaleRefused(_("pin %s") % pin.pk, _("its channel is removed"))
    after = {**before, "pins": sorted({*before["pins"], pin.pk}), "match": _without(before, pin)}
    with transaction.atomic():
        _decide(pin, Pin.State.STAGED, by=by, now=now, word=word, alone=alone)
        change = write_change(channel, before, after, author=pin.proposed_by, now=now)
        detail = {"channel": channel.pk, "change": change.pk, "single_operator": alone, "word": word}
        audit.record("pin.approved", f"pin {pin.pk}", by=by, now=now, detail=detail)
    return change


def refuse_pin(pin: Pin, *, by: User, now: datetime, word: str) -> None:
    """Refuse *pin* with a word for who proposed it; it never enters a map."""
    demand_approver(by)
    word = _word(word)
    alone = by.pk == pin.proposed_by_id
    if alone and not single_operator_mode():
        raise SamePersonRefused(
            _("pin %s") % pin.pk, _("whoever proposed it does not decide"), _("withdraw it instead")
        )
    with transaction.atomic():
        _decide(pin, Pin.State.REFUSED, by=by, now=now, word=word, alone=alone)
        detail = {"channel": pin.channel_id, "single_operator": alone, "word": word}
        audit.record("pin.refused", f"pin {pin.pk}", by=by, now=now, detail=detail)


def retire_pin(pin: Pin, *, by: User, now: datetime) -> Change:
    """Return the Change that takes *pin* out; GuardRefused until another pin was seen on every address of every MX."""
    demand_editor(by)
    channel, before = draft_and_row(pin.channel_id)
    if pin.pk not in before["pins"]:
        raise StaleRefused(_("pin %s") % pin.pk, _("it is not in the entry"))
    rest = [key for key in before["pins"] if key != pin.pk]
    if not Pin.objects.filter(pk__in=rest, seen_everywhere_at__isnull=False).exists():
        raise GuardRefused(
            _("pin %s") % pin.pk,
            _("no other pin of this channel was seen on every address yet"),
            _("keep it until the new certificate is live everywhere"),
        )
    with transaction.atomic():
        change = write_change(channel, before, {**before, "pins": rest}, author=by, now=now)
        audit.record("pin.retiring", f"pin {pin.pk}", by=by, now=now, detail={"change": change.pk})
    return change


def _without(shot: Snapshot, pin: Pin) -> str:
    """Return match= of *shot* without the digests that *pin* stands for from now on; a digest is never there twice."""
    if shot["level"] != SecurityLevel.FINGERPRINT.value:
        return str(shot["match"])
    own = {digest_of(text) for text in pin.digests.values()}
    return "\n".join(line for line in shot["match"].splitlines() if digest_of(line) not in own)


def _demand_second_person(pin: Pin, *, by: User) -> bool:
    """Return whether *by* acts alone, as the single-operator mode allows; SamePersonRefused outside of it."""
    proposer = pin.proposed_by_id
    invited = by.pk in inviters_of([proposer])
    if by.pk != proposer and not invited:
        return False
    if single_operator_mode():
        return True
    cause = _("whoever proposed it does not decide") if by.pk == proposer else _("you invited who proposed it")
    raise SamePersonRefused(_("pin %s") % pin.pk, cause, _("ask another approver"))


def _demand_digests(pin: Pin) -> None:
    """Raise RefusedInput where a relay group could not write *pin* into its map."""
    for group in RelayGroup.objects.all():
        digest = settings_of(group).fingerprint_digest
        if digest not in pin.digests:
            raise RefusedInput(
                _("pin %s") % pin.pk,
                _("relay group %(group)s compares %(digest)s, and the pin has no such fingerprint")
                % {"group": group.name, "digest": digest},
                _("ask for the certificate itself"),
            )


def _decide(pin: Pin, state: Pin.State, *, by: User, now: datetime, word: str, alone: bool) -> None:
    """Move *pin* from proposed to *state*, if nobody decided in between."""
    judge_again([pin.channel_id], now=now)
    decided = Pin.objects.filter(pk=pin.pk, state=Pin.State.PROPOSED).update(
        state=state, decided_by=by, decided_at=now, word=word, single_operator=alone
    )
    if not decided:
        raise StaleRefused(_("pin %s") % pin.pk, _("it is decided or withdrawn already"))
    pin.refresh_from_db()


def _word(text: str) -> str:
    """Return the approver's word, which is asked for; its line breaks become spaces."""
    word = " ".join(text.split())[:500]
    if not word:
        raise ActionRefused(_("pin"), _("a decision needs a word of reason"), _("write one"))
    return word
