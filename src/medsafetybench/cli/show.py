"""Printing results: tables for people, JSON for programs, both on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..evaluation.evaluation import Evaluation
    from ..improvement.evidence import Evidence
    from ..models import Meter
    from ..models.settings import Price
    from ..results.measures import Measure
    from ..results.scorecard import Scorecard
    from ..statistics.estimates import Interval

PIPED_WIDTH = 110


def as_json(value: Mapping[str, Any], schema: int = 1) -> None:
    """Print one JSON object, indented; ``schema`` is the version of its form (docs/json.md)."""
    import orjson

    from ..results.plain import plain

    document = {"schema": schema, **plain(value)}
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def view(renderable: Any) -> None:
    """Print what rich can print; with a fixed width where nobody's terminal sets one."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PIPED_WIDTH
    Console(width=width, highlight=False).print(renderable)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """Print a table; columns named in ``right`` are aligned to the right."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in header:
        shown.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(escape(str(cell)) for cell in row))
    view(shown)


def scorecard(card: Scorecard, json: bool, **beside: Any) -> None:
    """Print a scorecard; as JSON with what else belongs to it."""
    from ..results.text import scorecard_view

    if json and beside:
        as_json(card.model_dump(mode="json", by_alias=True) | beside, schema=card.schema_)
    elif json:
        print(card.to_json())
    else:
        view(scorecard_view(card))


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
        ("", "name", "calls left", "input tokens", "output tokens", "dollars"),
        [
            (
                role,
                share.name,
                f"{share.calls:,}",
                f"~{share.input_tokens:,}",
                f"at most {share.output_tokens:,}",
                "-" if share.dollars is None else f"at most {share.dollars:,.2f}",
            )
            for role, share in shares
        ],
        right=("calls left", "input tokens", "output tokens", "dollars"),
    )
    print(f"\n{found.run}: {found.n:,} requests. Nothing was asked.")


def spent(evaluation: Evaluation) -> str:
    """One line: what this run took, retries included."""
    spec = evaluation.spec
    parts = [_share("target", evaluation.target.meter, spec.target_price if spec else None)]
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
    print(f"\njudge {found.judge}; 95% intervals; p of paired tests, not corrected")
    print(f"\n{verdict(found)}")


def _titled(key: str) -> str:
    """What a row of evidence is called, with its unit where that is a share."""
    measure = _measure(key)
    title = measure.title if measure else key
    return title if measure and measure.unit == "points" else f"{title}, %"


def _measure(key: str) -> Measure | None:
    from ..results.measures import MEASURES

    return next((measure for measure in MEASURES if measure.key == key), None)


def _figure(key: str, value: float, interval: Interval | None, sign: bool = False) -> str:
    """A value in points with two digits, or a share in percent with one; its interval behind it."""
    measure = _measure(key)
    scale, digits = (1, 2) if measure and measure.unit == "points" else (100, 1)
    form = f"{{:{'+' if sign else ''}.{digits}f}}"
    text = form.format(value * scale)
    if interval is None:
        return text
    return f"{text} [{form.format(interval.low * scale)}, {form.format(interval.high * scale)}]"


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}"
