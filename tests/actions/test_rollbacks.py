"""Going back withdraws other people's drafts only when whoever asks was told of each of them."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.releases import cut, publish, roll_back
from partners.actions.rollbacks import drafts_in_the_way
from partners.core.errors import StaleRefused
from partners.models import AuditEntry, Candidate, Change, Channel
from tests.web.candidate_world import World, agreed, changed, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> World:
    """Release 3 strengthened Fjordbank, and ann has a draft of that channel."""
    one, now = world(), timezone.now()
    row = Channel.objects.get(partner__name="Fjordbank")
    Change.objects.filter(channel=row, release=None).update(withdrawn_at=now)
    first = row.changes.order_by("pk")[0]
    stronger = changed(first, by=one.eda, now=now, protocols=">=TLSv1.2")
    candidate = cut([stronger], by=one.eda, now=now)
    agreed(candidate, one.ann, now=now)
    publish(candidate, by=one.eda, now=now)
    changed(first, by=one.ann, now=now, comment="asked by telephone")
    return one


def test_who_was_not_told_of_a_draft_withdraws_none(here: World) -> None:
    """Nothing is cut, and the draft stands."""
    with pytest.raises(StaleRefused, match="not told of"):
        roll_back(here.second, by=here.eda, now=timezone.now())

    assert Candidate.objects.count() == 4
    assert Change.objects.get(author=here.ann, channel__partner__name="Fjordbank").withdrawn_at is None


def test_each_withdrawn_draft_is_told_of(here: World) -> None:
    """The audit trail names draft and author; the row stays as it was written."""
    (draft,) = drafts_in_the_way(here.second)
    roll_back(here.second, by=here.eda, now=timezone.now(), losing=[draft.pk])

    told = AuditEntry.objects.get(act="change.withdrawn", by=here.eda).detail
    assert (told["change"], told["author"]) == (draft.pk, here.ann.pk)
    draft.refresh_from_db()
    assert draft.withdrawn_at is not None
    assert draft.after["comment"] == "asked by telephone"


def test_the_page_names_them_before_the_button(client: Client, here: World) -> None:
    """What was shown goes along with the form; what came in between is refused."""
    client.force_login(here.eda)
    page = client.get(reverse("release-detail", args=[2])).content.decode()
    (draft,) = drafts_in_the_way(here.second)

    assert f'name="draft" value="{draft.pk}"' in page
    assert "ann@house.example" in page
    client.post(reverse("release-rollback", args=[2]), {"draft": [str(draft.pk)]})
    assert Candidate.objects.order_by("-pk")[0].changes.get().author == here.eda
