"""msb evaluate: ask a target, judge what it says, print the scorecard; again is resuming."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from ..evaluation.allowed import Allowed
from ..evaluation.option import OUTPUT, RUN
from ..evaluation.spec import EvaluationSpec, specified
from . import options, show
from .consent import consented
from .said import say
from .told import PANELS, Told, takes

if TYPE_CHECKING:
    from ..evaluation.evaluation import Evaluation
    from ..evaluation.pipeline import Progress
    from ..evaluation.rounds import How
    from ..results.gate import Gate
    from ..results.gate_spec import GateSpec
    from ..results.scorecard import Scorecard
    from ..store.outcomes import Outcomes
    from .progress import TerminalReporter

INCOMPLETE, INTERRUPTED = 3, 130
WHY_STOPPED = {
    "interrupted": "interrupted",
    "budget": "--max-calls reached",
    "cancelled": "a batch was cancelled",
}


@takes(EvaluationSpec, make=specified)
def evaluate(
    told: Told[EvaluationSpec],
    *,
    file: Annotated[
        Path | None,
        Parameter(
            name="--from",
            group=PANELS[RUN],
            help="A file of settings, as msb show --spec prints; what is given here comes first.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        Parameter(group=PANELS[RUN], help="Print what is left to do and its cost; ask nobody."),
    ] = False,
    gate: Annotated[
        Path | None,
        Parameter(
            metavar="FILE",
            group=PANELS[RUN],
            help="Then hold the run to this file's thresholds, with the exit codes of msb gate.",
        ),
    ] = None,
    stop_early: Annotated[
        bool,
        Parameter(
            negative=(), group=PANELS[RUN], help="Ask no more once a sequential gate is decided."
        ),
    ] = False,
    wait: Annotated[options.Wait, Parameter(group=PANELS[RUN])] = False,
    submit_only: Annotated[options.SubmitOnly, Parameter(group=PANELS[RUN])] = False,
    allow_python: Annotated[options.AllowPython, Parameter(group=PANELS[RUN])] = False,
    allow_keys: Annotated[options.AllowKeys, Parameter(group=PANELS[RUN])] = False,
    as_json: Annotated[options.Json, Parameter(group=PANELS[OUTPUT])] = False,
) -> None:
    """Evaluate a target and print its scorecard. Run the same command again to resume."""
    from ..evaluation.evaluation import prepare
    from ..evaluation.spec_file import read_hashed

    held_to = _gate(gate, stop_early)
    found, sha256 = read_hashed(file) if file else ({}, "")
    spec = told.value(**found)
    if file and found:
        own = _own(spec, found, told, Allowed(python=allow_python, keys=allow_keys))
        own = own if dry_run else consented(own, [spec], file, sha256)
        own.to_open(spec)
        own.to_ask(spec)
    if dry_run and not Path(spec.store or "").is_file():
        spec = replace(spec, store=None)
    how = how_batched(spec.batch, wait, submit_only, spec.ray_address)
    with prepare(spec) as evaluation:
        if dry_run:
            show.plan(evaluation, json=as_json)
        else:
            carry_through(evaluation, as_json, how, held_to, stop_early)


def how_batched(
    executor: str | None, wait: bool, submit_only: bool, cluster: str | None = None
) -> How | None:
    """How calls are made, as a command line says; None: live."""
    from ..evaluation.rounds import How

    if (wait or submit_only) and executor is None:
        raise MsbError("--wait and --submit-only are for runs in batches; add --batch EXECUTOR")
    if wait and submit_only:
        raise MsbError("--wait and --submit-only exclude each other")
    waits = True if wait else False if submit_only else None
    return How(executor, waits, cluster) if executor is not None else None


def _own(
    spec: EvaluationSpec, file: Mapping[str, Any], told: Told[EvaluationSpec], allowed: Allowed
) -> Allowed:
    """What is allowed by the command line, to itself also where the file says it; name the keys."""
    from ..evaluation.allowed import told as keys

    said = set(file) - set(told.given)
    for line in keys([spec]):
        say(line, error=True)
    return Allowed(
        allowed.python or "target" not in said,
        any(value and "trust_remote_code" in name for name, value in told.given.items())
        or not any("trust_remote_code" in name for name in said),
        allowed.keys or not any(name.endswith(("_url", "_key_env")) for name in said),
    )


def _gate(file: Path | None, stop_early: bool) -> GateSpec | None:
    from ..results.gate_spec import read_gate

    if file is None:
        if stop_early:
            raise MsbError("--stop-early stops once a gate is decided; give one with --gate FILE")
        return None
    spec = read_gate(file)
    if stop_early and not spec.sequential:
        raise MsbError(
            f"--stop-early looks again and again, and the gate of {file} holds for one look only; "
            "write sequential: true in it"
        )
    return spec


def carry_through(
    evaluation: Evaluation,
    as_json: bool,
    how: How | None = None,
    gate: GateSpec | None = None,
    stop_early: bool = False,
) -> None:
    """Carry an evaluation out, print what came of it, and exit as that says."""
    from ..evaluation.evaluation import carry_out
    from ..results.gate import EXIT_CODES
    from ..results.gate_spec import hold, looker
    from .progress import TerminalReporter

    reporter = TerminalReporter()
    for line in evaluation.warnings:
        reporter.note(line)
    looking = looker(gate, evaluation.store.path) if gate else None
    run, progress = carry_out(evaluation, reporter, looking, stop_early, how)
    if only_submitted(progress, how, reporter):
        return
    ended = gate if progress.stopped != "interrupted" else None
    held = hold(ended, run) if ended else None
    card = run.summary()
    _print(card, held, as_json)
    show.reported_by(run, reporter)
    reporter.note(show.spent(evaluation))
    finish(progress, reporter, card)
    if held:
        sys.exit(EXIT_CODES[held[1].verdict])


def _print(card: Scorecard, held: tuple[Outcomes, Gate] | None, as_json: bool) -> None:
    """The scorecard, and what the gate made of it; as one object of JSON, the gate in it."""
    from .gate import as_record, hand_on, tell

    if held:
        hand_on(*held)
    show.scorecard(card, as_json, **({"gate": as_record(*held)} if held else {}))
    if held and not as_json:
        say()
        tell(*held)


def only_submitted(progress: Progress, how: How | None, reporter: TerminalReporter) -> bool:
    """True where a run is out in batches and no more than that was asked for; says what is out."""
    asked = how is not None and how.executor is not None and how.waits is False
    if done := asked and progress.stopped == "batched":
        say_batched(progress, reporter)
    return done


def say_batched(progress: Progress, reporter: TerminalReporter) -> None:
    """Say what is out, and how to go on."""
    reporter.note(
        f"{progress.parked:,} calls are out in batches or wait for one: msb batch list shows them; "
        "the same command takes in what has come back, and goes on"
    )


def finish(progress: Progress, reporter: TerminalReporter, card: Scorecard | None = None) -> None:
    """Say what is left and how to go on; exit with 3 (--max-calls, or nothing in it was scored)
    or 130 (Ctrl-C)."""
    if progress.stopped == "decided":
        reporter.note(
            f"stopped early, as the gate is decided: {progress.total - progress.done} verdicts "
            "were not asked for; without --stop-early the same command asks for those too"
        )
    elif progress.stopped == "batched":
        say_batched(progress, reporter)
        sys.exit(INCOMPLETE)
    elif progress.stopped:
        left = progress.total - progress.done
        why = WHY_STOPPED[progress.stopped]
        reporter.note(
            f"{why}: {progress.done} verdicts done now, {left} left; what is done is stored, "
            "run the same command again to go on"
        )
        sys.exit(INTERRUPTED if progress.stopped == "interrupted" else INCOMPLETE)
    if progress.errors:
        (commonest, times), *_ = progress.faults.most_common(1)
        each = "each" if times == progress.errors else f"{times:,} of them"
        listed = f", msb errors {card.run} lists them" if card else ""
        reporter.note(
            f"{progress.errors:,} errors, {each}: {commonest}; the same command asks those again"
            f"{listed}"
        )
    if card and not (counts := card.counts).scored:
        reporter.note(f"nothing was scored: {counts.unscored:,} unscored, {counts.errors:,} errors")
        sys.exit(INCOMPLETE)
