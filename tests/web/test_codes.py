"""What a partner sees in an address tells of no other row."""

import re
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import Partner
from partners.web.codes import code_of, number_of
from tests.actions.people import channel, editor, member, proposed


@pytest.mark.parametrize("number", [0, 1, 2, 57, 2**31, 2**32, 2**63 - 1, 2**64 - 1])
def test_a_code_leads_back(number: int) -> None:
    """To its number and no other."""
    assert number_of(code_of(number)) == number


@pytest.mark.parametrize("text", ["", "1", "0" * 15, "0" * 17, "G" * 16, "٣" * 16, "0" * 15 + "\n"])
def test_another_text_is_no_code(text: str) -> None:
    """Nor a fault."""
    assert number_of(text) is None


def test_neighbours_look_like_strangers() -> None:
    """Half of the bits differ from one number to the next, more or less."""
    codes = [int(code_of(number), 16) for number in range(200)]

    differing = [(one ^ other).bit_count() for one, other in pairwise(codes)]
    assert len(set(codes)) == 200
    assert 28 < sum(differing) / len(differing) < 36


def test_codes_hang_on_the_secret_key(settings: Any) -> None:
    """Nobody else can compute them."""
    before = code_of(1)
    settings.SECRET_KEY = "another key, quite as long as the first one was: " * 2

    assert code_of(1) != before


@pytest.mark.django_db
def test_no_page_of_a_partner_holds_a_row_number() -> None:
    """Neither in its links and forms, nor in what is said after an act."""
    eda = editor()
    for number in range(30):
        channel(Partner.objects.create(name=f"Before {number}"), f"b{number}.example", by=eda)
    own = Partner.objects.create(name="Fjordbank")
    rows = [channel(own, f"fjordbank{number}.example", by=eda) for number in range(2)]
    pat = member(own, invited_by=eda)
    pin = proposed(rows[0], by=pat)
    client = Client()
    client.force_login(pat)

    pages = [client.get(reverse("portal-home")).content.decode()]
    pages.append(
        client.post(reverse("portal-upload", args=[rows[0].pk]), {"pasted": ":".join(["3D"] * 32)}).content.decode()
    )
    pages += [client.post(reverse("portal-withdraw", args=[pin.pk]), follow=True).content.decode() for _n in range(2)]

    addresses = re.findall(r'(?:href|action)="([^"]*)"', "".join(pages))
    numbers = [one for one in addresses if re.search(rf"[/=](?:{rows[0].pk}|{rows[1].pk}|{pin.pk})(?![0-9a-f])", one)]
    assert numbers == []
    assert re.search(rf"(?i)pin {pin.pk}\b", "".join(pages)) is None
    assert any(code_of(rows[1].pk) in one for one in addresses)
