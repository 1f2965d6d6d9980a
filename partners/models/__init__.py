"""What is kept: the rows of the portal."""

from partners.models.accounts import User
from partners.models.alerts import Alert, AlertDelivery, AlertPartner, Cycle, NoticeTarget, PartnerNotices
from partners.models.audit import AuditEntry
from partners.models.bulk_acts import BulkAct
from partners.models.domains import DomainChange, DomainWatch
from partners.models.estate import Channel, Contact, Membership, Nexthop, Partner, PrivateAuthority
from partners.models.facts import Address, ChainLink, DnsSighting, Endpoint, Observation, Sighting
from partners.models.figures import ChannelEnd, DailyTally, KeptFigures
from partners.models.invitations import Invitation
from partners.models.looks import Look
from partners.models.pins import Certificate, Pin
from partners.models.relays import GroupChange, OwnCertificate, Relay, RelayGroup, RelayToken, VantageToken
from partners.models.releases import Approval, Artefact, Candidate, CandidateMap, Change, Head, Release
from partners.models.rounds import RoundRow
from partners.models.saved_views import DefaultView, SavedView
from partners.models.standings import Standing, StandingSeen, StandingTally, StandingWords
from partners.models.states import ComplianceInterval, VerdictRow
from partners.models.walls import WallLink

__all__ = [
    "Address",
    "Alert",
    "AlertDelivery",
    "AlertPartner",
    "Approval",
    "Artefact",
    "AuditEntry",
    "BulkAct",
    "Candidate",
    "CandidateMap",
    "Certificate",
    "ChainLink",
    "Change",
    "Channel",
    "ChannelEnd",
    "ComplianceInterval",
    "Contact",
    "Cycle",
    "DailyTally",
    "DefaultView",
    "DnsSighting",
    "DomainChange",
    "DomainWatch",
    "Endpoint",
    "GroupChange",
    "Head",
    "Invitation",
    "KeptFigures",
    "Look",
    "Membership",
    "Nexthop",
    "NoticeTarget",
    "Observation",
    "OwnCertificate",
    "Partner",
    "PartnerNotices",
    "Pin",
    "PrivateAuthority",
    "Relay",
    "RelayGroup",
    "RelayToken",
    "Release",
    "RoundRow",
    "SavedView",
    "Sighting",
    "Standing",
    "StandingSeen",
    "StandingTally",
    "StandingWords",
    "User",
    "VantageToken",
    "VerdictRow",
    "WallLink",
]
