"""Saved views of the partner list: filters, order and columns under a name."""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q

__all__ = ["VIEW_PARAMETERS", "DefaultView", "SavedView"]

VIEW_PARAMETERS: Final = ("q", "state", "level", "agreed", "tag", "mine", "sort", "cols")  # what an address may say


class SavedView(models.Model):
    """A person's view of the list. parameters: name in VIEW_PARAMETERS -> text, and never an address.

    They are read again by whoever opens the view: what no list knows any more is left out, and told. is_shared: whether
    everybody who sees the list finds it there.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    parameters = models.JSONField(default=dict)
    is_shared = models.BooleanField(default=False)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ("name", "pk")
        indexes = (models.Index(name="saved_view_shared", fields=["name"], condition=Q(is_shared=True)),)
        constraints = (
            models.UniqueConstraint(name="saved_view_once", fields=["owner", "name"]),
            models.CheckConstraint(name="saved_view_named", condition=~Q(name="")),
        )

    def __str__(self) -> str:
        return self.name


class DefaultView(models.Model):
    """The view, one's own or a shared one, with which the list opens for a person."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="default_view"
    )
    view = models.ForeignKey(SavedView, models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.person_id} {self.view_id}"
