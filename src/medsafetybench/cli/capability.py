"""msb capability: what a model knows, by lm-eval; against a baseline, what a change did to that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError, UnknownName
from ..evaluation.options import TargetOptions
from . import options, show
from .said import say
from .told import Told, takes
from .usage import at_least

if TYPE_CHECKING:
    from ..capability.change import CapabilityChange
    from ..capability.measure import CapabilityResult, Setting
    from ..statistics.estimates import Interval


ASKED = {"system", "prompt_style", "temperature", "max_tokens", "seed"}
"""Settings of a target that multiple choice has no use for."""


@takes(
    TargetOptions,
    leave_out=(*ASKED, "target_param", "target_price"),
    changes={
        "target": {
            "help": "Who answers: hf:MODEL, hf:BASE+ADAPTER or openai:MODEL. Without: list."
        },
        "target_template": {"help": "chat or plain; hf: also alpaca or a Jinja file."},
    },
)
def capability(
    told: Told[TargetOptions],
    *,
    baseline: Annotated[
        str | None,
        Parameter(help="Compare with this target, or with a measured one by its key."),
    ] = None,
    tasks: Annotated[
        str | None,
        Parameter(
            help="medical, probe, or names of lm-eval, by commas. [default: medical, or all of "
            "--tasks-dir]"
        ),
    ] = None,
    tasks_dir: Annotated[
        Path | None, Parameter(help="A folder of lm-eval task files, with data of its own.")
    ] = None,
    preset: Annotated[
        str, Parameter(help="quick: 0 shots; paper: 3 shots and 10 seeds.")
    ] = "quick",
    shots: Annotated[
        int | None, Parameter(validator=at_least(0), help="Examples before each question.")
    ] = None,
    seeds: Annotated[
        int | None, Parameter(validator=at_least(1), help="How often examples are drawn anew.")
    ] = None,
    limit: Annotated[
        int | None,
        Parameter(validator=at_least(1), help="Ask so many of a task's questions, a fixed draw."),
    ] = None,
    margin: Annotated[
        float, Parameter(help="In points of accuracy: what counts as no change.")
    ] = 2.0,
    target_api: Annotated[
        str, Parameter(help="openai: completions, or chat for tasks that generate.")
    ] = "completions",
    target_tokenizer: Annotated[
        str | None, Parameter(help="openai: its tokenizer, a folder or Hub id.")
    ] = None,
    batch: Annotated[
        int | None,
        Parameter(validator=at_least(1), help="hf: prompts at once. [default: by device]"),
    ] = None,
    data_dir: options.DataDir = None,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Measure medical knowledge on multiple choice, and what a change of the model did to it.

    Run the same command again to resume. Without --target, list what is stored.
    """
    from ..capability.change import compare, compare_tasks
    from ..capability.measure import measure, stored_results
    from ..capability.models import Served

    if "target" not in told.given:
        _list(store, as_json)
        return
    asked, setting = told.value(), _setting(preset, shots, seeds, limit)

    def measured(spec: str) -> list[CapabilityResult]:
        return measure(
            spec,
            [name.strip() for name in (tasks or "").split(",") if name.strip()],
            setting,
            store=store,
            tasks_dir=tasks_dir,
            data_dir=data_dir,
            endpoint=asked.target_endpoint,
            served=Served(target_api, target_tokenizer),
            batch=batch,
            note=lambda line: say(line, error=True),
        )

    if not 0 < margin < 100:
        raise MsbError(f"--margin {margin:g}; expected points between 0 and 100, as 2")
    after = measured(str(asked.target))
    if baseline is None:
        _show_results(after, as_json)
        return
    before = measured(baseline) if ":" in baseline else stored_results(baseline, after, store)
    changes = [*compare_tasks(before, after, margin / 100), compare(before, after, margin / 100)]
    _show_changes(before, after, changes, as_json)


def _setting(preset: str, shots: int | None, seeds: int | None, limit: int | None) -> Setting:
    from ..capability.measure import PRESETS

    if preset not in PRESETS:
        raise UnknownName("preset", preset, PRESETS)
    found = PRESETS[preset]
    return replace(
        found,
        shots=found.shots if shots is None else shots,
        seeds=seeds or found.seeds,
        limit=limit,
    )


