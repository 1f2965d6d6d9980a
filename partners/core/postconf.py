"""What postconf(1) prints, as RelaySettings for each smtp transport of a relay.

    postconf -x                         every parameter with its value: releases and defaults of this machine
    postconf -n                         what main.cf sets
    postconf -P                         what master.cf sets for one entry (-o name=value); -n does not show it
    postconf -F '*/*/chroot'            where smtp(8) finds its files; '*/*/command' as well tells who smtp(8) is
    postconf -T run-version             the release of OpenSSL

Source: postconf(1), postconf_print.c, master(5).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from partners.core.errors import SettingsRefused
from partners.core.expansion import level_of
from partners.core.main_cf import NOT_SET, Files, MainCf, relay_settings
from partners.core.names import shown
from partners.core.relay import OpensslRelease, PostfixRelease, RelaySettings

__all__ = ["PostconfOutput", "parse_entries", "parse_parameters", "smtp_transports"]

TEXT_LENGTH_MAX = 2_000_000

_LINE = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)\s*=\s*(?P<value>.*)", re.DOTALL)
_ENTRY_LINE = re.compile(r"(?P<entry>\S+/\S+)/(?P<name>[A-Za-z0-9_.-]+)\s*=\s*(?P<value>.*)", re.DOTALL)
_OPENSSL = re.compile(r"OpenSSL (\d+\.\d+\.\d+)")
_USUAL = ("smtp/unix", "relay/unix")  # where no command tells who smtp(8) is
_SMTP_COMMANDS = {"smtp"}


@dataclass(frozen=True, slots=True)
class PostconfOutput:
    """The texts as printed. entries: of -F, one or several fields; entry_parameters: of -P."""

    expanded: str
    main_cf: str
    entry_parameters: str
    entries: str
    run_version: str


def smtp_transports(output: PostconfOutput, files: Files) -> dict[str, RelaySettings]:
    """Return the settings of each smtp transport by its name in master.cf, "smtp", "relay" …

    Errors: SettingsRefused names the output that cannot be read, or the parameter that Postfix could not use either.
    """
    machine, given = parse_parameters(output.expanded, "-x"), parse_parameters(output.main_cf, "-n")
    release, openssl = _release(machine), _openssl(output.run_version)
    overrides, entries = parse_entries(output.entry_parameters, "-P"), parse_entries(output.entries, "-F")
    found = {}
    for entry in _smtp_entries(entries, overrides):
        name = entry.partition("/")[0]
        own = {"service_name": name, "process_name": "smtp", **given, **overrides.get(entry, {})}
        main_cf = MainCf(own, release, NOT_SET, machine)
        chroot = _is_chrooted(entries.get(entry, {}).get("chroot", "-"), main_cf, entry)
        found[name] = relay_settings(main_cf, openssl=openssl, chroot=chroot, files=files)
    return found


def parse_parameters(text: str, option: str) -> dict[str, str]:
    """Read "name = value" lines; a line that begins with a blank goes on with the one before (postconf -f)."""
    found: dict[str, str] = {}
    for line in _logical_lines(text, option):
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise SettingsRefused(f"postconf {option}", f"no parameter in the line {shown(line)}")
        found[parts["name"]] = parts["value"].strip()
    return found


def parse_entries(text: str, option: str) -> dict[str, dict[str, str]]:
    """Read "entry/type/name = value" lines: by entry/type, then by name."""
    found: dict[str, dict[str, str]] = {}
    for line in _logical_lines(text, option):
        parts = _ENTRY_LINE.fullmatch(line)
        if parts is None:
            raise SettingsRefused(f"postconf {option}", f"no entry in the line {shown(line)}")
        found.setdefault(parts["entry"], {})[parts["name"]] = parts["value"].strip()
    return found


def _logical_lines(text: str, option: str) -> list[str]:
    if len(text) > TEXT_LENGTH_MAX:
        raise SettingsRefused(f"postconf {option}", f"its output is longer than {TEXT_LENGTH_MAX} characters")
    lines: list[str] = []
    for line in text.split("\n"):
        if line[:1] in {" ", "\t"} and lines:
            lines[-1] += f" {line.strip()}"
        elif line.strip():
            lines.append(line.rstrip())
    return lines


def _release(machine: Mapping[str, str]) -> PostfixRelease:
    text = machine.get("mail_version", "")
    try:
        return PostfixRelease.parse(text.partition("-")[0])  # 3.11-20260101 is a snapshot
    except ValueError as cause:
        raise SettingsRefused("postconf -x", f"mail_version {shown(text)!r} is no release") from cause


def _openssl(text: str) -> OpensslRelease:
    found = _OPENSSL.search(text)
    if found is None:
        raise SettingsRefused("postconf -T run-version", f"{shown(text)!r} names no release of OpenSSL")
    return OpensslRelease.parse(found[1])


def _smtp_entries(entries: Mapping[str, Mapping[str, str]], overrides: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the entries that are smtp(8): by their command, else the usual ones and those with its parameters."""
    if any("command" in fields for fields in entries.values()):
        return [
            entry
            for entry, fields in entries.items()
            if entry.endswith("/unix") and fields.get("command", "").partition(" ")[0] in _SMTP_COMMANDS
        ]
    told = [
        entry
        for entry, parameters in overrides.items()
        if entry.endswith("/unix") and any(name.startswith("smtp_") for name in parameters)
    ]
    return [entry for entry in entries if entry in {*_USUAL, *told}]


def _is_chrooted(field: str, main_cf: MainCf, entry: str) -> bool:
    """Read the chroot column; "-" is y below compatibility level 1 (master(5))."""
    if field == "-":
        return level_of(main_cf.value("compatibility_level")) < (1, 0, 0)
    if field not in {"y", "n"}:
        raise SettingsRefused(f"postconf -F {entry}/chroot", f"{shown(field)!r} is neither y, n nor -")
    return field == "y"
