"""Runs and benchmarks in the forms that other tools read: one table, one small file a form.

    export_run(run, "eee", Path("out"))                    # Exported(written=216, notes=[...])
    export_benchmark(benchmark, "alpaca", Path("sft.json"))

A new form is its file in ``forms/`` and one row of ``FORMS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..benchmarks import Benchmark
from ..errors import MsbError, UnknownName
from ..results.run import Run
from .forms.material import Exported, Wanted, material_of

__all__ = ["FORMS", "Exported", "Wanted", "export_benchmark", "export_run"]


@dataclass(frozen=True)
class Form:
    """One form. ``file`` is where it is; what is written ends in one of ``endings``, or is a folder
    where there is none; ``of`` is what can be written in it; ``texts`` whether they go along:
    always, never, or asked."""

    file: str
    endings: tuple[str, ...]
    what: str
    of: tuple[str, ...] = ("run",)
    texts: str = "never"


BOTH = ("run", "benchmark")
ARGUED = "safety-case"
FORMS: Mapping[str, Form] = {
    "hf": Form("folder", (), "every row, for datasets.load_dataset", BOTH, "always"),
    "openai": Form("examples", (".jsonl",), "good examples, as OpenAI's files", BOTH, "always"),
    "trl": Form("examples", (".jsonl",), "good examples, as TRL's files", BOTH, "always"),
    "alpaca": Form("examples", (".json",), "good examples, as the paper's files", BOTH, "always"),
    "eee": Form("eee", (), "Every Eval Ever 0.3, result and samples", texts="asked"),
    "hf-results": Form("hub_results", (".yaml",), "Hugging Face's .eval_results"),
    "model-card": Form("model_card", (".md",), "a model card with its model-index"),
    "chai": Form("chai", (".xml",), "CHAI's Applied Model Card 0.2"),
    "croissant": Form(
        "croissant", (), "the requests with Croissant 1.1 metadata", ("benchmark",), "always"
    ),
    ARGUED: Form("safety_case", (".md",), "a safety case, its claims tied to a gate's verdict"),
    "inspect": Form("inspect", (".eval", ".json"), "a log of Inspect's", texts="asked"),
}


def export_benchmark(benchmark: Benchmark, form: str, output: Path) -> Exported:
    """Write a benchmark. Raises MsbError for an unknown form, or if nothing can be written."""
    write = _writer("benchmark", form, output)
    return write(benchmark, form, output)


def export_run(
    run: Run,
    form: str,
    output: Path,
    judges: Iterable[str] = (),
    rule: str = "median",
    wanted: Wanted | None = None,
) -> Exported:
    """Write a run. Raises MsbError for an unknown form, or if nothing can be written."""
    wanted = wanted or Wanted()
    write = _writer("run", form, output)
    if wanted.with_texts and FORMS[form].texts == "never":
        raise MsbError(f"--with-texts with --to {form}, which has no place for texts; leave it out")
    if wanted.gate and form != ARGUED:
        raise MsbError(f"--gate with --to {form}; only {ARGUED} argues by a gate")
    return write(material_of(run, tuple(judges), rule, wanted), form, output)


def _writer(of: str, form: str, output: Path) -> Callable[[Any, str, Path], Exported]:
    """What writes a form. Raises MsbError unless it is one, and the output has its ending."""
    known = {name: one for name, one in FORMS.items() if of in one.of}
    if form not in known:
        raise UnknownName("form", form, known)
    found = known[form]
    if not found.endings and (output.suffix or output.is_file()):
        raise MsbError(f"{output}: expected the name of a folder for --to {form}")
    if found.endings and output.suffix not in found.endings:
        expected = " or ".join(found.endings)
        raise MsbError(f"{output}: expected a name ending in {expected} for --to {form}")
    module = import_module(f".forms.{found.file}", __package__)
    write: Callable[[Any, str, Path], Exported] = getattr(module, f"of_{of}")

    def written(material: Any, form: str, output: Path) -> Exported:
        try:
            return write(material, form, output)
        except OSError as error:
            raise MsbError(f"{output} cannot be written: {error.strerror}") from None

    return written
