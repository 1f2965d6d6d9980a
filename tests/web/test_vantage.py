"""The doors of probes elsewhere, tried by who stole a token, or has none."""

import base64
import json
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from partners.actions.vantages import (
    HELD_MAX,
    REQUESTS_PER_MINUTE,
    make_vantage_token,
    revoke_vantage_token,
)
from partners.core.errors import ActionRefused, NotAllowed, SettingsRefused
from partners.core.facts_json import profile_key, profile_to_json
from partners.core.observation import PERMISSIVE
from partners.core.reported import AGO_SECONDS_MAX
from partners.models import (
    Address,
    AuditEntry,
    Certificate,
    Channel,
    Endpoint,
    Nexthop,
    Observation,
    Partner,
    Sighting,
    VantageToken,
)
from tests.actions.people import approver, editor
from tests.kit.ca import self_signed
from tlsportal.logging import redact

pytestmark = pytest.mark.django_db
LEAF = self_signed("mx.example")
SEEN = {
    "kind": "peer",
    "ended": "done",
    "greeting_code": 220,
    "greeting_text": "mx.example ESMTP",
    "ehlo_code": 250,
    "starttls_offered": True,
    "starttls_code": 220,
    "tls": {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "chain": [0]},
}
CERTIFICATES = [base64.b64encode(LEAF.der).decode()]


@pytest.fixture
def boss():
    return approver()


@pytest.fixture
def token(boss):
    return make_vantage_token("dmz", by=boss, now=timezone.now())


def due(address, vantage="dmz"):
    """An address that is due at *vantage*, with one endpoint of a partner."""
    partner = Partner.objects.create(name=f"{vantage} {address}")
    channel = Channel.objects.create(partner=partner, agreed="encrypted", level="encrypt")
    nexthop = Nexthop.objects.create(channel=channel, key=f"p{Nexthop.objects.count()}.example")
    row = Address.objects.create(address=address, vantage=vantage, due_at=timezone.now() - timedelta(minutes=1))
    endpoint = Endpoint.objects.create(
        address=row, port=25, profile=profile_to_json(PERMISSIVE), profile_key=profile_key(PERMISSIVE)
    )
    endpoint.nexthops.add(nexthop)
    return row


def post(path, token, body, **more):
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return Client(**more).post(
        f"/probe/{path}", text, content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )


def claimed(token, limit=10):
    return post("claim", token, {"limit": limit}).json()["addresses"]


def report(one, facts=SEEN, ago=1, certificates=CERTIFICATES, **changed):
    peers = [{"target": target["target"], "ago": ago, "facts": facts} for target in one["targets"]]
    result = {"claim": one["claim"], "token": one["token"], "peers": peers, **changed}
    return {"certificates": certificates, "results": [result]}


def test_claim_and_record(token):
    """A claimed address is told with its sessions alone; its facts are kept at its vantage, by the portal's clock."""
    row = due("93.184.0.1")

    (one,) = claimed(token)
    answer = post("record", token, report(one, ago=2))

    assert one.keys() == {"claim", "token", "address", "slow", "targets"}
    assert one["address"] == "93.184.0.1"
    assert answer.json() == {"kept": 1}
    seen = Sighting.objects.get(endpoint__address=row)
    assert timedelta(seconds=1) < timezone.now() - seen.last_seen < timedelta(seconds=20)
    row.refresh_from_db()
    assert row.lease_token == ""
    assert row.due_at > timezone.now()


def test_other_vantages_are_not_there(token, boss):
    """Addresses of our own workers and of another vantage are never given, and nothing can be reported on them."""
    ours, theirs = due("93.184.0.1", "here"), due("93.184.0.2", "site-2")
    assert claimed(token) == []

    stolen = make_vantage_token("site-2", by=boss, now=timezone.now())
    (one,) = claimed(stolen)
    Address.objects.filter(pk=ours.pk).update(lease_token="a" * 32, lease_until=timezone.now() + timedelta(minutes=1))
    forged = {**one, "claim": ours.pk, "token": "a" * 32}

    assert post("record", token, report(one)).json() == {"kept": 0}
    assert post("record", token, report(forged)).json() == {"kept": 0}
    assert Sighting.objects.count() == 0
    theirs.refresh_from_db()
    assert theirs.lease_token == one["token"]


def test_words_of_another_vantage_are_not_overwritten(token, boss):
    """Facts that are judged alike are kept apart by vantage: the words shown with them are nobody else's."""
    due("93.184.0.1")
    due("93.184.0.1", "site-2")
    other = make_vantage_token("site-2", by=boss, now=timezone.now())
    (mine,) = claimed(token)
    post("record", token, report(mine, {**SEEN, "greeting_text": "a lie"}))
    (theirs,) = claimed(other)
    post("record", other, report(theirs))

    assert Observation.objects.count() == 2
    seen = Sighting.objects.get(endpoint__address__vantage="site-2")
    assert seen.observation.facts["greeting_text"] == "mx.example ESMTP"


