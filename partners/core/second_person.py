"""Whose yes counts beside an author's: asked when a candidate is published, and told on its page before."""

__all__ = ["is_second"]


def is_second(*, may_approve: bool, is_author: bool, given_alone: bool, alone_now: bool) -> bool:
    """Whether a yes that was given counts now.

    may_approve: who gave it still is an approver. given_alone: it was given in single-operator mode and is marked so;
    it counts as long as that mode lasts, also from an author.
    """
    return may_approve and (alone_now if given_alone else not is_author)
