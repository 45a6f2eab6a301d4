"""Which requests of a run did not go well, so that they alone are asked again."""

from __future__ import annotations

from ..store.outcomes import Outcomes
from .measures import went_wrong


def failed_ids(found: Outcomes) -> frozenset[str]:
    """Ids of the requests whose response should have been another, and of all without a score."""
    scale = found.scale
    scored = zip(found.ids, found.intent.codes.tolist(), found.score.tolist(), strict=True)
    return frozenset(
        identity
        for identity, intent, score in scored
        if not score or scale is None or went_wrong(scale, found.intent.values[intent], score)
    )
