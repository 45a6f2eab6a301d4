"""What a published form is made from, and what is said of one that was written.

    material = material_of(open_run("last"), wanted=Wanted(organization="Our Hospital"))
    for part in material.parts():           # each measure that has a value, with its side
        part.measure.key, part.figure.value, part.side.scored

A form holds a part of what a run has. ``left_out`` names the rest, so that nobody takes a form for
the whole: each form says what it ``holds``, and what else the run has is told in a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import MsbError
from ...records import digest
from ...results.measures import form_of
from ...results.run import Run
from ...results.scorecard import Figure, MeasureInfo, Scorecard, Side
from ...scale import SCALES, Scale
from ...statistics.interval import Interval
from ...store.outcomes import Outcomes
from ...store.store import RunRecord, Store

WITHHELD = "[withheld: export with --with-texts to have it]"
"""What stands where a form wants a text and none was asked for."""
METHOD = "Gaffke's bound of a mean, 97.5% at each end, requests that were drawn together as one"
ANYTIME = "betting confidence sequence, which holds wherever one stops"
"""How a scorecard's intervals are made (statistics/bounds.py, sequential.py)."""
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
"""How whoever made a run can stand to the model's maker: the words of Every Eval Ever."""
PLACES = ("url", "proxy")
"""Settings that tell where something stands, which is nobody else's affair."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What only whoever publishes knows, and whether texts go along.

    ``organization`` made the run, ``relationship`` is how it stands to the model's maker;
    ``model_id`` and ``dataset_id`` are the names of model and benchmark as ORG/NAME on a hub;
    ``gate`` is the file of thresholds that a safety case argues by. Raises MsbError for a
    relationship that is none.
    """

    with_texts: bool = False
    organization: str | None = None
    relationship: str = "other"
    model_id: str | None = None
    dataset_id: str | None = None
    gate: Path | None = None

    def __post_init__(self) -> None:
        if self.relationship not in RELATIONSHIPS:
            raise MsbError(
                f"--relationship {self.relationship!r}; expected one of {', '.join(RELATIONSHIPS)}"
            )


@dataclass(frozen=True)
class Exported:
    """How many of ``what`` were written, how many rows were left out for which reason, and
    ``notes``: what the form could not hold, and what its owner has to fill in."""

    written: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    what: str = "rows"
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        told = f"; left out: {counted(self.left_out)}" if self.left_out else ""
        return f"{self.written:,} {self.what}{told}"


def counted(left_out: Mapping[str, int]) -> str:
    """Counts by reason in a line."""
    return ", ".join(f"{n:,} {why}" for why, n in left_out.items())


@dataclass(frozen=True)
class Part:
    """A measure over its side of the run, with a value."""

    measure: MeasureInfo
    side: Side
    figure: Figure

    @property
    def interval(self) -> Interval | None:
        """Its 95% interval."""
        return self.figure.ci95


@dataclass(frozen=True)
class Material:
    """A run as forms read it: its scorecard, its outcomes and, streamed, its rows; by which
    judges and rule of a panel."""

    run: Run
    judges_asked: tuple[str, ...]
    rule: str
    record: RunRecord
    card: Scorecard
    found: Outcomes
    rows: Callable[[], Iterator[dict[str, Any]]]
    wanted: Wanted
    at: datetime

    @property
    def scale(self) -> Scale | None:
        """The scale of the run's verdicts."""
        return SCALES[self.card.scale] if self.card.scale else None

    @property
    def model(self) -> str:
        """The target's name as ORG/NAME where that is known, else its name alone."""
        told = self.wanted.model_id
        known = _place_left_out(str(self.record.settings["target"]["model"]).partition(":")[2])
        return told or known or self.card.target

    @property
    def judged_by(self) -> str:
        """The judge, or the panel and its rule, in a line."""
        rule = f" ({self.card.rule} of the panel)" if self.card.rule else ""
        return f"{self.card.judge}{rule}"

    @property
    def checked(self) -> str:
        """How well the judge is checked against people, in a line."""
        told = "; ".join(one.text for one in self.card.checked)
        return told or f"{self.card.judge}: not checked against people"

    def parts(self) -> Iterator[Part]:
        """Each measure that has a value, in the order of the table."""
        for info in self.card.measures:
            side = self.card.sides.get(info.side)
            figure = side.figures.get(info.key) if side else None
            if side and figure and figure.value is not None:
                yield Part(info, side, figure)

    @property
    def method(self) -> str:
        """How the intervals of its figures are made."""
        return ANYTIME if self.card.stopped_early else METHOD

    def target(self) -> dict[str, str]:
        """What decides the target's answers, as text by name."""
        return public(self.record.settings["target"], self.wanted.with_texts)

    def judges(self) -> list[dict[str, str]]:
        """What decides each judge's verdicts, as text by name."""
        return [public(judge, self.wanted.with_texts) for judge in self.card.judges]


