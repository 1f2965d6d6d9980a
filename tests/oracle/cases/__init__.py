"""The cases, by theme; each module has its CASES."""

from tests.oracle.case import Case
from tests.oracle.cases import (
    addresses,
    chain,
    dane,
    fingerprint,
    grammar,
    hosts,
    idn,
    later,
    levels,
    lookup,
    mixed,
    names,
    odd_words,
    protocols,
    rare,
    settings,
    several,
    smtp,
    tafile,
    wild,
)

MODULES = (
    lookup,
    grammar,
    levels,
    names,
    chain,
    tafile,
    fingerprint,
    dane,
    hosts,
    addresses,
    smtp,
    protocols,
    idn,
    later,
    odd_words,
    settings,
    several,
    wild,
    mixed,
    rare,
)
ALL: tuple[Case, ...] = tuple(case for module in MODULES for case in module.CASES)