def test_one_vantage_at_a_time_with_an_address(token):
    """While one vantage is with an address, no other one is given it; a lease kept for long holds nobody up."""
    due("93.184.0.1")
    away = due("93.184.0.1", "site-2")
    lease = {"lease_token": "b" * 32, "lease_until": timezone.now() + timedelta(hours=1)}
    Address.objects.filter(pk=away.pk).update(claimed_at=timezone.now(), **lease)
    assert claimed(token) == []

    Address.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    Address.objects.filter(pk=away.pk).update(claimed_at=timezone.now() - timedelta(minutes=6))
    assert len(claimed(token)) == 1


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({**SEEN, "address": "198.51.100.1"}, id="another address"),
        pytest.param({**SEEN, "seen_at": "2031-01-01T00:00:00+00:00"}, id="a time of its own"),
        pytest.param({**SEEN, "greeting_text": "a\nb"}, id="a line break"),
        pytest.param({**SEEN, "greeting_text": "x" * 513}, id="a long text"),
        pytest.param({**SEEN, "greeting_code": "220"}, id="a text for a number"),
        pytest.param({**SEEN, "greeting_code": True}, id="a truth for a number"),
        pytest.param({**SEEN, "features": ["x"] * 1000}, id="many features"),
        pytest.param({**SEEN, "ended": "elsewhere"}, id="an unknown stage"),
        pytest.param({**SEEN, "starttls_code": 0}, id="TLS without STARTTLS"),
        pytest.param({**SEEN, "tls": {**SEEN["tls"], "chain": [1]}}, id="a certificate that is not there"),
        pytest.param({**SEEN, "tls": {**SEEN["tls"], "chain": [-1]}}, id="a certificate from the end"),
        pytest.param({**SEEN, "tls": {**SEEN["tls"], "cipher": "<script>"}}, id="a cipher that is mark-up"),
        pytest.param({"kind": "nexthop"}, id="facts of the DNS"),
        pytest.param({"kind": "not-measured", "cause": "never-probed"}, id="a cause that is the portal's own"),
        pytest.param([], id="a list"),
    ],
)
def test_forged_facts_are_not_kept(token, facts):
    """What no session gives is no fact: nothing of it is kept, and the address is not spoken to again at once."""
    row = due("93.184.0.1")
    (one,) = claimed(token)

    post("record", token, report(one, facts))

    assert Sighting.objects.count() == Certificate.objects.count() == Observation.objects.count() == 0
    assert Endpoint.objects.get().not_measured == "unreadable"
    row.refresh_from_db()
    assert (row.lease_token, row.crashes) == ("", 0)
    assert row.due_at > timezone.now() + timedelta(minutes=1)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"certificates": ["#"]}, id="no base64"),
        pytest.param({"certificates": [""] * 2001}, id="many certificates"),
        pytest.param({"results": {}}, id="no list"),
        pytest.param({"peers": [5]}, id="no session"),
        pytest.param({"peers": [{"target": 1, "ago": 1, "facts": SEEN, "address": "192.0.2.1"}]}, id="an address"),
        pytest.param({"claim": 2**63}, id="no number"),
        pytest.param({"token": "x"}, id="no claim"),
    ],
)
def test_broken_report_is_refused(token, broken):
    """A report of another shape is refused as a whole, nothing is kept, and the lease stays."""
    row = due("93.184.0.1")
    (one,) = claimed(token)
    sent = report(one)
    (sent if broken.keys() & sent.keys() else sent["results"][0]).update(broken)

    assert post("record", token, sent).status_code == 400
    row.refresh_from_db()
    assert row.lease_token == one["token"]


def test_one_session_spoils_no_other(token):
    """Facts of one address that cannot be read cost that address its look, and those reported with it nothing."""
    due("93.184.0.1")
    due("93.184.0.2")
    first, second = claimed(token)
    sent = report(first, {**SEEN, "greeting_code": 9999})
    sent["results"] += report(second)["results"]

    assert post("record", token, sent).json() == {"kept": 2}
    assert Sighting.objects.get().endpoint.address.address == second["address"]


@pytest.mark.parametrize(
    "der", [b"", b"\0", b"no certificate", b"\x30\x84\xff\xff\xff\xff", LEAF.der[:-1], LEAF.der * 2]
)
def test_certificates_that_are_none(token, der):
    """What is no certificate breaks nothing, whoever sends it."""
    due("93.184.0.1")
    (one,) = claimed(token)

    answer = post("record", token, report(one, certificates=[base64.b64encode(der).decode()]))

    assert answer.json() == {"kept": 1}
    assert Sighting.objects.get().times == 1


def test_row_that_went_meanwhile(token):
    """A session whose row is gone when its report comes is passed over."""
    row = due("93.184.0.1")
    (one,) = claimed(token)
    sent = report({**one, "targets": [{"target": 999_999}, *one["targets"]]})

    assert post("record", token, sent).json() == {"kept": 1}
    assert Sighting.objects.get().endpoint.address == row


