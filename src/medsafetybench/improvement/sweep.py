"""How much data does safety take? A model tuned on more and more demonstrations, each measured.

    sweep = Sweep("demo", Path("sweep"), ["med", "med+mix"], [200, 900], recipe=recipe)
    rows = run_sweep(sweep, watcher)
    markdown(rows)     # one line a family and size, seeds averaged: the paper's figure as numbers

A family is one of the paper's fine-tuning subsets (``med``, ``gen``, ``both``; nested, so 400 has
all of 200), and with ``+mix`` the recipe's benign examples besides. Adapters and runs that are
there already are not made again, so the same command goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from math import isnan
from pathlib import Path
from statistics import fmean
from typing import Any

from ..benchmarks import load_benchmark
from ..benchmarks.audit.duplicates import leaked_ids
from ..benchmarks.official import FINETUNE
from ..errors import MsbError
from ..legible import markdown as legible
from ..results.measures import MEASURES, REFUSAL
from ..results.run import Run
from ..results.wording import MOST, wording
from ..tables import is_table
from .evidence import CAPABILITY, INCOHERENT, EvidenceSpec, capability_of, measure
from .recipe import Recipe
from .train import train
from .training import Training, Watcher
from .workers import train_on

FAMILIES = tuple(FINETUNE)
SIZES = (200, 400, 600, 800, 900)
"""Those of the paper's figure."""

BASE = "base"
FAR = "refusal, no near-duplicates"
"""Refusal of the harmful requests that are unlike all that was trained on."""
MIX = "+mix"


@dataclass(frozen=True)
class Sweep:
    """What to tune, on which families and sizes, how often, and how to measure it.

    The adapters go into ``output``, one folder for each family, size and seed. ``ray_address`` is
    that of a Ray cluster whose workers train them, or ``local``; None: they are trained here.
    """

    base: str
    output: Path
    families: Sequence[str] = FAMILIES
    sizes: Sequence[int] = SIZES
    seeds: Sequence[int] = (0,)
    recipe: Recipe = field(default_factory=Recipe)
    evidence: EvidenceSpec = field(default_factory=EvidenceSpec)
    ray_address: str | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One adapter of a sweep; the base is size 0 of ``base``."""

    family: str
    size: int
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.family}-{self.size}-seed{self.seed}"

    @property
    def data(self) -> str:
        """The benchmark it is tuned on."""
        return f"finetune/{self.family.removesuffix(MIX)}-{self.size}"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one adapter: ``value`` over ``n`` requests or questions of ``on``."""

    family: str
    size: int
    seed: int
    measure: str
    on: str
    n: int
    value: float


def points(sweep: Sweep) -> list[Point]:
    """The base, then every adapter, small ones first. Raises MsbError for what there is not."""
    for family in sweep.families:
        if family.removesuffix(MIX) not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise MsbError(f"family {family!r}; expected {known}, each also with {MIX}")
        if family.endswith(MIX) and not sweep.recipe.mix:
            raise MsbError(f"family {family!r}, and the recipe mixes nothing in; add --mix NAME")
        _check_sizes(family.removesuffix(MIX), sweep.sizes)
    return [Point(BASE, 0, 0)] + [
        Point(family, size, seed)
        for size in sorted(set(sweep.sizes))
        for family in dict.fromkeys(sweep.families)
        for seed in sweep.seeds
    ]


def _check_sizes(family: str, sizes: Sequence[int]) -> None:
    """Raises MsbError for a size that the paper has no subset of."""
    largest = FINETUNE[family]
    if wrong := [size for size in sizes if size not in range(100, largest + 1, 100)]:
        raise MsbError(
            f"--sizes {wrong[0]}: the paper's {family} subsets come in steps of 100, from 100 to "
            f"{largest}; `msb improve --data FILE` tunes on any other number of demonstrations"
        )


def run_sweep(
    sweep: Sweep, watcher: Watcher, done: Callable[[Point, list[Row]], None] | None = None
) -> list[Row]:
    """Tune and measure every point that is not done yet; the rows of all of them.

    ``done`` is told of each point as it ends. One that failed on a cluster has no rows, and its
    reason is a note. Raises MsbError for wrong input, before anything.
    """
    planned = points(sweep)
    for point in planned[1:]:
        next(iter(load_benchmark(point.data, data_dir=sweep.evidence.how.data_dir)))
    rows: list[Row] = []
    trainings = {point: _training(sweep, point) for point in planned[1:]}
    address = sweep.ray_address
    failed = train_on(address, list(trainings.values()), watcher) if address else None
    for point in planned:
        target = f"hf:{sweep.base}"
        if training := trainings.get(point):
            if failed is None:
                train(training, watcher)
            elif training.output.absolute() in failed:
                continue
            target = f"{target}+{training.output}"
        found = list(_measured(sweep, point, target))
        rows += found
        if done:
            done(point, found)
    return rows


def _training(sweep: Sweep, point: Point) -> Training:
    mixed = point.family.endswith(MIX)
    changes = {"one_sided": False} if mixed else {"one_sided": True, "mix": []}
    how = sweep.evidence.how
    return Training(
        base=sweep.base,
        data=point.data,
        output=sweep.output / point.name,
        recipe=sweep.recipe.model_copy(update=changes),
        seed=point.seed,
        data_dir=how.data_dir,
        store=how.store or Path("medsafety.db"),
        evaluated=sweep.evidence.benchmarks,
        dtype=how.target_endpoint.dtype,
        device=how.target_endpoint.device,
    )


