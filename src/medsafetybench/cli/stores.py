"""msb store: what is done to whole stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from . import options, show
from .said import say
from .usage import commands

if TYPE_CHECKING:
    from ..store.merge import Came

app = commands(
    "store",
    "What is done to whole stores.",
    {"merge": ("stores:merge", "Bring stores together into one.")},
)


def merge(
    out: Annotated[Path, Parameter(help="The store to merge into; made if there is none.")],
    sources: Annotated[
        list[Path],
        Parameter(
            name="from",
            required=True,
            negative=(),
            help="Stores to bring in; they stay as they are.",
        ),
    ],
    /,
    *,
    as_json: options.Json = False,
) -> None:
    """Bring stores together into one, by content and exactly once.

    Two that hold parts of one run make up one run. Where an answer or a verdict differs, that of
    OUT stands, and it is said. Merging again changes nothing.
    """
    from ..store import merge as merging

    came = []
    for one in merging.merge(out, sources):
        came.append(one)
        if not as_json:
            say(*_lines(one))
    if as_json:
        show.as_json({"store": str(out), "merged": [vars(one) for one in came]})


def _lines(came: Came) -> list[str]:
    joined = f", {came.joined:,} joined with what was there" if came.joined else ""
    brought = (
        f"{came.path}: {came.runs:,} runs{joined}; new: {came.requests:,} requests, "
        f"{came.responses:,} responses, {came.verdicts:,} verdicts"
    )
    return [brought, *(f"  {line}" for line in came.said)]
