"""What a container's health check asks: does the web process answer, and does it reach database and broker?

    python3 -m tlsportal.healthcheck http://127.0.0.1:8000

Exit code 0 or 1, with one line that says why. A worker that is late, for which /healthz is 503 too, is told to people
on their pages and is no fault of the web process. Standard library only: this runs every few seconds.
"""

import http.client
import json
import os
import sys
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0


def main(address: str) -> int:
    """Ask the web process at *address* by the name that people type: to any other it does not answer."""
    door = urlsplit(address)
    name = urlsplit(os.environ.get("TLSPORTAL_URL", "")).netloc or door.netloc
    connection = http.client.HTTPConnection(door.hostname or "", door.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/healthz", headers={"Host": name})
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
        reached = json.loads(said)
        faults = [what for what in ("database", "broker") if reached[what] is not True]
    except (OSError, http.client.HTTPException) as cause:
        return _told(f"{address}: {cause}")
    except (ValueError, KeyError, TypeError):
        return _told(f"{address}: status {answer.status} for {name}, which is not the answer of /healthz")
    finally:
        connection.close()
    return _told(f"out of reach: {', '.join(faults)}") if faults else 0


def _told(why: str) -> int:
    print(f"tlsportal: {why}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
