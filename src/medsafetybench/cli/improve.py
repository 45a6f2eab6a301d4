"""msb improve: tune a model on safety demonstrations, and show what it gained and what it cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from ..evaluation.spec import EvaluationSpec
from . import options, show
from .said import say
from .told import Told, takes
from .tuning import (
    NOT_OURS,
    Base,
    Change,
    EvaluateOn,
    Mix,
    RecipeName,
    Tasks,
    chosen_recipe,
    evidence_spec,
    local,
    measured_on,
)
from .usage import at_least, commands

if TYPE_CHECKING:
    from ..improvement.evidence import EvidenceSpec
    from ..improvement.examples import Example
    from ..improvement.recipe import Recipe

app = commands(
    "improve",
    "Tune a model to be safer (LoRA), and measure what that cost.",
    {"merge": ("improve:merge", "Write base and adapter as one model.")},
)


@app.default
@takes(EvaluationSpec, leave_out=NOT_OURS)
def improve(
    told: Told[EvaluationSpec],
    *,
    base: Base,
    data: Annotated[
        str, Parameter(help="Demonstrations: a name of `msb data list`, or a file.")
    ] = "medsafety/improve",
    output: Annotated[
        Path, Parameter(name=("-o", "--output"), help="The adapter's folder, a new one.")
    ],
    recipe: RecipeName = None,
    change: Change = None,
    method: Annotated[str | None, Parameter(help="sft, dpo, orpo or kto.")] = None,
    template: Annotated[
        str | None, Parameter(help="chat, alpaca, plain or a Jinja file. [default: chat]")
    ] = None,
    mix: Mix = None,
    rejected_from: Annotated[
        str | None,
        Parameter(metavar="RUN", help="Preferences: reject what this run's model said wrong."),
    ] = None,
    pairs: Annotated[
        Path | None, Parameter(help="Preferences: a file of request, chosen, rejected.")
    ] = None,
    seed: Annotated[int, Parameter(help="Of the order, the split and the weights.")] = 0,
    evidence: Annotated[
        bool, Parameter(name="--evidence", help="Measure before and after, and print both.")
    ] = False,
    evaluate_on: EvaluateOn = None,
    capability: Tasks = None,
    allow_leaks: Annotated[
        bool, Parameter(name="--allow-leaks", help="Train on requests that are evaluated on.")
    ] = False,
    base_revision: Annotated[str | None, Parameter(help="Which version on the Hub.")] = None,
    quantize: Annotated[
        bool, Parameter(name="--quantize", help="QLoRA: the base in 4 bits (CUDA, bitsandbytes).")
    ] = False,
    processes: Annotated[
        int, Parameter(validator=at_least(1), help="How many torchrun has started; checked.")
    ] = 1,
    report_to: Annotated[
        str, Parameter(help="A tracker that transformers knows, as wandb or tensorboard.")
    ] = "none",
    as_json: options.Json = False,
) -> None:
    """Tune a model to be safer (LoRA). Run the same command again to resume."""
    from ..improvement.train import first_process, train
    from ..improvement.training import Training
    from .progress import TrainingReporter

    chosen = chosen_recipe(recipe, method, template, mix, change)
    how = told.value(target=base, target_revision=base_revision)
    measured = measured_on(evaluate_on, how.data_dir)
    called = how.target_endpoint
    training = Training(
        base=local(base),
        data=data,
        output=output,
        recipe=chosen,
        seed=seed,
        data_dir=how.data_dir,
        store=Path(how.store or options.STORE),
        preferences=_preferences(chosen, data, rejected_from, pairs, how),
        evaluated=measured,
        allow_leaks=allow_leaks,
        processes=processes,
        revision=base_revision,
        dtype=called.dtype,
        device=called.device,
        quantize=quantize,
        remote_code=called.trust_remote_code,
        report_to=report_to,
    )
    spec = evidence and evidence_spec(measured, capability, how)
    with TrainingReporter(quiet=not first_process()) as reporter:
        record = train(training, reporter)
    if not first_process():
        return
    if spec:
        _show_evidence(f"hf:{training.base}", output, spec, as_json)
    else:
        _done(training.output, base, record, as_json)


def merge(
    model: Annotated[str, Parameter(help="hf:BASE+ADAPTER.")],
    /,
    *,
    output: Annotated[Path, Parameter(name=("-o", "--output"), help="A new folder for the model.")],
) -> None:
    """Write base and adapter as one model, to serve with anything."""
    from ..improvement.adapter import merge as write

    write(local(model), output)
    say(f"{output}: use it as hf:{output}, or serve it")


def _preferences(
    recipe: Recipe,
    data: str,
    rejected_from: str | None,
    pairs: Path | None,
    how: EvaluationSpec,
) -> list[Example]:
    from ..evaluation import open_run
    from ..improvement.preferences import pairs_from_file, pairs_from_run

    if recipe.method == "sft":
        if rejected_from or pairs:
            raise MsbError("--rejected-from and --pairs are for --method dpo, orpo or kto")
        return []
    found = pairs_from_file(pairs) if pairs else []
    if rejected_from:
        found += pairs_from_run(
            open_run(rejected_from, how.store or options.STORE), data, how.data_dir
        )
    return found


def _show_evidence(target: str, adapter: Path, spec: EvidenceSpec, as_json: bool) -> None:
    from ..improvement.evidence import gather_evidence
    from .progress import TerminalReporter

    found = gather_evidence(target, f"{target}+{adapter}", spec, TerminalReporter())
    show.evidence(found, as_json)


def _done(output: Path, base: str, record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show.as_json(record)
        return
    losses = [entry["loss"] for entry in record["losses"]]
    say(f"{output}: {record['steps']} steps, loss {losses[0]:.3f} to {losses[-1]:.3f}")
    say(f"ask it as {base}+{output}; measure it, on both sides, before you use it")
