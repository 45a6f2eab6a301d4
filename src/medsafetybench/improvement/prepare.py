"""Examples as the rows that a trainer reads, in the order in which they are learned.

data = prepare(encoder, examples, recipe, seed=0)
data.rows[0]       # {"input_ids": [...], "labels": [...]}; of preferences, what its trainer takes
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .encode import Encoder, encode_all, fitting
from .examples import Example, split
from .recipe import Recipe
from .schedule import schedule


@dataclass(frozen=True)
class Prepared:
    """Rows for a trainer, in the order in which they are learned.

    ``steps`` of the optimiser; ``dropped`` examples of whose response nothing was left; ``tokens``
    of all rows, prompts included and padding not.
    """

    rows: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    steps: int
    dropped: int
    tokens: int


def prepare(encoder: Encoder, examples: Sequence[Example], recipe: Recipe, seed: int) -> Prepared:
    """The examples as tokens or texts, split, ordered, and cut to whole batches.

    A last batch that would be short is left out unless it is the only one. Raises MsbError if
    truncation leaves nothing to learn.
    """
    learned, held_out = split(examples, recipe.validation, seed)
    if recipe.method in TOKENS:
        made = TOKENS[recipe.method]
        (rows, dropped), (validation, _) = (made(encoder, e, recipe) for e in (learned, held_out))
        lengths = [sum(len(ids) for key, ids in row.items() if key != "labels") for row in rows]
    else:
        rows, validation, dropped = _texts(encoder, learned), _texts(encoder, held_out), 0
        lengths = [sum(map(encoder.count, row.values())) for row in rows]
    order = schedule(lengths, recipe.batch, recipe.epochs, seed, recipe.sorted_batches)
    if len(order) > recipe.batch:
        order = order[: len(order) // recipe.batch * recipe.batch]
    rows = [rows[i] for i in order]
    if recipe.method == "kto":
        rows, validation = _unpaired(rows), _unpaired(validation)
    steps = math.ceil(len(rows) / recipe.batch)
    return Prepared(rows, validation, steps, dropped, sum(lengths[i] for i in order))


def _tokens(
    encoder: Encoder, examples: Sequence[Example], recipe: Recipe
) -> tuple[list[dict[str, Any]], int]:
    found, dropped = encode_all(encoder, examples, recipe.loss, recipe.max_length)
    return [{"input_ids": e.ids, "labels": e.labels} for e in found], dropped


def _pairs(
    encoder: Encoder, examples: Sequence[Example], recipe: Recipe
) -> tuple[list[dict[str, Any]], int]:
    kept, rows = fitting(encoder, examples, recipe.max_length), []
    for example in kept:
        head = encoder.head(example.request)
        chosen = encoder.tail(example.response, example.cut)
        rejected = encoder.tail(example.rejected or "", example.rejected_cut)
        room = recipe.max_length - len(head)
        row = {"prompt_ids": head, "chosen_ids": chosen[:room], "rejected_ids": rejected[:room]}
        rows.append(row)
    return rows, len(examples) - len(kept)


TOKENS = {"sft": _tokens, "dpo": _pairs}
"""How the rows of these methods are made. The trainers of the others want texts, and put an end
after each, cut or not."""


def _texts(encoder: Encoder, examples: Sequence[Example]) -> list[dict[str, Any]]:
    end = encoder.ending
    return [
        {
            "prompt": encoder.text(e.request),
            "chosen": e.response + end,
            "rejected": f"{e.rejected}{end}",
        }
        for e in examples
    ]


def _unpaired(rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Each response by itself, with whether it is the better one."""
    return [
        {"prompt": row["prompt"], "completion": row[name], "label": name == "chosen"}
        for row in rows
        for name in ("chosen", "rejected")
    ]
