"""Options that several commands share, but for those of judges and targets (see ``told``)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..evaluation import options as settings
from .told import parameter

Store = Annotated[Path, parameter("store", settings.STORE)]
STORE = Path("medsafety.db")
StoreOfFile = Annotated[
    Path | None,
    parameter("store", replace(settings.STORE, help="Instead of the store that the file names.")),
]
DataDir = Annotated[Path | None, parameter("data_dir", settings.DATA_DIR)]
Source = Annotated[list[str] | None, parameter("source", settings.SOURCE)]
Principle = Annotated[list[int] | None, parameter("principle", settings.PRINCIPLE)]
Column = Annotated[list[str] | None, parameter("column", settings.COLUMN)]
MaxCalls = Annotated[int | None, parameter("max_calls", settings.MAX_CALLS)]
Batch = Annotated[str | None, parameter("batch", settings.BATCH)]
RayAddress = Annotated[str | None, parameter("ray_address", settings.RAY_ADDRESS)]
Wait = Annotated[
    bool, Parameter(negative=(), help="With --batch: until all is done, files included.")
]
SubmitOnly = Annotated[bool, Parameter(negative=(), help="With --batch: submit, and end.")]
SampleSeed = Annotated[int, parameter("sample_seed", settings.SAMPLE_SEED)]

RunId = Annotated[str, Parameter(help="A run's id, a beginning of it, or 'last'.")]
AllowPython = Annotated[
    bool, Parameter(negative=(), help="Import the python: targets that a file names; runs code.")
]
AllowKeys = Annotated[
    bool, Parameter(negative=(), help="Send keys to the addresses that a file names.")
]
TrustRemoteCode = Annotated[
    bool, Parameter(negative=(), help="Run code that a file's models bring along, if it says so.")
]
Json = Annotated[bool, Parameter(name="--json", help="Print JSON instead of a table.")]
Judges = Annotated[
    list[str] | None,
    Parameter(
        name="--judge", help="By this judge of the run (default: the last used); repeatable."
    ),
]
Rule = Annotated[str, Parameter(help="A panel's verdict: median, lower-median, max or min.")]
Output = Annotated[
    Path,
    Parameter(
        name=("--output", "-o"),
        help="A .csv, .jsonl, .json or .parquet file; with --to as the form wants it.",
    ),
]
To = Annotated[
    str | None,
    Parameter(
        name="--to",
        metavar="FORM",
        help="For another tool: hf, openai, alpaca, trl, eee, chai, ... (see docs/exports.md).",
    ),
]
