"""The scorecard of a run: a typed object with a documented, versioned JSON form.

    card = open_run("last").summary()
    card.figure("over_refusal").value, card.figure("over_refusal").ci95
    card.sides["harmful"].by["principle"][0].figures["refusal"].value
    card.to_json()

One side for each intent that was asked, with every measure that the judge's scale supports; what it
does not support is named in ``not_measured``. An unscored response or an error is counted, and
never scored: ``bounds`` says what it could change.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..labelled.labelled import PEOPLE
from ..statistics.estimates import Interval

SCHEMA = 2


class Counts(BaseModel):
    """How many requests there are, and what came of them; the last four add up to ``n``."""

    n: int = Field(description="Requests")
    scored: int = Field(description="Requests whose response has a score")
    unscored: int = Field(description="Judged without a readable verdict, or nothing to judge")
    errors: int = Field(description="The target or the judge could not be asked")
    pending: int = Field(description="Not answered or not judged yet")


class Figure(BaseModel):
    """One measure over some requests; all null where none is scored."""

    value: float | None = Field(description="In the measure's unit: points, or a share 0 to 1")
    stderr: float | None = Field(description="Standard error of a mean; null for a share")
    ci95: Interval | None = Field(description="95% interval")
    bounds: Interval | None = Field(
        description="The value if all that is not scored were the least, and if the greatest"
    )


class Group(Counts):
    """Some requests with every measure of their side, by its key."""

    value: int | str | None = Field(None, description="What the requests have in common")
    title: str = Field("", description="The same for people")
    figures: dict[str, Figure]


class LevelCount(BaseModel):
    """How many responses got one level of the judge's scale."""

    score: int
    level: str
    count: int


class Side(Group):
    """All requests of one intent (or all of the run, under the key ``all``)."""

    levels: list[LevelCount] = Field(description="The distribution over the scale's levels")
    by: dict[str, list[Group]] = Field(
        description="Parts of the side by principle, source, language, turn and framing, where "
        "there are several, and by tag of criteria: a tag's criteria alone"
    )


class MeasureInfo(BaseModel):
    """What a figure's key stands for."""

    key: str
    title: str
    side: str
    better: str
    unit: str
    explanation: str


class SurvivalStep(BaseModel):
    """One turn of the survival curve (Kaplan and Meier)."""

    turn: int
    at_risk: int = Field(description="Requests held at every turn before, scored at this one")
    gave_way: int = Field(description="Of those: first not held at this turn")
    survival: float = Field(description="Share of requests that held out up to and with this turn")
    ci95: Interval | None = Field(description="95% interval (beta product)")


class Survival(BaseModel):
    """How long the target held out under pressure, over the turns of harmful requests."""

    held: str = Field(description="What holding out is: the key of a measure")
    steps: list[SurvivalStep]


class JudgePair(BaseModel):
    """Agreement of two judges of the panel, over the harmful requests both scored."""

    judges: tuple[str, str]
    n: int
    exact: float | None = Field(description="Share of equal scores")
    within_one: float | None = Field(description="Share of scores at most one apart")
    quadratic_kappa: float | None = Field(description="Cohen's kappa, quadratic weights")


class PanelAgreement(BaseModel):
    """How far the judges of a panel agree on harmful requests."""

    alpha: float | None = Field(description="Krippendorff's ordinal alpha, all judges")
    pairs: list[JudgePair]


class CorrectedPart(BaseModel):
    """A corrected measure over the requests of one principle, by the labels of those alone."""

    principle: int
    n: int = Field(description="Requests labelled")
    value: float
    ci95: Interval


class Corrected(BaseModel):
    """A measure corrected for the judge's error by trusted labels on a sample (PPI++)."""

    measure: str
    by: list[str] = Field(description="Who gave the labels: people, or the auditing judge")
    sample: str = Field(description="How the requests that they labelled were drawn")
    n: int = Field(description="Requests labelled")
    unread: int = Field(
        description="Requests that were drawn and have no label: the worst at each end of ci95"
    )
    value: float
    ci95: Interval
    lambda_: float = Field(alias="lambda", description="How far the judge is relied on, 0 to 1")
    principles: list[CorrectedPart] = Field(
        description="The same by principle, of those with 50 labels of their own"
    )


class NotCorrected(BaseModel):
    """A measure that has labels and is not corrected by them."""

    measure: str
    labels: int = Field(description="Requests labelled, however they were chosen")
    why: str


class StoppedEarly(BaseModel):
    """A gate that was decided before all was asked. The intervals of such a run hold at whatever
    request it stops; figures that have no such interval have none."""

    verdict: str = Field(description="What the gate was decided to be: pass or fail")
    asked: int = Field(description="Requests that were asked and judged by then")


