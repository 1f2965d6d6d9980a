"""The tests of tlsportal; one package per room, see tests/plan."""
