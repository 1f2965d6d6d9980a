"""What a test wants to be read at the end of the run, whether it passed or failed, and whichever worker ran it.

def test_all(record_property): ...; record_property(SUMMARY, "400 cases, 400 agree")      pytest's own fixture
"""

from _pytest.terminal import TerminalReporter

SUMMARY = "summary"


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print what the tests recorded, in their order (pytest's hook; properties come back from xdist's workers)."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, text in getattr(report, "user_properties", ()):
                    if name == SUMMARY:
                        terminalreporter.write_line(str(text))
