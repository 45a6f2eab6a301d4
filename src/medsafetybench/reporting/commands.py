"""The command that makes a run again, rebuilt from what the store says it was made of.

    msb evaluate --target openai:my-model --target-revision v2 --judge screen --benchmark starter

What the store does not hold (keys, files of one's own, an address where a revision was given) is
said beside it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ..legible import visible
from ..records import Sampling
from ..results.scorecard import Scorecard
from ..store.labels import PERSON

LONGEST = 300
SELECTED = {
    "source": "--source",
    "principle": "--principle",
    "exclude_leaked": "--exclude-leaked",
    "only_failed": "--only-failed",
}
"""Options that narrow a benchmark down or press it, by what its selection calls them."""
KNOWN = {*SELECTED, "pressure", "limit", "seed"}


def reproduce(settings: Mapping[str, Any], card: Scorecard) -> tuple[str, list[str]]:
    """The command as one shell line, and what has to be known besides."""
    judges = [judge for judge in card.judges if not _model(judge).startswith(PERSON)]
    options = [
        *_target(settings["target"]),
        *(option for judge in judges for option in ("--judge", _model(judge, card))),
        *_judges(judges),
        *_benchmark(settings["benchmark"]),
    ]
    line = shlex.join(["msb", "evaluate", *(visible(_short(option)) for option in options)])
    return line.replace("\n", " "), list(_notes(settings, card))


def _model(judge: Mapping[str, Any], card: Scorecard | None = None) -> str:
    """How a judge is asked for: its model; a file's name stands in the scorecard alone."""
    spec = str(judge.get("model") or judge.get("judge") or "?")
    if spec == "replay":
        names = card.judge.split(" + ") if card else []
        return next((name for name in names if name.startswith("replay:")), "replay:FILE")
    return spec


def _short(option: str) -> str:
    return option if len(option) <= LONGEST else f"{option[:LONGEST]}…"


def _target(target: Mapping[str, Any]) -> Iterator[str]:
    replayed = target["model"] == "replay"
    yield from ("--target", "replay:FILE" if replayed else str(target["model"]))
    if target.get("revision") and not replayed:
        yield from ("--target-revision", str(target["revision"]))
    for key, option in {"url": "--target-url", "prompt_style": "--prompt-style"}.items():
        if target.get(key):
            yield from (option, str(target[key]))
    if template := target.get("template"):
        # One from a file is known by its hash alone.
        yield from ("--target-template", template if isinstance(template, str) else "FILE")
    if target.get("dtype"):
        yield from ("--dtype", str(target["dtype"]))
    if system := target.get("system"):
        yield from ("--system", "@SYSTEM.txt" if _needs_file(system) else system)
    yield from _sampling(target.get("sampling") or {}, "--target-param")


def _needs_file(system: str) -> bool:
    return len(system) > LONGEST or not system.isprintable() or system.startswith("@")


def _sampling(sampling: Mapping[str, Any], extra: str) -> Iterator[str]:
    usual = Sampling()
    options = {"temperature": "--temperature", "max_tokens": "--max-tokens", "seed": "--seed"}
    for key, option in options.items():
        if key in sampling and sampling[key] != getattr(usual, key):
            yield from (option, str(sampling[key]))
    for key, value in (sampling.get("extra") or {}).items():
        yield from (extra, f"{key}={value}")


def _judges(judges: list[dict[str, Any]]) -> Iterator[str]:
    for judge in judges:
        if judge.get("url"):
            yield from ("--judge-url", str(judge["url"]))
    revisions = {str(j["revision"]) for j in judges if j.get("revision") and _is_model(j)}
    for revision in sorted(revisions):
        yield from ("--judge-revision", revision)
    for rubric in sorted({str(j["rubric"]) for j in judges if j.get("rubric")} - {"ama"}):
        yield from ("--rubric", rubric)


def _is_model(judge: Mapping[str, Any]) -> bool:
    return ":" in str(judge.get("model", ""))


def _benchmark(benchmark: Mapping[str, Any]) -> Iterator[str]:
    version = benchmark.get("version")
    yield from ("--benchmark", f"{benchmark['name']}@{version}" if version else benchmark["name"])
    selection = benchmark.get("selection") or {}
    for key, option in SELECTED.items():
        chosen = selection.get(key, [])
        for value in chosen if isinstance(chosen, list) else [chosen]:
            yield from (option, str(value))
    if pressure := selection.get("pressure"):
        yield from ("--pressure", str(pressure["turns"]))
    if "limit" in selection:
        yield from ("--limit", str(selection["limit"]))
    if selection.get("seed"):
        yield from ("--sample-seed", str(selection["seed"]))


def _notes(settings: Mapping[str, Any], card: Scorecard) -> Iterator[str]:
    target = settings["target"]
    yield f"The requests must hash to {card.benchmark.sha256}."
    if target["model"] == "replay":
        yield f"The file of responses has the SHA-256 {target['revision']}."
    elif str(target["model"]).startswith("python:"):
        yield "The function must be importable; its revision is all that is known of its version."
    elif target.get("revision") and str(target["model"]).startswith("openai:"):
        yield "The target's address is not part of the run; give --target-url."
    if isinstance(template := target.get("template"), Mapping):
        yield f"The template's file has the SHA-256 {template['sha256']}."
    if _needs_file(target.get("system") or ""):
        yield "SYSTEM.txt holds the system prompt, which the store has in full."
    for judge in card.judges:
        if judge.get("model") == "replay":
            yield f"The file of verdicts has the SHA-256 {judge['revision']}."
        if _model(judge).startswith("openai:") and not judge.get("url"):
            yield f"The address of {_model(judge)} is not part of the run; give --judge-url."
        if judge.get("person"):
            yield "Labels of people came through `msb annotate`."
    if selected := set(card.benchmark.selection) - KNOWN:
        yield f"The requests were also narrowed down by {', '.join(sorted(selected))}, in Python."
    yield "Keys are read from the environment and never stored."