class CheckedOn(BaseModel):
    """How far a judge agreed with people on one labelled set."""

    set: str = Field(description="The set's name; of people's labels of a run, the run's id")
    part: str = Field(
        description="test, all; folds: each response judged by a boundary that its label had no "
        "part in; left out: the set judged by the same training without it"
    )
    n: int = Field(description="Responses")
    scored: int = Field(description="Those that the judge came to a verdict on: kappa is of them")
    kappa: float | None
    ci95: Interval | None
    trained: bool = Field(description="The judge was made with this set: no evidence")
    by: str = Field(default=PEOPLE, description="Who labelled; if not people, no evidence")

    @property
    def counts(self) -> bool:
        """True if it is evidence of how the judge agrees with people."""
        return not self.trained and self.by == PEOPLE


class JudgeChecked(BaseModel):
    """How far a judge of the run has been checked against people's labels (its judge cards)."""

    judge: str
    key: str
    kappa: float | None = Field(
        description="Mean over the sets that it was not made with, each counting once"
    )
    ci95: Interval | None
    least: float | None = Field(
        description="Low end of the same where no verdict counts as wrong: what a gate goes by; on "
        "people's labels of this run where there are any"
    )
    sets: list[CheckedOn]
    run: CheckedOn | None = Field(description="On people's labels of this very run")
    text: str = Field(description="The same in a sentence")


class BenchmarkInfo(BaseModel):
    """What was asked. ``selection`` says how it was narrowed down, if it was."""

    name: str
    sha256: str = Field(description="Hash of the requests asked, in order")
    selection: dict[str, Any] = Field(default_factory=dict)
    version: str | None = Field(None, description="The edition that the set states; null for none")

    @property
    def title(self) -> str:
        """The name with the version, as ``msb evaluate --benchmark`` takes it."""
        return f"{self.name}@{self.version}" if self.version else self.name


class Scorecard(BaseModel):
    """See the module's docstring."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: int = Field(SCHEMA, alias="schema", description="Version of this JSON form")
    run: str
    benchmark: BenchmarkInfo
    target: str = Field(description="What the target is called")
    details: list[str] = Field(
        default_factory=list,
        description="What else decides its answers, where that is not the usual: revision, system "
        "prompt, temperature",
    )
    judge: str = Field(description="The judge, or the panel joined by ' + '")
    judges: list[dict[str, Any]] = Field(description="All that identifies each judge")
    scale: str | None = Field(description="What the judge's verdicts say; null without a judge")
    rule: str | None = Field(description="How a panel's scores become one; null for one judge")
    created: str = Field(description="When the run was begun, UTC")
    measures: list[MeasureInfo] = Field(description="What the keys of figures stand for")
    not_measured: list[str] = Field(description="Titles of measures that the scale cannot give")
    sides: dict[str, Side] = Field(description="By intent: harmful, benign, care; all")
    reasons: dict[str, int] = Field(description="Why responses have no score")
    max_tokens: int | None = Field(None, description="Longest response allowed; null if unknown")
    survival: Survival | None = Field(None, description="Null unless the run was under pressure")
    agreement: PanelAgreement | None = Field(description="Null unless several judges scored")
    corrected: list[Corrected] = Field(description="Empty with fewer than 50 labels of a sample")
    not_corrected: list[NotCorrected] = Field(
        default_factory=list, description="Measures with labels that cannot correct them, and why"
    )
    labels: int = Field(0, description="Requests that people or an auditing judge labelled")
    stopped_early: StoppedEarly | None = Field(
        None, description="Null unless a gate stopped the run before all was asked"
    )
    intervals: str = Field("", description="What the intervals are of, in words")
    others: list[str] = Field(
        default_factory=list, description="Judges that scored the run and are not its panel"
    )

    checked: list[JudgeChecked] = Field(
        default_factory=list, description="How far each judge was checked against people"
    )

    @property
    def counts(self) -> Counts:
        """What came of all requests together."""
        names = list(Counts.model_fields)
        own = [side for key, side in self.sides.items() if key != "all"]
        return Counts(**{name: sum(getattr(side, name) for side in own) for name in names})

    @property
    def one_sided(self) -> bool:
        """True if harmful requests were asked and no benign one was scored beside them."""
        benign = self.sides.get("benign")
        return "harmful" in self.sides and not (benign and benign.scored)

    @property
    def uncorrected(self) -> list[str]:
        """A line for each reason why labels do not correct a measure, with the measures."""
        titles = {info.key: info.title for info in self.measures}
        reasons: dict[str, list[str]] = {}
        for one in self.not_corrected:
            reasons.setdefault(one.why, []).append(titles[one.measure])
        return [f"{', '.join(listed)}: {why}" for why, listed in reasons.items()]

    def figure(self, measure: str) -> Figure | None:
        """The figure of a measure over its whole side, by its key; None where there is none."""
        found = [side.figures[measure] for side in self.sides.values() if measure in side.figures]
        return found[0] if found else None

    def to_json(self) -> str:
        """One JSON object, the form that ``msb summary --json`` prints."""
        return self.model_dump_json(by_alias=True, indent=2)

    def __str__(self) -> str:
        from .text import scorecard_text

        return scorecard_text(self)

    def __repr__(self) -> str:
        counts = self.counts
        return f"Scorecard({self.run!r}, {self.target!r}, {counts.scored} of {counts.n} scored)"

    def _repr_html_(self) -> str:
        from .text import as_html

        return as_html(self)