@pytest.mark.parametrize("ago", [-1, "1", True, None])
def test_time_that_is_none(token, ago):
    """Nothing was seen in the future."""
    due("93.184.0.1")
    (one,) = claimed(token)

    assert post("record", token, report(one, ago=ago)).status_code == 400


def test_long_ago(token):
    """What was seen before the portal was away for long is not kept: the address is due as before."""
    row = due("93.184.0.1")
    (one,) = claimed(token)

    assert post("record", token, report(one, ago=AGO_SECONDS_MAX + 1)).json() == {"kept": 1}
    row.refresh_from_db()
    assert (row.lease_token, row.failing_since) == ("", None)
    assert row.due_at < timezone.now()
    assert Sighting.objects.count() == 0


@pytest.mark.parametrize(
    "body", ["", "[", "[]", "[" * 100_000, '{"limit": NaN}', '{"limit": 1e400}', '{"limit": 1, "of": 2}', b"\xff"]
)
def test_body_that_is_no_question(token, body):
    """Whatever the body is, the answer is a refusal."""
    assert post("claim", token, body).status_code == 400


def test_a_target_twice_or_of_another_address(token):
    """A session is reported once, and only under the claim it belongs to."""
    due("93.184.0.1")
    due("93.184.0.2")
    first, second = claimed(token)
    swapped = {**first, "targets": second["targets"]}
    doubled = {**second, "targets": second["targets"] * 2}

    post("record", token, report(swapped))
    assert Sighting.objects.count() == 0
    post("record", token, report(doubled))
    assert Sighting.objects.get().times == 1


def test_what_is_left_out_is_given_back(token):
    """An address reported without its sessions is due as before, and no fault of the peer."""
    row = due("93.184.0.1")
    (one,) = claimed(token)

    post("record", token, report(one, peers=[]))

    row.refresh_from_db()
    assert (row.lease_token, row.failing_since) == ("", None)
    assert row.due_at < timezone.now()


def test_held_claims_are_bounded(token):
    """One vantage never holds more than its share."""
    lease = {"lease_token": "c" * 32, "lease_until": timezone.now() + timedelta(minutes=1)}
    Address.objects.bulk_create(
        Address(address=f"10.0.{number // 250}.{number % 250 + 1}", vantage="dmz", **lease)
        for number in range(HELD_MAX)
    )
    due("93.184.0.1")

    assert claimed(token) == []


def test_too_many_questions(token):
    """Beyond so many a minute the answer is 429, until the minute is over."""
    assert post("claim", token, {"limit": 0}).status_code == 200
    VantageToken.objects.update(asked_times=REQUESTS_PER_MINUTE - 1)  # to ask so often may take longer than a minute
    assert post("claim", token, {"limit": 0}).status_code == 200
    assert post("claim", token, {"limit": 0}).status_code == 429

    VantageToken.objects.update(asked_since=timezone.now() - timedelta(seconds=61))
    assert post("claim", token, {"limit": 0}).status_code == 200


def test_wrong_and_revoked_tokens(token, boss):
    """401 for whatever is no token, and at once for one that was revoked; what it held is free again."""
    row = due("93.184.0.1")
    (one,) = claimed(token)
    revoke_vantage_token(VantageToken.objects.get(), by=boss, now=timezone.now())

    assert post("record", token, report(one)).status_code == 401
    assert post("claim", "tlsv_000000000000_x", {"limit": 1}).status_code == 401
    row.refresh_from_db()
    assert row.lease_token == ""
    assert [entry.act for entry in AuditEntry.objects.order_by("pk") if "vantage" in entry.act] == [
        "vantage-token.made",
        "vantage-token.revoked",
    ]


def test_log_does_not_keep_it(token):
    """A token in a line of the log opens nothing: its prefix, which names it, is all that stays."""
    prefix, secret = token.rsplit("_", 1)[0], token[-43:]

    for line in (token, f"Authorization: Bearer {token}", f"GET /probe/{token}/", f'"{token}"'):
        assert secret not in redact(line)
        assert prefix[5:17] in redact(line)


def test_in_the_clear(token):
    """Over plain HTTP from another machine nobody is asked for a token."""
    assert post("claim", token, {"limit": 1}, REMOTE_ADDR="192.0.2.7").status_code == 403


def test_get_is_no_question(token):
    """The doors take POST alone."""
    assert Client().get("/probe/claim").status_code == 405


def test_who_makes_tokens(boss):
    """An approver makes tokens, for a vantage with a plain name that is not our own workers'."""
    now = timezone.now()
    with pytest.raises(NotAllowed):
        make_vantage_token("dmz", by=editor(), now=now)
    with pytest.raises(ActionRefused):
        make_vantage_token("here", by=boss, now=now)
    with pytest.raises(SettingsRefused):
        make_vantage_token("D M Z", by=boss, now=now)
    with pytest.raises(IntegrityError):
        VantageToken.objects.create(vantage="here", prefix="x", sha256="0" * 64, made_at=now)
