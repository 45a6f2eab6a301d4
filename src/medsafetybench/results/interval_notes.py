"""What the intervals that are printed are of, in words that stand beside the numbers."""

from __future__ import annotations

DRAWN = "all requests that these were drawn from"
JUDGE = "the judge's error is not in them"


def of_scorecard(stopped_early: bool, corrected: bool) -> str:
    """What a scorecard's intervals are of; some of its figures may be ``corrected``."""
    where = "; they hold wherever one stops" if stopped_early else ""
    return f"95% intervals of the mean over {DRAWN}{where}; {_judge(corrected)}"


def _judge(corrected: bool) -> str:
    return f"{JUDGE}, but in the corrected ones" if corrected else JUDGE


def of_differences(groups: bool = False, corrected: bool = False) -> str:
    """What the intervals and p-values of differences are of; ``groups`` of runs are contrasted, or
    some are ``corrected``."""
    models = "; the models of a group are these, and stand for no others" if groups else ""
    return f"intervals and p are of the mean over {DRAWN}; {_judge(corrected)}{models}"


def of_ranks() -> str:
    """What the ranks that the data leave open are of."""
    return f"over {DRAWN}, of these models; the judge's error is not in it"


def of_gate(corrected: bool = False) -> str:
    """What a gate's bounds are of; those of a ``corrected`` one reckon with the judge's error."""
    return f"of the mean over {DRAWN}" + ("" if corrected else f"; {JUDGE}")


def of_agreement() -> str:
    """What the intervals of agreement are of."""
    return (
        "95% intervals are over responses like these, of these judges; kappa and alpha have none "
        "where no disagreement was seen"
    )
