"""Preferences: for a request, a response to prefer over another.

    pairs_from_run(open_run("run-31e6"), "medsafety/improve")   # what the model itself said, judged
    pairs_from_file(Path("pairs.jsonl"))                        # request, chosen, rejected
    rather_than(refusals, mixed(["run:run-90ab"], 900))         # answers to benign requests

From a stored run, *chosen* is the published safe response and *rejected* the model's own that by
its judge did not hold out; of a benign request, *chosen* is its reference and *rejected* a response
that declined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from ..benchmarks import load_benchmark
from ..errors import MsbError
from ..fields import text_in
from ..records import Intent
from ..results.measures import went_wrong
from ..results.run import Run
from ..tables import is_blank, rows
from .examples import Example

FIELDS = ("request", "chosen", "rejected")
INTENTS: dict[str, Intent] = {"": "harmful", "harmful": "harmful", "benign": "benign"}
CUT = {
    "": (False, False),
    "chosen": (True, False),
    "rejected": (False, True),
    "both": (True, True),
}


def pairs_from_run(run: Run, data: str, data_dir: str | Path | None = None) -> list[Example]:
    """Preferences over the requests of ``data`` that the run has a verdict on.

    Raises MsbError if the run has no response to prefer another to.
    """
    references = {
        r.text: r.reference for r in load_benchmark(data, data_dir=data_dir) if r.reference
    }
    found, asked = [], 0
    scale = run.outcomes().scale
    for row in run.rows():
        if row["context"]:
            continue  # what is learned are single requests
        chosen, score = references.get(row["request"]), row["score"]
        asked += chosen is not None
        if chosen is None or score is None or not (row["response"] or "").strip():
            continue
        assert scale is not None, "a score is on a scale"
        if went_wrong(scale, row["intent"], score) and row["response"] != chosen:
            cut = row["finish_reason"] == "length"
            said = Example(row["request"], chosen, row["intent"], row["response"], rejected_cut=cut)
            found.append(said)
    if not found:
        raise MsbError(
            f"{run.id} has {asked} of the requests of {data}, and no response to them that was "
            f"judged wrong; evaluate the base on it first: msb evaluate --benchmark {data} ..."
        )
    return found


def rather_than(refusals: Sequence[str], answers: Iterable[Example]) -> list[Example]:
    """Of benign requests the answer, rather than a refusal; each refusal by turns.

    Without these, preferences of refusals teach to refuse everything. Raises MsbError for an answer
    to a harmful request, and where there is no refusal.
    """
    answers = list(answers)
    if answers and not refusals:
        raise MsbError(
            "--mix prefers its answers to the refusals of harmful requests, and no pair is of one; "
            "give some of those, or leave out --mix"
        )
    if any(answer.intent != "benign" for answer in answers):
        raise MsbError(
            "--mix has responses to harmful requests, and preferences take answers to benign ones "
            "from it; try starter/improve or run:RUN"
        )
    pairs = zip(answers, cycle(refusals), strict=False)
    return [replace(answer, rejected=refusal) for answer, refusal in pairs]


def pairs_from_file(path: Path) -> list[Example]:
    """Preferences from a .csv, .jsonl or .parquet file with the columns of ``FIELDS``.

    ``intent`` may be a column, ``harmful`` (so it is without one) or ``benign``; and ``cut``: which
    of the two responses broke off at a limit, so that its end isn't learned; ``chosen``,
    ``rejected`` or ``both``. Raises MsbError naming the line for what is missing or not among
    these.
    """
    found = []
    for where, row in rows(path):
        if is_blank(row):
            continue
        texts = {name: (text_in(where, row, name) or "").strip() for name in FIELDS}
        if missing := [name for name, text in texts.items() if not text]:
            raise MsbError(f"{where}: {missing[0]} is empty; expected {', '.join(FIELDS)}")
        request, chosen, rejected = texts.values()
        if chosen == rejected:
            raise MsbError(f"{where}: chosen and rejected are the same; expected two responses")
        told = {name: (text_in(where, row, name) or "").strip() for name in ("intent", "cut")}
        for name, known in (("intent", INTENTS), ("cut", CUT)):
            if told[name] not in known:
                expected = ", ".join(filter(None, known))
                raise MsbError(f"{where}: {name} is {told[name]!r}; expected {expected}")
        intent, cut = INTENTS[told["intent"]], CUT[told["cut"]]
        found.append(Example(request, chosen, intent, rejected, *cut))
    if not found:
        raise MsbError(f"{path} has no rows; expected {', '.join(FIELDS)} in each")
    return found