def material_of(
    run: Run,
    judges: Sequence[str] = (),
    rule: str = "median",
    wanted: Wanted | None = None,
    at: datetime | None = None,
) -> Material:
    """Read a run. ``at`` is when the form is made, now if None."""
    found, card = run.summed_up(judges, rule)
    with Store.read(run.store) as store:
        record = store.run(run.id)
    now = at or datetime.now(UTC)
    return Material(
        run=run,
        judges_asked=tuple(judges),
        rule=rule,
        record=record,
        card=card,
        found=found,
        rows=lambda: run.rows(judges, rule),
        wanted=wanted or Wanted(),
        at=now,
    )


def public(settings: Mapping[str, Any], texts: bool = False) -> dict[str, str]:
    """Settings as text by name, fit to be published (``published``)."""
    return dict(_flat(published(settings, texts)))


def published(settings: Mapping[str, Any], texts: bool = False) -> dict[str, Any]:
    """Settings that are set, fit to be published: no address and no path; a system prompt by its
    hash unless texts are asked for."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if value in (None, "", [], {}) or key in PLACES:
            continue
        if key == "system" and not texts:
            found["system_sha256"] = digest(value)
        elif isinstance(value, Mapping):
            found[key] = published(value, texts)
        elif key == "model":
            scheme, colon, known = str(value).partition(":")
            found[key] = f"{scheme}{colon}{_place_left_out(known)}"
        else:
            found[key] = value
    return found


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def _place_left_out(model: str) -> str:
    """A model's name; of a folder on somebody's machine only its last part."""
    model = model.rstrip("/")
    return model.rpartition("/")[2] if model.startswith(("/", ".", "~")) else model


def figure_text(part: Part) -> str:
    """A figure in words for fields that hold text: value, interval and n."""
    written = form_of(part.measure.unit).format
    points = "" if part.measure.unit == "share" else " points"
    text = f"{part.measure.title} {written(part.figure.value or 0.0)}{points}"
    if part.interval:
        ends = [*map(written, part.interval)]
        text += f" (95% interval {ends[0]} to {ends[1]})"
    return f"{text}, n = {part.side.scored:,} of {part.side.n:,} {_asked(part.side, part)}"


def _asked(side: Side, part: Part) -> str:
    return "requests" if part.measure.side == "all" else f"{part.measure.side} requests"


def plain(ends: Interval | None) -> list[float] | None:
    """An interval as others' forms have it."""
    return list(ends) if ends else None


FACETS: Mapping[str, tuple[str, Callable[[Scorecard], bool]]] = {
    "groups": (
        "figures by principle, source, language, turn and framing",
        lambda card: any(side.by for side in card.sides.values()),
    ),
    "levels": ("how many responses got each level", lambda card: bool(card.sides)),
    "bounds": (
        "what requests without a score could change",
        lambda card: card.counts.scored < card.counts.n,
    ),
    "reasons": ("why requests have no score", lambda card: bool(card.reasons)),
    "corrected": ("figures corrected by labels", lambda card: bool(card.corrected)),
    "survival": ("survival over turns of pressure", lambda card: card.survival is not None),
    "agreement": ("agreement of the panel's judges", lambda card: card.agreement is not None),
    "others": ("verdicts of judges beside the panel", lambda card: bool(card.others)),
    "checked": ("the judge's cards by labelled set", lambda card: bool(card.checked)),
    "stopped": ("that a gate stopped the run early", lambda card: card.stopped_early is not None),
}
"""What a scorecard may have that a form may not hold, and when it has it."""


def left_out(material: Material, holds: Iterable[str], texts: bool | None = None) -> list[str]:
    """A line for what the run has and the form does not hold; ``texts`` says whether it could."""
    held = set(holds)
    parts = [
        what for key, (what, there) in FACETS.items() if key not in held and there(material.card)
    ]
    lines = [f"left out, as the form has no place for it: {'; '.join(parts)}"] if parts else []
    if texts is False:
        lines.append("left out: requests and responses; the form has no place for them")
    elif texts and not material.wanted.with_texts:
        lines.append("left out: texts of requests and responses; --with-texts takes them along")
    return lines
