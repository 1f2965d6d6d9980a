"""A probe elsewhere is asked for the second certificate by its claim, and for nothing that nobody names any more."""

import pytest
from django.utils import timezone

from partners.core.facts_json import profile_key, profile_to_json
from partners.core.observation import TlsProfile
from partners.models import Address, Endpoint, Nexthop, Sighting
from tests.web.test_vantage import CERTIFICATES, SEEN, boss, claimed, due, post, token

__all__ = ["boss", "token"]  # fixtures
pytestmark = pytest.mark.django_db
RSA_LOOK = TlsProfile(leaf_key="rsa")


def also(row: Address, profile: TlsProfile, *, named: bool) -> Endpoint:
    """Another session with *row*, which a nexthop names or none any more."""
    one = Endpoint.objects.create(
        address=row, port=25, profile=profile_to_json(profile), profile_key=profile_key(profile)
    )
    if named:
        one.nexthops.add(Nexthop.objects.get())
    return one


def test_the_claim_says_whether_to_look_twice(token):
    """The second look is a target as any, with its kind of key in the profile."""
    due("192.0.2.1")
    also(Address.objects.get(), RSA_LOOK, named=True)

    (one,) = claimed(token)
    profiles = [target["profile"] for target in one["targets"]]
    assert [profile.get("leaf_key", "") for profile in profiles] == ["", "rsa"]


def test_both_are_kept(token):
    """Each session is a sighting of its own, with the profile that was asked for."""
    due("192.0.2.1")
    also(Address.objects.get(), RSA_LOOK, named=True)
    (one,) = claimed(token)
    gone = {**SEEN, "ended": "handshake", "stop": "tls", "tls": None, "tls_error": "handshake failure"}
    first, second = (target["target"] for target in one["targets"])
    peers = [{"target": first, "ago": 1, "facts": SEEN}, {"target": second, "ago": 1, "facts": gone}]
    result = {"claim": one["claim"], "token": one["token"], "peers": peers}

    assert post("record", token, {"certificates": CERTIFICATES, "results": [result]}).status_code == 200
    kept = Sighting.objects.values_list("endpoint__profile__leaf_key", "observation__facts__profile__leaf_key")
    assert sorted(kept, key=str) == [("rsa", "rsa"), (None, None)]


def test_a_session_that_nobody_names_is_not_missed(token):
    """What was not claimed is not asked about; else its address would be due again at once, for ever."""
    due("192.0.2.1")
    also(Address.objects.get(), TlsProfile(strict=True), named=False)
    (one,) = claimed(token)
    (target,) = one["targets"]
    result = {"claim": one["claim"], "token": one["token"]}
    result["peers"] = [{"target": target["target"], "ago": 1, "facts": SEEN}]
    post("record", token, {"certificates": CERTIFICATES, "results": [result]})

    row = Address.objects.get()
    assert row.lease_token == ""
    assert row.due_at > timezone.now()
    assert claimed(token) == []
