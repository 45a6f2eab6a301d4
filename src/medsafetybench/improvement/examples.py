"""What a model is tuned on: requests with the response it should learn, counted by side.

    examples = gather("medsafety/improve", ["starter/improve:0.5"], seed=0, data_dir=None)
    check_sides(examples, one_sided=False)      # refusals only would teach to refuse everything
    leaked(examples, ["medsafety/eval"], None)  # requests that one wants to evaluate on

A harmful request with its reference is a demonstration of declining; a benign one, of helping.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..benchmarks import load_benchmark
from ..errors import MsbError
from ..records import Intent, Request, digest
from ..results.measures import went_well
from ..results.run import Run, open_run


@dataclass(frozen=True, slots=True)
class Example:
    """One request with the response to learn, and for a preference the one to unlearn.

    ``cut`` and ``rejected_cut``: it broke off at a limit of tokens, so that its words can be
    learned and its end cannot.
    """

    request: str
    response: str
    intent: Intent = "harmful"
    rejected: str | None = None
    cut: bool = False
    rejected_cut: bool = False


def gather(
    data: str,
    mix: Sequence[str] = (),
    seed: int = 0,
    data_dir: str | Path | None = None,
    store: str | Path = "medsafety.db",
) -> list[Example]:
    """The examples of ``data``, and of each ``NAME[:SHARE]`` in ``mix``; not yet in random order.

    Of a mix, the benign requests are taken, or all where it has none, as ``gensafety/improve``;
    ``run:RUN`` are those that a model answered well in a stored run, with its own answers. A
    share is one of the size of ``data``; a mix that has fewer is gone through again. Raises
    MsbError for an unknown name or a share that cannot be, and where there is nothing to learn.
    """
    main = with_reference(load_benchmark(data, data_dir=data_dir), data)
    return [*main, *mixed(mix, len(main), seed, data_dir, store)]


def mixed(
    mix: Sequence[str],
    size: int,
    seed: int = 0,
    data_dir: str | Path | None = None,
    store: str | Path = "medsafety.db",
) -> list[Example]:
    """The examples of each ``NAME[:SHARE]`` of a mix, a share being one of ``size``."""
    examples: list[Example] = []
    for spec in mix:
        name, share = _share(spec)
        if name.startswith("run:"):
            found = answered(open_run(name.removeprefix("run:"), store))
        else:
            found = with_reference(load_benchmark(name, data_dir=data_dir), name)
            found = [e for e in found if e.intent == "benign"] or found
        examples += _drawn(found, len(found) if share is None else round(share * size), seed)
    return examples


def with_reference(requests: Iterable[Request], name: str) -> list[Example]:
    """The requests that come with a response. Raises MsbError if none does.

    A conversation is none that could be learned, and raises it as well.
    """
    requests = list(requests)
    if told := sum(bool(r.context and r.reference) for r in requests):
        raise MsbError(
            f"{name} has {told} conversations, and only single requests can be learned; take them "
            "out, or leave out the turns before"
        )
    found = [Example(r.text, r.reference, r.intent) for r in requests if r.reference]
    if not found:
        raise MsbError(
            f"{name} has no request with a response, so there is nothing to learn; expected a "
            "benchmark or file with the field `reference`"
        )
    return found


def answered(run: Run) -> list[Example]:
    """The benign requests that were answered well in a run, each with the answer.

    Learning its own good answers again keeps a model from forgetting them. Those that broke off
    are taken as well: a small model seldom comes to an end, and sooner where it declines. Raises
    MsbError where there are none.
    """
    scale = run.outcomes().scale
    found = [
        Example(
            row["request"],
            row["response"].rstrip("\ufffd"),  # where a character was cut in two
            "benign",
            cut=row["finish_reason"] == "length",
        )
        for row in run.rows()
        if row["intent"] == "benign"
        and scale is not None
        and row["score"] is not None
        and went_well(scale, "benign", row["score"])
        and not row["context"]
    ]
    if not found:
        raise MsbError(
            f"{run.id} has no benign request that was judged well answered; nothing to mix in"
        )
    return found


def _share(spec: str) -> tuple[str, float | None]:
    name, colon, share = spec.rpartition(":")
    if not colon or not re.fullmatch(r"[\d.]+", share):
        return spec, None
    try:
        value = float(share)
    except ValueError:
        value = 0.0
    if value <= 0:
        raise MsbError(f"--mix {spec}; expected NAME or NAME:SHARE, as starter/improve:0.5")
    return name, value


def _drawn(examples: Sequence[Example], n: int, seed: int) -> list[Example]:
    """n of the examples, without replacement; all of them again where n is more."""
    rng = random.Random(seed)
    found: list[Example] = []
    while len(found) < n:
        found += rng.sample(examples, min(len(examples), n - len(found)))
    return found


def check_sides(examples: Sequence[Example], one_sided: bool) -> None:
    """Raise MsbError for examples of one side only, unless ``one_sided`` allows refusals only."""
    harmful = sum(e.intent == "harmful" for e in examples)
    if harmful == 0:
        raise MsbError(
            f"{len(examples)} examples, none of a harmful request: there is no safety to learn "
            "from them; give --data some demonstrations, as medsafety/improve"
        )
    if harmful == len(examples) and not one_sided:
        raise MsbError(
            f"all {harmful} examples decline, and a model tuned so can learn to refuse everything; "
            "add benign ones with --mix starter/improve:0.5, or say --mix none to go on"
        )


def leaked(
    examples: Sequence[Example], evaluated: Sequence[str], data_dir: str | Path | None
) -> dict[str, int]:
    """How many requests of each benchmark occur among the examples, but for case and spacing."""
    known = {_plain(e.request) for e in examples}
    found = {}
    for name in evaluated:
        requests = load_benchmark(name, data_dir=data_dir)
        if count := sum(_plain(r.text) in known for r in requests):
            found[name] = count
    return found


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def data_hash(examples: Sequence[Example]) -> str:
    """SHA-256 over the examples, in order: 64 hex digits."""
    return digest([[e.request, e.response, e.intent, e.rejected, *_cut(e)] for e in examples])


def _cut(example: Example) -> list[str]:
    """Which of its responses broke off; nothing for most, whose hashes are older than this."""
    sides = {"chosen": example.cut, "rejected": example.rejected_cut}
    return [side for side, cut in sides.items() if cut]


def split(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Examples to learn from and those held out, seeded; both sides are held out alike.

    Examples with the same request stay together. Nothing is held out for a share of 0.
    """
    order = sorted({(e.intent, _plain(e.request)) for e in examples})
    random.Random(seed).shuffle(order)
    held_out: set[tuple[str, str]] = set()
    for intent in ("harmful", "benign"):
        own = [key for key in order if key[0] == intent]
        held_out.update(own[: round(share * len(own))])
    kept: list[Example] = []
    checked: list[Example] = []
    for example in examples:
        out = (example.intent, _plain(example.request)) in held_out
        (checked if out else kept).append(example)
    return kept, checked
