"""Name servers and MTA-STS policies: what is read, what is refused, and what counts as a move."""

import pytest

from partners.core.domain import (
    POLICY_BYTES_MAX,
    DomainFacts,
    domain_changes,
    domain_from_json,
    domain_to_json,
    policy_of,
)
from partners.core.errors import RefusedInput
from partners.core.moved import Changed, What

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx2.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
OLD = DomainFacts(("ns1.example.com", "ns2.example.com"), "")


class TestPolicy:
    def test_one_line(self):
        """Mode, hosts in one order, and lifetime; the order of a file is nobody's change."""
        assert policy_of(POLICY) == "enforce, mx *.example.net, mx mx2.example.com; max_age 604800"

    def test_none_needs_no_host(self):
        """Mode none takes a policy back, and names nobody."""
        assert policy_of(b"version: STSv1\nmode: none\nmax_age: 86400\n") == "none; max_age 86400"

    def test_unknown_fields_are_skipped(self):
        """RFC 8461 leaves room for more."""
        assert policy_of(POLICY + b"later: x y\n") == policy_of(POLICY)

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(POLICY.replace(b"STSv1", b"STSv2"), id="version"),
            pytest.param(POLICY.replace(b"enforce", b"maybe"), id="mode"),
            pytest.param(POLICY.replace(b"604800", b"-1"), id="negative"),
            pytest.param(POLICY.replace(b"604800", b"99999999999"), id="for ever"),
            pytest.param(POLICY.replace(b"mx2.example.com", b"<script>"), id="mark-up"),
            pytest.param(POLICY.replace(b"*.example.net", b"mx.*.net"), id="inner wildcard"),
            pytest.param(b"version: STSv1\nmode: enforce\nmax_age: 1\n", id="no mx"),
            pytest.param(POLICY + b"mx: a.example\n" * 400, id="many lines"),
            pytest.param(b"x" * (POLICY_BYTES_MAX + 1), id="large"),
            pytest.param("mode: größer".encode(), id="no ASCII"),
            pytest.param(b"<html>", id="a page"),
        ],
    )
    def test_refused(self, body):
        """What RFC 8461 does not take is no policy."""
        with pytest.raises(RefusedInput):
            policy_of(body)


class TestMoved:
    def test_name_servers(self):
        """Another set is a change with both sides."""
        new = DomainFacts(("ns.elsewhere.example",), "")

        assert domain_changes(OLD, new) == (
            Changed(What.NAME_SERVERS, "ns1.example.com, ns2.example.com", "ns.elsewhere.example"),
        )

    def test_policy(self):
        """A policy that came is a change from none."""
        new = DomainFacts(OLD.name_servers, policy_of(POLICY))

        assert domain_changes(OLD, new) == (Changed(What.MTA_STS, "", policy_of(POLICY)),)

    def test_first_look_moves_nothing(self):
        """What was not known before did not move."""
        assert domain_changes(DomainFacts(), OLD) == ()

    def test_a_fault_moves_nothing(self):
        """What could not be found out stays as it was."""
        assert domain_changes(OLD, DomainFacts().after(OLD)) == ()

    def test_as_json(self):
        """Both kinds of nothing survive."""
        for facts in (DomainFacts(), OLD, DomainFacts((), "x")):
            assert domain_from_json(domain_to_json(facts)) == facts
