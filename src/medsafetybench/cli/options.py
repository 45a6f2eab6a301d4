"""Options that several commands share, and reading their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..errors import MsbError
from .usage import at_least

Store = Annotated[
    Path,
    Parameter(name="--store", env_var="MSB_STORE", help="The SQLite file that holds all runs."),
]
STORE = Path("medsafety.db")
RunId = Annotated[str, Parameter(help="A run's id, a beginning of it, or 'last'.")]
Json = Annotated[bool, Parameter(name="--json", help="Print JSON instead of a table.")]
DataDir = Annotated[
    Path | None,
    Parameter(env_var="MSB_DATA_DIR", help="A folder that has the published files already."),
]
Source = Annotated[
    list[str] | None, Parameter(name="--source", help="Only requests of this source; repeatable.")
]
Principle = Annotated[
    list[int] | None, Parameter(name="--principle", help="Only this principle, 1-9; repeatable.")
]
Column = Annotated[
    list[str] | None,
    Parameter(
        name="--column",
        metavar="FIELD=NAME",
        help="Column of your file, as text=prompt; repeatable.",
    ),
]
Judges = Annotated[
    list[str] | None,
    Parameter(
        name="--judge", help="By this judge of the run (default: the last used); repeatable."
    ),
]

Output = Annotated[
    Path,
    Parameter(
        name=("--output", "-o"),
        help="A .csv, .jsonl, .json or .parquet file; with --to hf a folder.",
    ),
]
To = Annotated[
    str | None,
    Parameter(
        name="--to", metavar="FORM", help="For another tool: hf, openai, alpaca or trl (see docs)."
    ),
]

TargetUrl = Annotated[str | None, Parameter(help="Its address, such as http://127.0.0.1:8000/v1.")]
TargetKeyEnv = Annotated[str | None, Parameter(help="The environment variable that holds its key.")]
TargetRevision = Annotated[
    str | None, Parameter(help="What it serves: a release, a hash; part of its identity.")
]
TargetConcurrency = Annotated[int, Parameter(validator=at_least(1), help="Calls at once.")]
TargetTemplate = Annotated[str | None, Parameter(help="hf: chat, alpaca, plain or a Jinja file.")]
Dtype = Annotated[
    str | None, Parameter(help="hf: float32, bfloat16 or float16. [default: by device]")
]
Device = Annotated[
    str | None, Parameter(help="hf: cpu, cuda, cuda:N or mps. [default: the best there is]")
]
TrustRemoteCode = Annotated[
    bool, Parameter(name="--trust-remote-code", help="hf: run code that a model brings along.")
]

JudgeUrl = Annotated[
    list[str] | None, Parameter(help="Its address; one for each judge, or one for all.")
]
JudgeKeyEnv = Annotated[str | None, Parameter(help="The environment variable that holds its key.")]
JudgeRevision = Annotated[str | None, Parameter(help="What it serves: a release, a hash.")]
JudgeConcurrency = Annotated[int, Parameter(validator=at_least(1), help="Calls at once.")]
JudgeParam = Annotated[
    list[str] | None,
    Parameter(metavar="NAME=VALUE", help="Into each request body; null drops one."),
]
JudgePrice = Annotated[
    str | None, Parameter(metavar="IN,OUT", help="Dollars for a million tokens.")
]
JudgeMaxTokens = Annotated[int, Parameter(validator=at_least(1), help="Longest reply.")]
Rubric = Annotated[str, Parameter(help="ama, paper, paper-general, or a folder of your own.")]
Taxonomy = Annotated[str, Parameter(help="ama, or a .yaml file of your own.")]
MaxCalls = Annotated[
    int | None,
    Parameter(validator=at_least(0), help="Stop after this many calls, retries included."),
]
Timeout = Annotated[float, Parameter(validator=at_least(0.1), help="Seconds for one attempt.")]
Retries = Annotated[int, Parameter(validator=at_least(0), help="More attempts after a fault.")]


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """``["text=prompt"]`` as ``{"text": "prompt"}``. Raises MsbError for one without ``=``."""
    found = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise MsbError(f"{option} {text!r}; expected NAME=VALUE")
        found[name] = value
    return found


def parameters(option: str, given: list[str] | None) -> dict[str, Any]:
    """Like ``pairs``, with values read as JSON where they are JSON (``null`` drops a parameter)."""
    import orjson

    found: dict[str, Any] = {}
    for name, value in pairs(option, given).items():
        try:
            found[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[name] = value
    return found


def text(option: str, given: str | None) -> str | None:
    """The text, or what is in the file for ``@FILE``. Raises MsbError if it cannot be read."""
    if given is None or not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MsbError(f"{option} {given}: cannot be read as UTF-8 text: {error}") from None
