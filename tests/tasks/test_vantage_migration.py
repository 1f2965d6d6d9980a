"""The schema of vantages goes back and forth on both databases; back, what was seen elsewhere goes."""

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.slow]
ROWS = """
from django.utils import timezone
from partners.models import Address, Endpoint, Observation, Sighting
now = timezone.now()
for vantage in ("here", "dmz"):
    row = Address.objects.create(address="198.18.0.1", vantage=vantage)
    end = Endpoint.objects.create(address=row, port=25, profile_key="x")
    seen = Observation.objects.create(facts_key=vantage, facts={})
    Sighting.objects.create(endpoint=end, observation=seen, first_seen=now, last_seen=now)
"""


@pytest.mark.parametrize("portal", ["sqlite", "postgresql"], indirect=True)
def test_there_and_back(portal):
    """Down to the migration before, and up again."""
    portal.manage("shell", "-c", ROWS)

    portal.manage("migrate", "partners", "0015", "--verbosity", "0")
    assert portal.count("SELECT count(*) FROM partners_address") == 1
    assert portal.count("SELECT count(*) FROM partners_sighting") == 1

    portal.manage("migrate", "--verbosity", "0")
    assert portal.count("SELECT count(*) FROM partners_address WHERE vantage = 'here'") == 1
