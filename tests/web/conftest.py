"""Pages are tested without a collected static directory."""

import pytest


@pytest.fixture(autouse=True)
def _plain_static(settings: object) -> None:
    """Name static files as they are; the manifest exists only where files were collected."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
