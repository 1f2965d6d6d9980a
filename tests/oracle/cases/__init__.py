"""The cases, by theme; each module has its CASES."""

from tests.oracle.case import Case
from tests.oracle.cases import chain, lookup, names, smtp

ALL: tuple[Case, ...] = (*lookup.CASES, *names.CASES, *chain.CASES, *smtp.CASES)