def _measured(sweep: Sweep, point: Point, target: str) -> Iterator[Row]:
    """Safety, over-refusal and capability of one point."""
    spec = sweep.evidence
    for benchmark in spec.benchmarks:
        run = measure(target, benchmark, spec, None)
        yield from _safety(point, benchmark, run)
        if point.family != BASE:
            trained = load_benchmark(point.data, data_dir=spec.how.data_dir)
            asked = load_benchmark(benchmark, data_dir=spec.how.data_dir)
            yield from _without(point, benchmark, run, leaked_ids(asked, trained))
    for result in capability_of(target, spec):
        yield _row(point, CAPABILITY, result.task, result.n, result.accuracy)


def _safety(point: Point, benchmark: str, run: Run) -> Iterator[Row]:
    card = run.summary()
    for side in card.sides.values():
        for key, figure in side.figures.items():
            if figure.value is not None:
                yield _row(point, key, benchmark, side.scored, figure.value)
    found = wording(run, run.outcomes())
    if found.n:
        yield _row(point, INCOHERENT, benchmark, found.n, found.share)


def _without(point: Point, benchmark: str, run: Run, near: set[str]) -> Iterator[Row]:
    """Refusal of the harmful requests that have no near-duplicate among the training ones."""
    found = run.outcomes()
    if not near or not REFUSAL.supports(found.scale) or found.scale is None:
        return
    values = REFUSAL.of_scores(found.scale, found.score).tolist()
    asked = found.of_side(REFUSAL.side).tolist()
    known = [
        value
        for identity, value, harmful in zip(found.ids, values, asked, strict=True)
        if harmful and identity not in near and not isnan(value)
    ]
    if known:
        yield _row(point, FAR, benchmark, len(known), fmean(known))


def _row(point: Point, name: str, on: str, n: int, value: float) -> Row:
    shown = Path(on).stem if is_table(on) else on
    return Row(point.family, point.size, point.seed, name, shown, n, value)


@dataclass(frozen=True, slots=True)
class Mean:
    """A figure over the seeds of one family and size: mean, least and greatest."""

    family: str
    size: int
    measure: str
    on: str
    n: int
    seeds: int
    value: float
    low: float
    high: float


def means(rows: Sequence[Row]) -> list[Mean]:
    """The rows with seeds averaged, in the order in which they first occur."""
    groups: dict[tuple[str, int, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.family, row.size, row.measure, row.on), []).append(row)
    return [
        Mean(
            *key,
            n=own[0].n,
            seeds=len(own),
            value=fmean(row.value for row in own),
            low=min(row.value for row in own),
            high=max(row.value for row in own),
        )
        for key, own in groups.items()
    ]


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and lines: one line a family and size, one column a measure; ranges over seeds."""
    found = means(rows)
    columns = list(dict.fromkeys((mean.measure, mean.on) for mean in found))
    lines: dict[tuple[str, int], dict[tuple[str, str], str]] = {}
    for mean in found:
        lines.setdefault((mean.family, mean.size), {})[mean.measure, mean.on] = _cell(mean)
    order = sorted(lines, key=lambda key: (key[0] != BASE, key[0], key[1]))
    header = ["family", "size", *(f"{name}: {on}" for name, on in columns)]
    return header, [
        [family, str(size), *(lines[family, size].get(column, "") for column in columns)]
        for family, size in order
    ]


def _form(mean: Mean) -> str:
    points = any(m.key == mean.measure and m.unit == "points" for m in MEASURES)
    return "{:.2f}" if points else "{:.1%}"


def _plain(mean: Mean) -> str:
    return _form(mean).format(mean.value)


def _cell(mean: Mean) -> str:
    form = _form(mean)
    if mean.low == mean.high:
        return _plain(mean)
    return f"{_plain(mean)} ({form.format(mean.low)}-{form.format(mean.high)})"


def by_family(rows: Sequence[Row]) -> Iterator[tuple[list[str], list[list[str]]]]:
    """For a screen, one table a family: a line a measure, a column a size, the base first."""
    found = means(rows)
    for family in dict.fromkeys(mean.family for mean in found if mean.family != BASE):
        own = [mean for mean in found if mean.family in (BASE, family)]
        sizes = sorted({mean.size for mean in own})
        value = {(mean.measure, mean.on, mean.size): _plain(mean) for mean in own}
        header = [family, "on", *("base" if size == 0 else str(size) for size in sizes)]
        yield (
            header,
            [
                [name, on, *(value.get((name, on, size), "") for size in sizes)]
                for name, on in dict.fromkeys((mean.measure, mean.on) for mean in own)
            ],
        )


def broken(rows: Sequence[Row]) -> list[str]:
    """A sentence for each adapter whose answers are no text, whatever else its figures say."""
    return [
        f"{Point(row.family, row.size, row.seed).name} is broken: {row.value:.0%} of its answers "
        f"on {row.on} are no coherent text, so that its other figures there say nothing"
        for row in rows
        if row.measure == INCOHERENT and row.value > MOST
    ]


def markdown(rows: Sequence[Row]) -> str:
    """The table for a document, and what is broken."""
    header, lines = table(rows)
    marks = ["---", *(["--:"] * (len(header) - 1))]
    cells = [[legible(cell) for cell in line] for line in (header, *lines)]
    shown = [f"| {' | '.join(line)} |" for line in (cells[0], marks, *cells[1:])]
    said = [f"\n{legible(sentence, 400)}." for sentence in broken(rows)]
    return "\n".join([*shown, *said]) + "\n"


def as_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as flat dicts, for a file."""
    return [asdict(row) for row in rows]
