"""Single-use links that bring a person in, and the first account of all."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import (
    SINGLE_OPERATOR_ENDED,
    demand_approver,
    demand_editor,
    give_role,
    has_approver,
    lone_acts_count,
    may_approve,
    single_operator_mode,
)
from partners.actions.issued import hash_of
from partners.actions.tokens import group_of_token, make_relay_token, revoke_relay_token
from partners.core.errors import NotAllowed, RefusedInput, SamePersonRefused, StaleRefused
from partners.models import Contact, Invitation, Membership, Partner, User
from partners.models.invitations import InvitationQuerySet

__all__ = [
    "LINK_LIFETIME",
    "LINK_PATH",
    "Invited",
    "accept",
    "account_of",
    "approve_invitation",
    "group_of_token",
    "invite",
    "make_relay_token",
    "open_invitation",
    "revoke_invitation",
    "revoke_relay_token",
    "send_again",
]

LINK_LIFETIME = timedelta(hours=72)
LINK_PATH = "/invitations/{token}/"  # below the portal's address; the page mounts it
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation with the token of its newest link, which exists in memory alone; sending.hand_over passes it on.

    token: empty while the invitation waits: until a second person has agreed there is no link.
    """

    invitation: Invitation
    token: str = ""

    @property
    def waits(self) -> bool:
        """Whether a second person has to agree first."""
        return not self.token


def invite(email: str, role: User.Role, *, partner: Partner | None = None, by: User | None, now: datetime) -> Invited:
    """Ask that the person behind *email* be let in.

    by: None is the operator at the console of a portal without an approver, who may bring in the first people.
    A second person has to agree to every invitation (a role of the house, or a contact who may announce certificates),
    except in the marked single-operator mode. The link is made when it may be used, and not before.
    """
    email = _address(email)
    alone = _may_be_alone(by)
    _demand_inviter(role, partner, by=by)
    with transaction.atomic():
        invitation = Invitation.objects.create(
            email=email,
            role=role.value,
            partner=partner,
            invited_by=by,
            approved_by=by if alone else None,
            single_operator=alone,
            language=(get_language() or "en")[:2],
            made_at=now,
            agreed_at=now if alone else None,
        )
        token = _issue(invitation, now=now) if alone else ""
        detail = {"role": role.value, "partner": partner.pk if partner else None, "single_operator": alone}
        audit.record("invitation.made", f"invitation of {email}", by=by, now=now, detail=detail)
    return Invited(invitation, token)


def approve_invitation(invitation: Invitation, *, by: User, now: datetime) -> Invited:
    """Agree to *invitation* as the second person, and make its link: it works for 72 hours from *now*.

    What one person made alone can be agreed to once that mode is over; the link made then ends the one made alone.
    """
    demand_approver(by)
    alone = by.pk == invitation.invited_by_id
    if alone and not single_operator_mode():
        raise SamePersonRefused(str(invitation), _("whoever invites cannot agree as well"), _("ask another approver"))
    if by.email == invitation.email:
        raise SamePersonRefused(str(invitation), _("nobody agrees to the own invitation"), _("ask another approver"))
    with transaction.atomic():
        waiting = Invitation.objects.waiting(alone_counts=lone_acts_count()).filter(pk=invitation.pk)
        if not waiting.update(approved_by=by, single_operator=alone, agreed_at=now):
            raise StaleRefused(_("invitation"), _("it was decided, used or withdrawn already"))
        token = _issue(invitation, now=now)
        audit.record(
            "invitation.approved",
            f"invitation of {invitation.email}",
            by=by,
            now=now,
            detail={"single_operator": alone},
        )
    return Invited(invitation, token)


def send_again(invitation: Invitation, *, by: User, now: datetime) -> Invited:
    """Make a fresh link for an agreed *invitation*; the old one is dead from then on.

    Where the portal sends no mail the link is shown to *by*, who is then an approver and not the one who invited.
    """
    demand_editor(by)
    if not settings.MAIL_CONFIGURED:
        demand_approver(by)
        if by.pk == invitation.invited_by_id and not single_operator_mode():
            raise SamePersonRefused(
                str(invitation), _("the link would be shown to whoever invited"), _("ask another approver")
            )
    with transaction.atomic():
        agreed = Invitation.objects.sendable(alone_counts=lone_acts_count(), now=now)
        if not agreed.filter(pk=invitation.pk).exists():
            raise StaleRefused(_("invitation"), _("it is used, withdrawn, not agreed to or too old"), _("invite anew"))
        token = _issue(invitation, now=now)
        audit.record("invitation.link-renewed", f"invitation of {invitation.email}", by=by, now=now)
    return Invited(invitation, token)


def revoke_invitation(invitation: Invitation, *, by: User, now: datetime) -> None:
    """End *invitation* before its time; StaleRefused if it was used or ended already."""
    demand_editor(by)
    with transaction.atomic():
        if not Invitation.objects.unused().filter(pk=invitation.pk).update(revoked_at=now):
            raise _not_usable()
        audit.record("invitation.revoked", f"invitation of {invitation.email}", by=by, now=now)


def open_invitation(token: str, *, now: datetime) -> Invitation:
    """Return the invitation behind *token* and change nothing; StaleRefused, with one wording, for every other text."""
    invitation = (
        _usable(token, now=now).select_related("partner", "invited_by").first()  # its sha256 is null until agreed
    )
    if invitation is None:
        raise _not_usable()
    return invitation


def account_of(invitation: Invitation) -> User | None:
    """Return the account that *invitation* is for, None if its link makes a new one."""
    return User.objects.filter(email=invitation.email).first()


