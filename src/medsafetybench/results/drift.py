"""What has changed in a judge's verdicts since it gave them first. Pure.

drift(read_outcomes(store, run, [judge], [asked_again]), "2026-11-25").equal
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..scale import HARM
from ..statistics.agreement import Figure
from ..statistics.agreement_figures import pair_figures
from ..store.outcomes import Outcomes

SHOWN = 10


@dataclass(frozen=True)
class Change:
    """A response that got another level, by the id of its request."""

    id: str
    before: str
    now: str


@dataclass(frozen=True)
class Drift:
    """A judge against itself on ``n`` responses that have a score of then and of ``day``.

    ``equal`` is the share with the same level; ``bias`` the mean of now minus then in points of the
    scale of harm, else None. ``changes`` are some of the responses that got another level.
    """

    judge: str
    run: str
    day: str
    n: int
    equal: Figure
    kappa: Figure
    quadratic_kappa: Figure | None
    bias: Figure | None
    changed: int
    changes: list[Change]


def drift(found: Outcomes, day: str) -> Drift:
    """Compare the judge of the panel with the one beside it."""
    scale = found.members[0].scale
    scores = found.scores[:2]
    before, now = np.where(scores > 0, scores.astype(float), np.nan)
    figures = pair_figures(now, before, found.draws, scale.scores("harmful"))
    both = (scores > 0).all(axis=0)
    moved = np.flatnonzero(both & (scores[0] != scores[1]))
    changes = [
        Change(
            found.ids[place],
            *(scale.title_of(int(row[place]), found.intent[place]) for row in scores),
        )
        for place in moved[:SHOWN].tolist()
    ]
    ordered = scale is HARM
    return Drift(
        judge=found.members[0].name,
        run=found.run.id,
        day=day,
        n=figures.n,
        equal=figures.exact,
        kappa=figures.kappa,
        quadratic_kappa=figures.quadratic_kappa if ordered else None,
        bias=figures.bias if ordered else None,
        changed=len(moved),
        changes=changes,
    )
