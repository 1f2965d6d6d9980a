"""The portal, as a probe elsewhere sees it: two calls over HTTPS, each bounded in time and size, nothing followed.

Beside transport.py, which speaks to partners' servers, this is the one file of the room that opens a connection.
"""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from partners.core.errors import RefusedInput, SettingsRefused, TemporaryFault

__all__ = ["BODY_MAX", "Portal"]

BODY_MAX: Final = 700_000  # of a report; the portal takes 1 MB
REPLY_MAX: Final = 4_000_000
TIMEOUT_SECONDS: Final = 20.0
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_FORBIDDEN: Final = {401, 403, 404}


class Portal:
    """The portal at *url*, opened by *token*. ca_file: PEM of the CAs its certificate comes from, "" the system's."""

    def __init__(self, url: str, token: str, *, ca_file: str = "") -> None:
        cure = "write it like https://portal.example.com"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as cause:
            raise SettingsRefused("portal", f"its address cannot be read: {cause}", cure) from cause
        is_plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or is_plain):
            raise SettingsRefused("portal", "its address is not https", cure)
        if not token.isascii() or not token.isprintable() or not token:
            raise SettingsRefused("vantage token", "there is none, or it is no text", "set TLSPORTAL_VANTAGE_TOKEN")
        self._name, self._port, self._is_plain = parts.hostname, port, is_plain
        self._prefix = parts.path.rstrip("/")
        self._token = token
        try:
            self._context = None if is_plain else ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError) as cause:
            raise SettingsRefused(f"CA file {ca_file}", str(cause), "name a PEM file of the portal's CA") from cause

    def claim(self, limit: int, slow: int, held: list[dict[str, Any]]) -> Mapping[str, Any]:
        """Prolong what is *held* and claim up to *limit* addresses more, and up to *slow* of the slow lane."""
        return self._ask("/probe/claim", {"limit": limit, "slow": slow, "held": held})

    def record(self, results: list[dict[str, Any]], certificates: list[str]) -> Mapping[str, Any]:
        """Report *results*."""
        return self._ask("/probe/record", {"results": results, "certificates": certificates})

    def _ask(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer. Errors: TemporaryFault; SettingsRefused for the token; RefusedInput for what was sent."""
        try:
            status, raw = self._exchange(path, json.dumps(body, separators=(",", ":")).encode())
        except (OSError, http.client.HTTPException) as cause:
            raise TemporaryFault(f"portal {self._name}", f"{type(cause).__name__}: {cause}") from cause
        if status in _FORBIDDEN:
            raise SettingsRefused(f"portal {self._name}", f"it answers {status}: the token opens nothing there")
        if status in {http.client.BAD_REQUEST, http.client.REQUEST_ENTITY_TOO_LARGE}:
            raise RefusedInput(f"portal {self._name}", f"it refuses what was sent ({status})", _told(raw))
        if status != http.client.OK:
            raise TemporaryFault(f"portal {self._name}", f"it answers {status}")
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError) as cause:
            raise TemporaryFault(f"portal {self._name}", "it answers no JSON") from cause
        if not isinstance(answer, dict):
            raise TemporaryFault(f"portal {self._name}", "it answers no object")
        return answer

    def _exchange(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send one request on a connection of its own and return status and body."""
        if self._context is None:
            peer = http.client.HTTPConnection(self._name, self._port, timeout=TIMEOUT_SECONDS)
        else:
            peer = http.client.HTTPSConnection(self._name, self._port, timeout=TIMEOUT_SECONDS, context=self._context)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            peer.request("POST", self._prefix + path, body=body, headers=headers)
            reply = peer.getresponse()
            return reply.status, reply.read(REPLY_MAX)
        finally:
            peer.close()


def _told(raw: bytes) -> str:
    """Return what the portal says, as one line."""
    text = raw[:300].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text)
