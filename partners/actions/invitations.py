"""Single-use links that bring a person in, and the first account of all."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import (
    SINGLE_OPERATOR_ENDED,
    demand_approver,
    demand_editor,
    give_role,
    has_approver,
    may_approve,
    single_operator_mode,
)
from partners.actions.tokens import group_of_token, make_relay_token, revoke_relay_token
from partners.core.errors import NotAllowed, RefusedInput, SamePersonRefused, StaleRefused
from partners.models import Contact, Invitation, Membership, Partner, User

__all__ = [
    "LINK_LIFETIME",
    "LINK_PATH",
    "Invited",
    "accept",
    "approve_invitation",
    "group_of_token",
    "invite",
    "make_relay_token",
    "open_invitation",
    "revoke_invitation",
    "revoke_relay_token",
]

LINK_LIFETIME = timedelta(hours=72)
LINK_PATH = "/invitations/{token}/"  # below the portal's address; the page mounts it
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation with its token, which is shown this once; waits: a second person has to agree first."""

    invitation: Invitation
    token: str
    waits: bool


def invite(email: str, role: User.Role, *, partner: Partner | None = None, by: User | None, now: datetime) -> Invited:
    """Make a single-use link for *email*.

    by: None is the operator at the console of a portal without an approver, who may bring in the first people.
    A second person has to agree to every invitation (a role of the house, or a contact who may announce certificates),
    except in the marked single-operator mode.
    """
    email = _address(email)
    alone = _may_be_alone(by)
    _demand_inviter(role, partner, by=by)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with transaction.atomic():
        invitation = Invitation.objects.create(
            email=email,
            role=role.value,
            partner=partner,
            sha256=_sha256(token),
            invited_by=by,
            approved_by=by if alone else None,
            single_operator=alone,
            made_at=now,
            expires_at=now + LINK_LIFETIME,
        )
        if partner:
            Contact.objects.get_or_create(partner=partner, email=email, defaults={"name": email})
        detail = {"role": role.value, "partner": partner.pk if partner else None, "single_operator": alone}
        audit.record("invitation.made", f"invitation of {email}", by=by, now=now, detail=detail)
    return Invited(invitation, token, waits=not alone)


def approve_invitation(invitation: Invitation, *, by: User, now: datetime) -> None:
    """Agree to *invitation* as the second person; its link works from then on until it expires."""
    demand_approver(by)
    alone = single_operator_mode()
    if by.pk == invitation.invited_by_id and not alone:
        raise SamePersonRefused(str(invitation), _("whoever invites cannot agree as well"), _("ask another approver"))
    if by.email == invitation.email:
        raise SamePersonRefused(str(invitation), _("nobody agrees to the own invitation"), _("ask another approver"))
    with transaction.atomic():
        open_rows = Invitation.objects.filter(
            pk=invitation.pk, used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now
        )
        if not open_rows.update(approved_by=by, single_operator=by.pk == invitation.invited_by_id):
            raise _not_usable()
        audit.record("invitation.approved", f"invitation of {invitation.email}", by=by, now=now)


def revoke_invitation(invitation: Invitation, *, by: User, now: datetime) -> None:
    """End *invitation* before its time; StaleRefused if it was used or ended already."""
    demand_editor(by)
    with transaction.atomic():
        rows = Invitation.objects.filter(pk=invitation.pk, used_at__isnull=True, revoked_at__isnull=True)
        if not rows.update(revoked_at=now):
            raise _not_usable()
        audit.record("invitation.revoked", f"invitation of {invitation.email}", by=by, now=now)


def open_invitation(token: str, *, now: datetime) -> Invitation:
    """Return the invitation behind *token* and change nothing; StaleRefused, with one wording, for every other text."""
    invitation = (
        Invitation.objects.select_related("partner", "invited_by")
        .filter(sha256=_sha256(token), used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now)
        .first()
    )
    if invitation is None or not _is_agreed(invitation):
        raise _not_usable()
    return invitation


def accept(token: str, *, password: str = "", name: str = "", user: User | None = None, now: datetime) -> User:
    """Consume the link: make the account, or give an existing one what the link holds; return the account.

    user: who is signed in. An address that has an account already needs it, so that a stolen link changes no account.
    """
    invitation = open_invitation(token, now=now)
    account = _account_for(invitation, password=password, user=user)
    role = User.Role(invitation.role)
    _demand_one_side(account, role)
    with transaction.atomic():
        if not Invitation.objects.filter(pk=invitation.pk, used_at__isnull=True, revoked_at__isnull=True).update(
            used_at=now
        ):
            raise _not_usable()
        if account.pk is None:
            account.first_name = name.strip()[:150]
            account.save(force_insert=True)
        ended = give_role(account, role)
        if invitation.partner:
            _join(account, invitation, now=now)
        detail = {"role": role.value, "partner": invitation.partner_id, "invitation": invitation.pk}
        audit.record("invitation.accepted", f"account {account.email}", by=account, now=now, detail=detail)
        if ended:
            audit.record(SINGLE_OPERATOR_ENDED, f"account {account.email}", by=account, now=now)
    return account


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


def _is_agreed(invitation: Invitation) -> bool:
    """Whether two people stand behind *invitation*, or one in a portal that still has no second approver.

    A link that one person made alone does not outlive the mode: the second approver ends it, and can agree to it.
    """
    if invitation.single_operator:
        return single_operator_mode() or not has_approver()
    return invitation.approved_by_id is not None


def _account_for(invitation: Invitation, *, password: str, user: User | None) -> User:
    """Return the signed-in account the link is for, or a new one that is not saved yet."""
    known = User.objects.filter(email=invitation.email).first()
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


def _sha256(token: str) -> str:
    """Return the hash that is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
