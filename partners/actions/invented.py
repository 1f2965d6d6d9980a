"""A release of an invented estate, where relays fetch it: no release is published without its candidate."""

from partners.actions.guard import Report
from partners.models import Candidate, Head, Release

__all__ = ["put_at_head"]


def put_at_head(release: Release, sha256: str) -> None:
    """Publish the invented *release*, with the candidate that the database asks for; the caller's transaction."""
    Candidate.objects.create(
        author=release.author,
        cut_at=release.published_at,
        sha256=sha256,
        findings_sha256=Report((), ()).sha256,
        guarded_at=release.published_at,
        needs_second=False,
        state=Candidate.State.PUBLISHED,
        release=release,
    )
    Head.objects.update_or_create(pk=1, defaults={"release": release})
