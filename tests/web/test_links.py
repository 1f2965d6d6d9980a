"""No page offers its reader a link that answers as if there were nothing."""

import re
from collections import deque
from collections.abc import Callable
from html import unescape
from urllib.parse import urljoin

import pytest
from django.test import Client

from partners.models import User
from tests.actions.people import approver, person
from tests.browser.house_world import fill_house
from tests.web.candidate_world import world

pytestmark = pytest.mark.django_db

_HREF = re.compile(r'href="([^"#:]+)(?:#[^"]*)?"')
_PAGES_MOST = 150


def followed(who: User) -> dict[str, str]:
    """Follow every link from the first page on; return what answered 404, with the page that offers it."""
    client, offered, dead = Client(), {"/": ""}, {}
    client.force_login(who)
    waiting = deque(["/"])
    for _number in range(_PAGES_MOST):
        if not waiting:
            break
        url = waiting.popleft()
        answer = client.get(url, follow=True)
        if answer.status_code == 404:
            dead[url] = offered[url]
        elif answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            at = answer.request["PATH_INFO"]
            for link in {urljoin(at, unescape(one)) for one in _HREF.findall(answer.content.decode())}:
                if link not in offered and not link.startswith(("/static/", "/accounts/logout")):
                    offered[link] = url
                    waiting.append(link)
    return dead


@pytest.mark.parametrize("who", ["team", "management"])
@pytest.mark.parametrize("fill", [world, fill_house])
def test_no_link_leads_nowhere(who: str, fill: Callable[[], object]) -> None:
    """For the mail team, and for management, to whom half of the pages do not exist."""
    fill()
    reader = approver("vera") if who == "team" else person("max", User.Role.MANAGEMENT)

    assert followed(reader) == {}
