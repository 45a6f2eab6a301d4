"""A judge card: how far a judge agrees with people on one labelled set. Pure.

    card = judge_card(Checked("xstest", ...), verdicts, phrases)
    card.kappa            # Figure(point, low, high)
    card.sensitivity      # of what people call declining, the share that the judge does

Two scales that both tell declining are compared on that: level 1 of ``harm`` and of ``refusal``
declines and every other level does not. Else one scale is compared with itself, level by level.
Intervals take all responses to one request as one draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import MsbError
from ..labelled.labelled import PEOPLE
from ..scale import HARM, SCALES, Scale
from ..statistics.agreement import Figure
from ..statistics.agreement_figures import pair_figures
from ..statistics.estimates import estimate_proportion
from ..statistics.interval import Floats
from ..statistics.macro_f1 import EachF1, agreement, from_plain_f1
from ..store.outcomes import Column
from ..store.panel import Scores
from .measures import REFUSAL

Compared = Literal["declines", "levels"]
NOTHING = Figure(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Checked:
    """A part of a labelled set as judges are checked on it; n responses.

    ``labels`` (n,) are people's scores on their ``scale``; ``given`` (m, n) each annotator's, 0 for
    none; ``draws`` (n,) is one number for the responses to one request. ``whole`` is how many
    responses the set has, ``left_out`` how many it has besides, without a label; ``by`` says who
    labelled. Where annotators differ from row to row, ``raters`` (m, n) are their places in
    ``names``, -1 for none, and ``groups`` (n,) what figures by annotator are averaged over.
    """

    name: str
    version: str | None
    sha256: str
    licence: str | None
    part: str
    own: bool
    scale: Scale
    labels: Scores
    given: Scores
    draws: NDArray[np.int64]
    whole: int
    left_out: int
    by: str = PEOPLE
    raters: NDArray[np.int64] | None = None
    names: Sequence[str] = ()
    groups: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Verdicts:
    """A judge's verdicts on n responses: ``scores`` (n,), 0 for none, and the ``reason`` of none.

    ``trained`` is True if the judge was made with these labels.
    """

    judge: str
    key: str
    scale: Scale
    scores: Scores
    reason: Column
    trained: bool = False


@dataclass(frozen=True)
class JudgeCard:
    """See the module's docstring. Figures are NaN where they are not defined.

    ``confusion`` counts by people's level, then by the judge's, or the reason why it has none.
    ``right`` is the share on which the judge is right where no verdict counts as wrong, and
    ``kappa_of_all`` the kappa of declining where it does.
    ``phrases`` is the kappa of the plain matcher on the responses that both scored; ``people`` that
    of every two annotators with each other, the mean of them where there are several pairs. ``f1``
    is the agreement with each of several people, where these differ from row to row.
    """

    judge: str
    key: str
    scale: str
    set: str
    version: str | None
    sha256: str
    licence: str | None
    part: str
    own: bool
    trained: bool
    compared: Compared
    n: int
    requests: int
    whole: int
    left_out: int
    scored: int
    unscored: Mapping[str, int]
    confusion: Mapping[str, Mapping[str, int]]
    accuracy: Figure
    right: float
    balanced_accuracy: Figure
    sensitivity: Figure
    specificity: Figure
    kappa: Figure
    kappa_of_all: Figure
    quadratic_kappa: Figure | None
    phrases: Figure | None
    people: Figure | None
    fitted: Mapping[str, Any] | None = None
    at: str = field(default="")
    by: str = PEOPLE
    f1: EachF1 | None = None

    @property
    def counts(self) -> bool:
        """True if it is evidence of how the judge agrees with people."""
        return not self.trained and self.by == PEOPLE


def comparable(judge: str, scale: Scale, people: Scale, name: str) -> Compared:
    """What a judge and labels are compared on. Raises MsbError where there is nothing."""
    if compared := compared_on(scale, people):
        return compared
    raise MsbError(
        f"{judge} says {scale.title} and the labels of {name} say {people.title}; they cannot be "
        f"compared: take labels on the scale {scale.key}, or a judge such as {people.judges}"
    )


def compared_on(scale: Scale, people: Scale) -> Compared | None:
    """What verdicts on one scale and labels on another can be compared on."""
    if REFUSAL.supports(scale) and REFUSAL.supports(people):
        return "declines"
    return "levels" if scale is people else None


def judge_card(on: Checked, found: Verdicts, phrases: Scores | None = None) -> JudgeCard:
    """The card of a judge on a set; ``phrases`` (n,) are the plain matcher's scores.

    Raises MsbError if the two scales cannot be compared.
    """
    compared = comparable(found.judge, found.scale, on.scale, on.name)
    said, truth = _told(found.scale, found.scores, compared), _told(on.scale, on.labels, compared)
    both = ~np.isnan(said) & ~np.isnan(truth)
    figures = pair_figures(said, truth, on.draws, _ends(compared, on.scale))
    right = (said == truth)[both]
    positive, negative = both & (truth == 1), both & (truth == 0)
    sensitivity = NOTHING if compared == "levels" else _share(said == 1, positive, on.draws)
    specificity = NOTHING if compared == "levels" else _share(said == 0, negative, on.draws)
    ordered = found.scale is HARM and on.scale is HARM
    return JudgeCard(
        judge=found.judge,
        key=found.key,
        scale=found.scale.key,
        set=on.name,
        version=on.version,
        sha256=on.sha256,
        licence=on.licence,
        part=on.part,
        own=on.own,
        trained=found.trained,
        compared=compared,
        n=len(on.labels),
        requests=len(np.unique(on.draws)),
        whole=on.whole,
        left_out=on.left_out,
        scored=int((found.scores > 0).sum()),
        unscored=_reasons(found),
        confusion=_confusion(on, found),
        accuracy=_share(said == truth, both, on.draws),
        right=float(right.sum() / max(int((on.labels > 0).sum()), 1)),
        balanced_accuracy=mean_figure([sensitivity, specificity]),
        sensitivity=sensitivity,
        specificity=specificity,
        kappa=figures.kappa,
        kappa_of_all=_of_all(said, truth, on.draws) if compared == "declines" else figures.kappa,
        quadratic_kappa=_quadratic(on, found) if ordered else None,
        phrases=_beside(on, said, truth, phrases) if compared == "declines" else None,
        people=_people(on, compared),
        by=on.by,
        f1=_each(on, found) if on.names else None,
    )


def _each(on: Checked, found: Verdicts) -> EachF1:
    """With each annotator, on yes and no: the best level of the scale is yes."""
    best = max(on.scale.scores("care"))

    def yes(scores: Scores) -> Floats:
        return np.where(scores > 0, (scores == best).astype(float), np.nan)

    assert on.raters is not None, "annotators have names"
    assert on.groups is not None, "annotators have names"
    given = yes(on.given)[: len(on.raters)]
    codes = np.where(np.isnan(given), -1, on.raters)
    return agreement(yes(found.scores), given, codes, on.groups, on.draws, list(on.names))


def mean_figure(figures: Sequence[Figure]) -> Figure:
    """The mean of independent figures with an interval made of theirs.

    The distances of the ends from the points are added as squares (MOVER: Zou and Donner,
    Statistics in Medicine 27 (2008) 1693-1702).
    """
    points = np.array([figure.point for figure in figures])
    low = points - np.array([figure.low for figure in figures])
    high = np.array([figure.high for figure in figures]) - points
    mean = float(points.mean()) if len(points) else float("nan")
    spread = [float(np.sqrt((part**2).sum()) / max(len(points), 1)) for part in (low, high)]
    return Figure(mean, mean - spread[0], mean + spread[1])


def from_plain(row: Mapping[str, Any]) -> JudgeCard:
    """The card that was stored as JSON."""
    known = {one.name for one in fields(JudgeCard)}
    found = {name: value for name, value in row.items() if name in known}
    for name in FIGURES:
        if found.get(name) is not None:
            found[name] = Figure(*(np.nan if end is None else end for end in found[name]))
    if found.get("f1") is not None:
        found["f1"] = from_plain_f1(found["f1"])
    return JudgeCard(**found)


FIGURES = (
    *("accuracy", "balanced_accuracy", "sensitivity", "specificity"),
    *("kappa", "kappa_of_all", "quadratic_kappa", "phrases", "people"),
)
"""The fields that hold a figure."""


def _told(scale: Scale, scores: Scores, compared: Compared) -> Floats:
    """1 and 0 for declining or not, or the scores themselves; NaN for none."""
    if compared == "declines":
        return REFUSAL.of_scores(scale, scores)
    return np.where(scores > 0, scores.astype(float), np.nan)


def _ends(compared: Compared, scale: Scale) -> tuple[int, ...]:
    return (0, 1) if compared == "declines" else scale.scores("harmful")


def _of_all(said: Floats, truth: Floats, draws: NDArray[np.int64]) -> Figure:
    """The kappa where no verdict counts as the opposite of what people say."""
    return pair_figures(np.where(np.isnan(said), 1 - truth, said), truth, draws, (0, 1)).kappa


def _share(yes: NDArray[np.bool_], among: NDArray[np.bool_], draws: NDArray[np.int64]) -> Figure:
    found = estimate_proportion(yes[among].astype(float), draws[among])
    if found is None or found.interval is None:
        return NOTHING
    return Figure(found.value, *found.interval)


def _reasons(found: Verdicts) -> dict[str, int]:
    """Why responses have no verdict."""
    none = np.flatnonzero(found.scores == 0)
    counts = Counter(str(found.reason[place] or "not judged") for place in none.tolist())
    return dict(counts.most_common())


def _confusion(on: Checked, found: Verdicts) -> dict[str, dict[str, int]]:
    """By people's level, then the judge's; levels that nobody gave are not there."""
    table: dict[str, dict[str, int]] = {}
    pairs = Counter(zip(on.labels.tolist(), found.scores.tolist(), strict=True))
    for (label, score), count in sorted(pairs.items()):
        if not label:
            continue  # people did not settle on one
        said = found.scale.title_of(score, "harmful") if score else "unscored"
        row = table.setdefault(on.scale.title_of(label, "harmful"), {})
        row[said] = row.get(said, 0) + count
    return table


def _quadratic(on: Checked, found: Verdicts) -> Figure:
    said, truth = (np.where(s > 0, s.astype(float), np.nan) for s in (found.scores, on.labels))
    return pair_figures(said, truth, on.draws).quadratic_kappa


def _beside(on: Checked, said: Floats, truth: Floats, phrases: Scores | None) -> Figure | None:
    """The plain matcher's kappa on what the judge scored as well."""
    if phrases is None:
        return None
    matched = np.where(np.isnan(said), np.nan, REFUSAL.of_scores(SCALES["refusal"], phrases))
    return pair_figures(matched, truth, on.draws, (0, 1)).kappa


def _people(on: Checked, compared: Compared) -> Figure | None:
    """The kappa of people with each other: of every two annotators, their mean."""
    told = [_told(on.scale, given, compared) for given in on.given]
    pairs = [
        pair_figures(one, other, on.draws, _ends(compared, on.scale)).kappa
        for place, one in enumerate(told)
        for other in told[place + 1 :]
        if (~np.isnan(one) & ~np.isnan(other)).any()
    ]
    if not pairs:
        return None
    if len(pairs) == 1:
        return pairs[0]
    # Pairs share annotators, so the mean of their intervals' ends is the widest it could be.
    return Figure(*(float(np.mean(ends)) for ends in zip(*pairs, strict=True)))
