"""Reading a scorecard in tests: value(card, "refusal")."""

from __future__ import annotations

from medsafetybench.results.scorecard import Figure, Scorecard


def figure(card: Scorecard, measure: str) -> Figure:
    """The figure of a measure, which must be there."""
    found = card.figure(measure)
    assert found is not None, f"{measure} was not measured by {card.judge}"
    return found


def value(card: Scorecard, measure: str) -> float:
    """The value of a measure, which must be known."""
    found = figure(card, measure).value
    assert found is not None, f"nothing is scored for {measure}"
    return found
