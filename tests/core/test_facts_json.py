"""Facts survive their JSON form, and facts that judge() cannot tell apart have one key."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from partners.core.facts_json import facts_from_json, facts_key, facts_to_json, profile_key
from partners.core.observation import (
    PERMISSIVE,
    Dnssec,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    NotMeasured,
    NotMeasuredCause,
    PeerFacts,
    Stage,
    TlsaFacts,
    TlsaRecord,
    TlsFacts,
    TlsProfile,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TLSA = TlsaFacts(
    "mx.example.com", LookupStatus.FOUND, Dnssec.SECURE, (TlsaRecord(3, 1, 1, b"\x00\xff"), TlsaRecord(2, 0, 1, b"a"))
)
HOST = HostFacts("mx.example.com", 10, LookupStatus.FOUND, Dnssec.SECURE, ("192.0.2.1", "192.0.2.2"), tlsa=(TLSA,))
DNS = NexthopFacts(
    "example.com", NOON, True, LookupStatus.FOUND, Dnssec.SECURE, (HOST, replace(HOST, name="b.example"))
)
PEER = PeerFacts(
    "192.0.2.1",
    25,
    TlsProfile(servername="mx.example.com"),
    NOON,
    Stage.DONE,
    greeting_code=220,
    greeting_text="mx ESMTP id 17",
    features=("STARTTLS", "PIPELINING"),
    starttls_offered=True,
    tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", (b"\x30\x00", b"\x30\x01")),
    duration_ms=12,
)
FAILED = NotMeasured("2001:db8::1", 25, PERMISSIVE, NOON, NotMeasuredCause.TIMEOUT, Stage.EHLO, "silent", 30_000)


class TestJson:
    @pytest.mark.parametrize("facts", [DNS, PEER, FAILED, replace(PEER, tls=None)])
    def test_way_there_and_back(self, facts):
        """What comes back from a database column is what was seen, byte for byte."""
        assert facts_from_json(json.loads(json.dumps(facts_to_json(facts)))) == facts

    def test_older_writer(self):
        """A field that an older writer did not know takes its default."""
        raw = facts_to_json(PEER)
        del raw["ehlo_name"]

        assert facts_from_json(raw) == PEER

    @pytest.mark.parametrize(
        "raw", [{}, {"kind": "rumour"}, {"kind": "peer"}, {**facts_to_json(PEER), "ended": "never"}]
    )
    def test_broken(self, raw):
        """What is no facts is refused, not half read."""
        with pytest.raises(ValueError, match=r"facts of kind|cannot be read"):
            facts_from_json(raw)


class TestKey:
    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(replace(PEER, seen_at=NOON + timedelta(days=1)), id="time"),
            pytest.param(replace(PEER, duration_ms=99), id="duration"),
            pytest.param(replace(PEER, address="192.0.2.2", port=587), id="endpoint"),
            pytest.param(replace(PEER, greeting_text="mx ESMTP id 18"), id="session number in the greeting"),
            pytest.param(replace(PEER, features=("STARTTLS", "SIZE")), id="features beside STARTTLS"),
        ],
    )
    def test_same_peer(self, other):
        """What judge() does not read makes no new observation."""
        assert facts_key(other) == facts_key(PEER)

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(replace(PEER, tls=replace(PEER.tls, chain=(b"\x30\x00",))), id="chain"),
            pytest.param(replace(PEER, tls=replace(PEER.tls, version="TLSv1.2")), id="version"),
            pytest.param(replace(PEER, profile=PERMISSIVE), id="profile"),
            pytest.param(replace(PEER, starttls_offered=False), id="offer"),
            pytest.param(replace(PEER, greeting_code=554), id="code"),
            pytest.param(replace(PEER, greeting_text="5.7.1 go away"), id="enhanced status"),
            pytest.param(replace(PEER, tls=None, tls_error="no shared cipher"), id="tls error"),
        ],
    )
    def test_other_peer(self, other):
        """What judge() reads makes a new observation."""
        assert facts_key(other) != facts_key(PEER)

    def test_answers_in_another_order(self):
        """A resolver that turns its records round says nothing new."""
        turned = replace(HOST, addresses=HOST.addresses[::-1], tlsa=(replace(TLSA, records=TLSA.records[::-1]),))

        assert facts_key(replace(DNS, hosts=(DNS.hosts[1], turned), looked_up_at=NOON + timedelta(1))) == facts_key(DNS)

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(replace(DNS, hosts=DNS.hosts[:1]), id="hosts"),
            pytest.param(replace(DNS, mx_dnssec=Dnssec.INSECURE), id="dnssec"),
            pytest.param(replace(DNS, hosts=(replace(HOST, preference=20), DNS.hosts[1])), id="preference"),
            pytest.param(replace(DNS, null_mx=True), id="null MX"),
        ],
    )
    def test_other_dns(self, other):
        """A host, a preference or a DNSSEC status that moved is a new observation."""
        assert facts_key(other) != facts_key(DNS)

    def test_profiles(self):
        """Each profile is an endpoint of its own."""
        assert profile_key(PERMISSIVE) == profile_key(TlsProfile())
        assert profile_key(PERMISSIVE) != profile_key(TlsProfile(strict=True))
