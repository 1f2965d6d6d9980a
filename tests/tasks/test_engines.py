"""The probe as the settings describe it, and the beat schedule as the workers know it."""

import pytest

from partners.core.errors import SettingsRefused
from partners.tasks.engines import engine_from_settings, parse_port_map, parse_resolver
from tlsportal.celery import BEAT_SCHEDULE, CONTROL_QUEUE, PROBE_QUEUE, SLOW_QUEUE, app


class TestResolver:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("", None),
            ("192.0.2.53", ("192.0.2.53", 53)),
            ("192.0.2.53:5353", ("192.0.2.53", 5353)),
            ("2001:db8::53", ("2001:db8::53", 53)),
            ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
            ("[2001:db8::53]", ("2001:db8::53", 53)),
        ],
    )
    def test_forms(self, text, address):
        """Address and port as people write them; an IPv6 address with a port takes brackets."""
        assert parse_resolver(text) == address


class TestPortMap:
    def test_pairs(self):
        """A nominal port leads to another one at the same address."""
        words = ["127.0.0.2:25=127.0.0.2:2525", "[::1]:25=[::1]:2526"]
        assert parse_port_map(words) == {("127.0.0.2", 25): 2525, ("::1", 25): 2526}

    @pytest.mark.parametrize("word", ["25=2525", "127.0.0.2:25", "127.0.0.2:25=127.0.0.3:25", "a:1=a:2"])
    def test_refused(self, word):
        """Whatever leads to another address, or cannot be read, is refused with an example."""
        with pytest.raises(SettingsRefused, match="TLSPORTAL_PROBE_PORT_MAP"):
            parse_port_map([word])


def test_engine_needs_a_name(settings):
    """An EHLO name that no peer could take is refused at the start, naming its variable."""
    settings.PROBE_EHLO = "not a name"
    with pytest.raises(SettingsRefused, match="TLSPORTAL_PROBE_EHLO"):
        engine_from_settings()


@pytest.mark.parametrize("entry", BEAT_SCHEDULE.values(), ids=BEAT_SCHEDULE.keys())
def test_beat_wakes_what_exists(entry):
    """Each tick names a task that the workers know, on a queue that one of them drains."""
    app.loader.import_default_modules()

    assert entry["task"] in app.tasks
    assert entry["options"]["queue"] in {PROBE_QUEUE, SLOW_QUEUE, CONTROL_QUEUE}
