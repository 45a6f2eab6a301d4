"""Printing results: tables for people, JSON for programs, both on standard output."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..evaluation.evaluation import Evaluation
    from ..improvement.evidence import Evidence
    from ..models import Meter
    from ..models.settings import Price
    from ..results.measures import Measure
    from ..results.run import Run
    from ..results.scorecard import Scorecard
    from ..statistics.estimates import Interval
    from .progress import TerminalReporter

from .said import say

PIPED_WIDTH, WIDE = 110, 10_000


AGAIN = """\
of them again: the beginnings of prompts that an earlier call began with. A server that keeps
beginnings reads these once, as many do (hosted ones mostly from 1,024 tokens on); the dollars here
are without that."""


def as_json(value: Mapping[str, Any], schema: int = 1) -> None:
    """Print one JSON object, indented; ``schema`` is the version of its form (docs/json.md)."""
    import orjson

    from ..legible import in_json
    from ..results.plain import plain

    document = {"schema": schema, **plain(value)}
    print(in_json(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()))


def view(renderable: Any) -> None:
    """Print what rich can print. Where nobody's terminal sets a width, text has a fixed one, and a
    table the one it takes: whoever reads it line by line finds a row in a line."""
    from rich.console import Console, Group
    from rich.table import Table

    from ..results.text import Fitting

    for part in renderable.renderables if isinstance(renderable, Group) else [renderable]:
        console = Console(highlight=False)
        if not sys.stdout.isatty():
            wanted = natural_width(part) if isinstance(part, Table | Fitting) else 0
            console = Console(highlight=False, width=max(PIPED_WIDTH, wanted))
        console.print(part)


def natural_width(renderable: Any) -> int:
    """Columns that it takes if nothing is folded."""
    from rich.console import Console

    return Console(width=WIDE).measure(renderable).maximum


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """Print a table; columns named in ``right`` are aligned to the right.

    A terminal that is too narrow folds it between words; one that is narrower than that gets its
    rows one below the other, so that a name is whole in any.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ..legible import line

    cells = [tuple(line(str(cell)) for cell in row) for row in rows]
    header, right = list(map(line, header)), list(map(line, right))
    words = [
        max(len(word) for cell in column for word in (cell.split() or [""]))
        for column in zip(header, *cells, strict=True)
    ]
    if sys.stdout.isatty() and sum(words) + 2 * len(words) > Console().width:
        _records(header, cells)
        return
    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name, word in zip(header, words, strict=True):
        shown.add_column(name, justify="right" if name in right else "left", min_width=word)
    for row in cells:
        shown.add_row(*map(escape, row))
    view(shown)