def accept(token: str, *, password: str = "", name: str = "", user: User | None = None, now: datetime) -> User:
    """Consume the link: make the account, or give an existing one what the link holds; return the account.

    user: who is signed in. An address that has an account already needs it, so that a stolen link changes no account.
    Raises StaleRefused where somebody else was faster: of two at once exactly one wins.
    """
    invitation = open_invitation(token, now=now)
    account = _account_for(invitation, password=password, user=user)
    role = User.Role(invitation.role)
    _demand_one_side(account, role)
    with transaction.atomic():
        if not _usable(token, now=now).filter(pk=invitation.pk).update(used_at=now):
            raise _not_usable()
        if account.pk is None:
            account.first_name = name.strip()[:150]
            _bring_to_life(account)
        ended = give_role(account, role)
        if invitation.partner:
            _join(account, invitation, now=now)
        detail = {"role": role.value, "partner": invitation.partner_id, "invitation": invitation.pk}
        audit.record("invitation.accepted", f"account {account.email}", by=account, now=now, detail=detail)
        if ended:
            audit.record(SINGLE_OPERATOR_ENDED, f"account {account.email}", by=account, now=now)
    return account


def _issue(invitation: Invitation, *, now: datetime) -> str:
    """Give *invitation* a fresh token that lives for 72 hours, and its contact a row; return the token.

    The caller holds the transaction. What was sent of an older token says nothing of this one.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    fields = {"sha256": hash_of(token), "expires_at": now + LINK_LIFETIME, "mailed_at": None, "mail_fault": ""}
    if not Invitation.objects.unused().filter(pk=invitation.pk).update(**fields):
        raise _not_usable()
    if invitation.partner:
        Contact.objects.get_or_create(
            partner=invitation.partner, email=invitation.email, defaults={"name": invitation.email}
        )
    invitation.refresh_from_db()
    return token


def _usable(token: str, *, now: datetime) -> InvitationQuerySet:
    """Return the one invitation whose newest link holds *token* and may be used at *now*, or none.

    A link that one person made alone does not outlive the mode: the second approver ends it, and can agree to it.
    """
    agreed = Invitation.objects.agreed(alone_counts=lone_acts_count())
    return agreed.filter(sha256=hash_of(token), expires_at__gt=now)


def _bring_to_life(account: User) -> None:
    """Save the new *account*; NotAllowed where another link made one for its address in between."""
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as cause:
        raise NotAllowed(
            _("invitation"), _("there is an account for this address by now"), _("sign in, then open the link again")
        ) from cause


def _demand_inviter(role: User.Role, partner: Partner | None, *, by: User | None) -> None:
    """Raise unless *by* may invite for *role* and *partner*."""
    if (role is User.Role.PARTNER) != (partner is not None):
        raise RefusedInput(
            _("invitation"), _("a partner belongs to the role partner, and to no other"), _("name one, or leave it out")
        )
    if by is None:
        if has_approver() or role is User.Role.PARTNER:
            raise NotAllowed(
                _("invitation"), _("it has to be made by a person of the mail team"), _("name who invites")
            )
        return
    demand_editor(by)
    if role in {User.Role.APPROVER, User.Role.EDITOR} and not may_approve(by):
        raise NotAllowed(str(by), _("only an approver invites into the mail team"), _("ask an approver"))


def _may_be_alone(by: User | None) -> bool:
    """Whether the invitation needs no second person: the console's first ones, or *by* is the only approver."""
    if by is None:
        return not has_approver()
    return may_approve(by) and single_operator_mode()


def _account_for(invitation: Invitation, *, password: str, user: User | None) -> User:
    """Return the signed-in account the link is for, or a new one that is not saved yet."""
    known = account_of(invitation)
    if user is not None or known is not None:
        if user is None or known is None or user.pk != known.pk:
            raise NotAllowed(
                _("invitation"), _("it is for another account"), _("sign in with the address that was invited")
            )
        return known
    account = User(email=invitation.email)
    try:
        validate_password(password, account)
    except ValidationError as cause:
        raise RefusedInput(_("password"), " ".join(cause.messages)) from cause
    account.set_password(password)
    return account


def _demand_one_side(account: User, role: User.Role) -> None:
    """Raise NotAllowed where an account would be of the house and of a partner."""
    if account.pk is None:
        return
    is_partner = User.Role.PARTNER.value in account.roles
    if bool(account.roles) and is_partner != (role is User.Role.PARTNER):
        raise NotAllowed(
            str(account), _("an account is of the house or of a partner, never both"), _("use another address")
        )
    if not account.is_active:
        raise NotAllowed(str(account), _("the account is switched off"))


def _join(account: User, invitation: Invitation, *, now: datetime) -> None:
    """Make *account* a member of the invitation's partner, as brought in by whoever invited."""
    if invitation.invited_by is None:
        raise _not_usable()
    Membership.objects.update_or_create(
        partner=invitation.partner,
        user=account,
        defaults={"invited_by": invitation.invited_by, "since": now, "ended_at": None},
    )


def _address(email: str) -> str:
    """Return *email* as accounts keep it."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as cause:
        raise RefusedInput(_("e-mail address"), " ".join(cause.messages)) from cause
    return email


def _not_usable() -> StaleRefused:
    """Return the one refusal of a link, whatever is wrong with it: it tells a guesser nothing."""
    return StaleRefused(
        _("invitation"),
        _("this link is not, or no longer, usable"),
        _("ask for a new one; a link works once, for 72 hours"),
    )
