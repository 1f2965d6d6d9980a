"""A trial: all cases of a world by one release, beside what is predicted of them."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.kit.maillog import Outcome
from tests.kit.rootfs import Root
from tests.kit.summary import SUMMARY
from tests.oracle import predicted, real
from tests.oracle.agreement import Compared, headline, listing, report, table
from tests.oracle.world import Placed, World

Record = Callable[[str, object], None]


def compare(made: World, placed: Sequence[Placed], root: Root | None, record: Record) -> None:
    """Run *placed* with the Postfix of *root* (this machine's, if None) and fail with what does not agree."""
    with contextlib.closing(real.Relay(placed, root)) as relay:
        questions = {one.case.name: predicted.question(relay, one) for one in relay.placed}
        outcomes = relay.run()
        answers = predicted.predict(questions.values())  # it reads files of the queue directory
    under_tls = made.messages()
    deeds = {one.case.name: _deed(relay, one, outcomes.get(one.case.name), under_tls) for one in relay.placed}
    if path := os.environ.get("TLSPORTAL_ORACLE_REPORT"):
        Path(f"{path}.{relay.release}.txt").write_text(listing([one.case for one in relay.placed], deeds))
    compared = [
        Compared(one.case, asked, deeds[one.case.name], predicted.said(answers.get(asked["id"])))
        for one, asked in zip(relay.placed, questions.values(), strict=True)
    ]
    rows, line = table(compared), headline(relay.release, compared)
    record(SUMMARY, f"{line}\n{rows}" if rows else line)
    if path:
        Path(f"{path}.{relay.release}.md").write_text(report(compared))
    assert all(one.is_as_told for one in compared), f"{line}\n{rows}"


def _deed(relay: real.Relay, one: Placed, outcome: Outcome | None, under_tls: Mapping[str, bool]) -> real.Said:
    if outcome is None:
        return real.Said("no outcome", "", None, "", None, (relay.log_of(one.case.name),))
    return real.said(outcome, relay.recipient(one), under_tls)