def _list(store: Path, as_json: bool) -> None:
    from ..store.capability import CapabilityStore

    with CapabilityStore.read(store) as opened:
        rows = [
            {
                "key": target.key,
                "target": target.name,
                "task": asked.task,
                "version": asked.version,
                "shots": answers.shots,
                "seed": answers.seed,
                "n": len(answers.correct),
                "accuracy": answers.accuracy,
                "stderr": answers.stderr,
            }
            for target in opened.targets()
            for asked, answers in opened.results(target.key)
        ]
    if as_json:
        show.as_json({"results": rows})
    elif not rows:
        say(f"no capability results in {store}; `msb capability --target hf:...` makes some")
    else:
        names = ("key", "target", "task", "shots", "seed", "n")
        show.table(
            (*names, "accuracy"),
            [
                (row["key"], *(row[name] for name in names[1:]), f"{row['accuracy']:.1%}")
                for row in rows
            ],
            right=("shots", "seed", "n", "accuracy"),
        )


def _show_results(results: Sequence[CapabilityResult], as_json: bool) -> None:
    target = results[0].target
    if as_json:
        show.as_json({"target": _target(results), "results": [r.to_json() for r in results]})
        return
    say(f"{target.name}  [{target.key}]", "")
    shown = ("accuracy", "95% interval", "chance", "stderr", "seed to seed")
    right = ("shots", "seeds", "questions", *shown)
    show.table(
        ("task", *right),
        [
            (
                f"{r.task} (version {r.asked.version})",
                r.shots,
                len(r.seeds),
                r.n,
                f"{r.accuracy:.1%}",
                _interval(r.interval),
                "-" if r.chance is None else f"{r.chance:.1%}",
                "-" if r.stderr is None else f"{r.stderr:.1%}",
                "-" if r.seed_spread is None else f"{r.seed_spread:.1%}",
            )
            for r in results
        ],
        right=right,
    )


def _show_changes(
    before: Sequence[CapabilityResult],
    after: Sequence[CapabilityResult],
    changes: Sequence[CapabilityChange],
    as_json: bool,
) -> None:
    if as_json:
        found: dict[str, Any] = {
            name: {**_target(results), "results": [r.to_json() for r in results]}
            for name, results in (("before", before), ("after", after))
        }
        found["changes"] = list(changes)
        found["sentence"] = changes[-1].sentence
        show.as_json(found)
        return
    for name, results in (("before", before), ("after", after)):
        say(f"{name:7s} {results[0].target.name}  [{results[0].target.key}]")
    say()
    within = f"within ±{100 * changes[0].margin:g}"
    right = ("questions", "before -> after", "difference, 95% interval", "p", "90% interval")
    show.table(
        ("", *right, within),
        [
            (
                change.on,
                change.n,
                f"{change.before:.1%} -> {change.after:.1%}",
                _points(change.difference, (change.low, change.high)),
                "<0.0001" if change.p_adjusted < 0.0001 else f"{change.p_adjusted:.4f}",
                _points(None, change.tost),
                {True: "yes", False: "no, beyond", None: "not shown"}[change.equivalent],
            )
            for change in changes
        ],
        right=right,
    )
    say("", f"{changes[-1].sentence}")
    say(
        "difference: after - before in points, intervals by Tango; p: McNemar's exact test, "
        "corrected over tasks by Holm; within: two one-sided tests at 5%, which the 90% interval "
        "shows"
    )


def _target(results: Sequence[CapabilityResult]) -> dict[str, Any]:
    target = results[0].target
    return {"key": target.key, "name": target.name, "settings": target.settings}


def _interval(interval: Interval | None) -> str:
    return f"[{interval.low:.1%}, {interval.high:.1%}]" if interval else "-"


def _points(difference: float | None, interval: tuple[float, float]) -> str:
    """Shares as points: ``-0.4 [-1.2, +0.3]``."""
    ends = ", ".join(f"{100 * end:+.1f}" for end in interval)
    return f"[{ends}]" if difference is None else f"{100 * difference:+.1f} [{ends}]"