def _records(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Each row as lines of its own: what it is called, and below what there is about it."""
    for first, *others in rows:
        say(first)
        for name, cell in zip(header[1:], others, strict=True):
            say(f"  {name}  {cell}")


def scorecard(card: Scorecard, json: bool, **beside: Any) -> None:
    """Print a scorecard; as JSON with what else belongs to it."""
    from ..legible import in_json
    from ..results.text import scorecard_view

    if json and beside:
        as_json(card.model_dump(mode="json", by_alias=True) | beside, schema=card.schema_)
    elif json:
        print(in_json(card.to_json()))
    else:
        view(scorecard_view(card))


def reported_by(run: Run, reporter: TerminalReporter) -> None:
    """Say so where a run is reported by other judges than those that were just asked."""
    kept, asked = run.reported_by()
    if kept == asked:
        return
    before = " + ".join(judge.name for judge in kept)
    same = {judge.name for judge in kept} & {judge.name for judge in asked}
    named = [judge.key if judge.name in same else judge.name for judge in asked]
    told = " ".join(f"--judge {name}" for name in named)
    reporter.note(
        f"this is by {' + '.join(named)}; {run.id} stays reported by {before}, as before. To see "
        f"this again, add {told} to msb summary; to choose it, msb runs judge {run.id} {told}"
    )


def plan(evaluation: Evaluation, json: bool) -> None:
    """Print what is left to do, and ask nobody."""
    from dataclasses import asdict

    from ..evaluation.plan import plan as make_plan

    found = make_plan(evaluation)
    if json:
        as_json(asdict(found))
        return
    shares = [("target", found.target), *(("judge", share) for share in found.judges)]
    table(
        ("", "name", "calls left", "input tokens", "of them again", "output tokens", "dollars"),
        [
            (
                role,
                share.name,
                f"{share.calls:,}",
                f"~{share.input_tokens:,}",
                f"~{share.shared_tokens:,}",
                f"at most {share.output_tokens:,}",
                "-" if share.dollars is None else f"at most {share.dollars:,.2f}",
            )
            for role, share in shares
        ],
        right=("calls left", "input tokens", "of them again", "output tokens", "dollars"),
    )
    say(*AGAIN.splitlines())
    say("", *evaluation.warnings, f"{found.run}: {found.n:,} requests. Nothing was asked.")


def spent(evaluation: Evaluation) -> str:
    """One line: what this run took, retries included."""
    parts = [_share("target", evaluation.target.meter, evaluation.target_price)]
    parts += [_share("judge", judge.meter, price) for judge, price in evaluation.everyone]
    return "; ".join(parts)


def _share(role: str, meter: Meter, price: Price | None) -> str:
    tokens = f"{meter.input_tokens:,} + {meter.output_tokens:,} tokens"
    retried = f" ({meter.retries:,} retries)" if meter.retries else ""
    cost = price.of(meter.input_tokens, meter.output_tokens) if price else None
    return f"{role}: {meter.calls:,} calls{retried}, {tokens}" + (
        "" if cost is None else f", ${cost:,.2f}"
    )


def evidence(found: Evidence, json: bool) -> None:
    """The table of before and after, and the sentence under it."""
    from ..improvement.evidence import as_rows, verdict

    if json:
        as_json(
            {"judge": found.judge, "runs": found.runs, "rows": as_rows(found)}
            | {"verdict": verdict(found)}
        )
        return
    header = ["", "on", "n", "before", "after", "change", "p"]
    rows = [
        (
            _titled(row.measure),
            row.on,
            row.n,
            *(_figure(row.measure, *figure) for figure in (row.before, row.after)),
            _figure(row.measure, row.change, row.interval, sign=True),
            _p(row.p),
        )
        for row in found.rows
    ]
    table(header, rows, right=["n", "p"])
    say("", f"judge {found.judge}; 95% intervals; p of paired tests, not corrected")
    say("", *verdict(found).splitlines())


def _titled(key: str) -> str:
    """What a row of evidence is called, with its unit where that is a share."""
    measure = _measure(key)
    title = measure.title if measure else key
    return title if _in_units(key) else f"{title}, %"


def _measure(key: str) -> Measure | None:
    from ..results.measures import MEASURES

    return next((measure for measure in MEASURES if measure.key == key), None)


def _figure(key: str, value: float, interval: Interval | None, sign: bool = False) -> str:
    """A value in points with two digits, or a share in percent with one; its interval behind it."""
    measure = _measure(key)
    digits = 2 if measure and measure.unit == "points" else 1
    scale = 1 if _in_units(key) else 100
    form = f"{{:{'+' if sign else ''}.{digits}f}}"
    text = form.format(value * scale)
    if interval is None:
        return text
    return f"{text} [{form.format(interval.low * scale)}, {form.format(interval.high * scale)}]"


def _in_units(key: str) -> bool:
    """True for points and words, which are no shares."""
    measure = _measure(key)
    return key == "words" or (measure is not None and measure.unit == "points")


def _p(p: float) -> str:
    if math.isnan(p):
        return ""
    return "< .001" if p < 0.001 else f"{p:.3f}"
