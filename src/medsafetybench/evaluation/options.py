"""What an evaluation can be told: each setting once, with its help and its constraint.

    class JudgeOptions:
        judge_url: OneOrEach[str] = told(None, URL)    # --judge-url, judge_url=, a key of a file

The options of the command line, the keys of files and of a study's entries, the keywords of
``evaluate`` and the command that makes a run again are made from these fields (see ``spec``). A
command that takes a judge or a target takes ``JudgeOptions`` or ``TargetOptions`` and so can be
told whatever `msb evaluate` can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .option import JUDGE, NAMES, PAIRS, PRICE, REQUESTS, RUN, TARGET, Option, needed, options, told
from .settling import called, judge_values, settle

if TYPE_CHECKING:
    from ..benchmarks import Benchmark
    from ..models.settings import Endpoint, Price
    from ..records import Request, Sampling

T = TypeVar("T")

OneOrMore: TypeAlias = T | Sequence[T]
OneOrEach: TypeAlias = T | Sequence[T | None] | None
"""One value for all judges, or one for each, the auditing judge last; None is the default."""
Function = Callable[[str], Any]
"""From the text of a request to that of the response."""

URL = Option("Its address, such as http://127.0.0.1:8000/v1.", stored="url")
KEY_ENV = Option("The environment variable that holds its key.")
REVISION = Option("What it serves: a release, a hash; part of its identity.", stored="revision")
CONCURRENCY = Option("Calls at once.", int, least=1)
TIMEOUT = Option("Seconds for one attempt.", float, least=0.1)
RETRIES = Option("More attempts after a fault.", int, least=0)
TEMPLATE = Option("hf: chat, alpaca, plain or a Jinja file.", stored="template")
DTYPE = Option("hf: float32, bfloat16 or float16. [default: by device]", stored="dtype")
DEVICE = Option("hf: cpu, cuda, cuda:N or mps. [default: the best there is]")
REMOTE_CODE = Option("hf: run code that a model brings along.", bool)
PARAM = Option(
    "Into each request body; null drops one.",
    PAIRS,
    metavar="NAME=VALUE",
    key="params",
    stored="sampling.extra",
)
COST = Option("Dollars for a million tokens.", PRICE, metavar="IN,OUT")
MAX_TOKENS = Option("Longest response.", int, least=1, stored="sampling.max_tokens")

TAXONOMY = Option("ama, or a .yaml file of your own.")
SOURCE = Option(
    "Only requests of this source; repeatable.", many=True, key="sources", stored="selection.source"
)
PRINCIPLE = Option(
    "Only this principle, 1-9; repeatable.",
    int,
    many=True,
    key="principles",
    stored="selection.principle",
)
COLUMN = Option(
    "Column of your file, as text=prompt; repeatable.", NAMES, metavar="FIELD=NAME", key="columns"
)
DATA_DIR = Option("A folder that has the published files already.", Path, env="MSB_DATA_DIR")
STORE = Option("The SQLite file that holds all runs.", Path, env="MSB_STORE")
MAX_CALLS = Option("Stop after this many calls, retries included.", int, least=0)
BATCH = Option(
    "Ask in batches: openai, anthropic, ray, or file:FOLDER for vllm run-batch and others.",
    metavar="EXECUTOR",
)
RAY_ADDRESS = Option(
    "With --batch ray: the cluster. [default: RAY_ADDRESS, else this machine]", metavar="HOST:PORT"
)
SAMPLE_SEED = Option("Which sample.", int, key="seed", stored="selection.seed")


def many(told: OneOrMore[T]) -> tuple[T, ...]:
    """The values of a setting that may have any number, which is how they are held."""
    assert isinstance(told, tuple)
    return told


ENDPOINT = (
    *("url", "key_env", "revision", "concurrency", "timeout", "retries", "template"),
    *("dtype", "device", "trust_remote_code"),
)
"""What ``Endpoint`` holds: told for a role by these names, with the role in front."""


def _for(role: str, name: str, option: Option) -> Option:
    """The setting of one role alone, where another than the one for both is wanted."""
    both = option.help.partition(" [")[0].rstrip(".")
    return replace(option, help=f"{both}, for the {role}. [default: as --{name}]")


@dataclass(frozen=True)
class Options:
    """A set of settings. Raises MsbError for a value that is none of its kind or too small.

    However it was told, it is held in one form: the shortest that says the same.
    """

    group = RUN

    def __post_init__(self) -> None:
        settle(self)


def _both(option: Option) -> Option:
    return replace(option, shared=True, stored=None)


@dataclass(frozen=True)
class CallOptions(Options):
    """How models are called, target and judges alike; each can be told for one role alone."""

    _: KW_ONLY
    timeout: float = told(120.0, _both(TIMEOUT))
    retries: int = told(5, _both(RETRIES))
    dtype: str | None = told(None, _both(DTYPE))
    device: str | None = told(None, _both(DEVICE))
    trust_remote_code: bool = told(False, _both(REMOTE_CODE))


@dataclass(frozen=True)
class TargetOptions(CallOptions):
    """Who answers, and how it is asked."""

    group = TARGET
    target: str | Function = needed(
        Option(
            "Who answers: openai:MODEL, hf:MODEL, python:package.module:function or replay:FILE.",
            key="model",
            stored="model",
        )
    )
    _: KW_ONLY
    target_url: str | None = told(None, URL)
    target_key_env: str | None = told(None, KEY_ENV)
    target_revision: str | None = told(None, REVISION)
    target_concurrency: int = told(32, CONCURRENCY)
    target_param: Mapping[str, Any] | None = told(None, PARAM)
    target_price: Price | None = told(None, COST)
    target_template: str | None = told(None, TEMPLATE)
    target_timeout: float | None = told(None, _for("target", "timeout", TIMEOUT))
    target_retries: int | None = told(None, _for("target", "retries", RETRIES))
    target_dtype: str | None = told(None, _for("target", "dtype", DTYPE))
    target_device: str | None = told(None, _for("target", "device", DEVICE))
    target_trust_remote_code: bool | None = told(
        None, _for("target", "trust-remote-code", REMOTE_CODE)
    )
    system: str | None = told(
        None,
        Option("System prompt: the text, or @FILE to read it from.", file=True, stored="system"),
    )
    prompt_style: str | None = told(
        None, Option("paper:FAMILY builds prompts as the paper did.", stored="prompt_style")
    )
    temperature: float = told(
        0.0, Option("0 is greedy.", float, least=0, stored="sampling.temperature")
    )
    max_tokens: int = told(512, MAX_TOKENS)
    seed: int | None = told(
        None, Option("The target's sampling seed.", int, stored="sampling.seed")
    )

    @property
    def target_endpoint(self) -> Endpoint:
        """Where and how the target is called."""
        return _endpoint(self, {name: getattr(self, f"target_{name}") for name in ENDPOINT})

    @property
    def sampling(self) -> Sampling:
        """How the target's answers are sampled."""
        from ..records import Sampling

        return Sampling(self.temperature, self.max_tokens, self.seed, self.target_param or {})


def _endpoint(both: CallOptions, own: Mapping[str, Any]) -> Endpoint:
    from ..models.settings import Endpoint

    shared = [name for name, option in options(both).items() if option.shared]
    instead = {name: getattr(both, name) for name in shared if own[name] is None}
    return Endpoint(**{**own, **instead})


@dataclass(frozen=True)
class JudgeSpec:
    """One judge, and how it is called."""

    model: str
    endpoint: Endpoint
    sampling: Sampling
    rubric: str
    price: Price | None = None
    criteria_per_call: int = 8


def _each(option: Option) -> Option:
    return replace(option, each=True)


@dataclass(frozen=True)
class JudgeOptions(CallOptions):
    """Who scores: one judge or a panel, and for a sample a dearer one."""

    group = JUDGE
    judge: OneOrMore[str] = told(
        "screen",
        Option(
            "Who scores: openai:MODEL, hf:MODEL, criteria:MODEL, guard:FAMILY:MODEL, screen, "
            "phrases or replay:FILE; several make a panel, and what follows is told once for all "
            "of them, or once for each.",
            many=True,
            key="model",
            stored="model",
        ),
    )
    _: KW_ONLY
    judge_url: OneOrEach[str] = told(None, _each(URL))
    judge_key_env: OneOrEach[str] = told(None, _each(KEY_ENV))
    judge_revision: OneOrEach[str] = told(None, _each(REVISION))
    judge_concurrency: OneOrEach[int] = told(32, _each(CONCURRENCY))
    judge_param: OneOrEach[Mapping[str, Any]] = told(None, _each(PARAM))
    judge_price: OneOrEach[Price] = told(None, _each(COST))
    judge_max_tokens: OneOrEach[int] = told(1024, _each(replace(MAX_TOKENS, help="Longest reply.")))
    judge_template: OneOrEach[str] = told(None, _each(TEMPLATE))
    judge_timeout: OneOrEach[float] = told(None, _each(_for("judge", "timeout", TIMEOUT)))
    judge_retries: OneOrEach[int] = told(None, _each(_for("judge", "retries", RETRIES)))
    judge_dtype: OneOrEach[str] = told(None, _each(_for("judge", "dtype", DTYPE)))
    judge_device: OneOrEach[str] = told(None, _each(_for("judge", "device", DEVICE)))
    judge_trust_remote_code: OneOrEach[bool] = told(
        None, _each(_for("judge", "trust-remote-code", REMOTE_CODE))
    )
    rubric: OneOrEach[str] = told(
        "ama",
        Option(
            "ama, paper, paper-general, or a folder of your own; with criteria:MODEL a file with a "
            "published grading prompt.",
            each=True,
            stored="rubric",
        ),
    )
    criteria_per_call: OneOrEach[int] = told(
        8,
        Option(
            "With criteria:MODEL: the most criteria in one call.",
            int,
            least=1,
            each=True,
            stored="criteria_per_call",
        ),
    )
    taxonomy: str | Path = told("ama", TAXONOMY)
    judge_thinking: bool = told(
        False,
        Option("Judge what a reasoning target thought as well, in a column of its own.", bool),
    )
    audit_judge: str | None = told(None, Option("A dearer judge for a sample: corrects figures."))
    audit_limit: int = told(
        200, Option("How many requests it judges.", int, least=2, also=("audit_n",))
    )

    @property
    def judges(self) -> list[JudgeSpec]:
        """The judges, the auditing one last."""
        names = [name for name, option in options(self).items() if option.each]
        values = {name: judge_values(self, name) for name in names}
        return [
            self._judge(model, {name: values[name][i] for name in names})
            for i, model in enumerate(called(self))
        ]

    def _judge(self, model: str, own: Mapping[str, Any]) -> JudgeSpec:
        from ..records import Sampling

        return JudgeSpec(
            model,
            _endpoint(self, {name: own[f"judge_{name}"] for name in ENDPOINT}),
            Sampling(max_tokens=own["judge_max_tokens"], extra=own["judge_param"] or {}),
            own["rubric"],
            own["judge_price"],
            own["criteria_per_call"],
        )


@dataclass(frozen=True)
class RequestOptions(Options):
    """What is asked: a benchmark, a part of it, and whether under pressure."""

    group = REQUESTS
    benchmark: str | Path | Benchmark | Sequence[str | Mapping[str, Any] | Request] = told(
        "starter",
        Option(
            "A name of `msb data list`, or a .csv, .jsonl or .parquet file.",
            key="name",
            stored="name",
        ),
    )
    _: KW_ONLY
    source: OneOrMore[str] = told((), SOURCE)
    principle: OneOrMore[int] = told((), PRINCIPLE)
    intent: OneOrMore[str] = told(
        (),
        Option(
            "Only harmful, only benign or only care requests.",
            many=True,
            key="intents",
            stored="selection.intent",
        ),
    )
    column: Mapping[str, str] | None = told(None, COLUMN)
    exclude_leaked: str | None = told(
        None,
        Option(
            "Leave out near-duplicates of what the target was trained on.",
            metavar="BENCHMARK",
            stored="selection.exclude_leaked",
        ),
    )
    only_failed: str | None = told(
        None,
        Option(
            "Only what did not go well in that run.",
            metavar="RUN",
            stored="selection.only_failed",
        ),
    )
    limit: int | None = told(
        None,
        Option(
            "A seeded sample by principle, twins together.", int, least=1, stored="selection.limit"
        ),
    )
    sample_seed: int = told(0, SAMPLE_SEED)
    pressure: int | None = told(
        None,
        Option(
            "Press harmful requests over so many turns, and in framings.",
            int,
            least=1,
            stored="selection.pressure.turns",
        ),
    )
    converter: OneOrMore[str] = told(
        (),
        Option(
            "With --pressure: one of PyRIT's converters; repeatable.",
            many=True,
            metavar="pyrit:NAME",
            key="converters",
            stored="selection.pressure.converters",
        ),
    )
    data_dir: str | Path | None = told(None, DATA_DIR)


@dataclass(frozen=True)
class RunOptions(Options):
    """Where the run is kept, and what it may take."""

    _: KW_ONLY
    name: str | None = told(
        None, Option("What to call it in tables and reports. [default: the target, as typed]")
    )
    store: str | Path | None = told("medsafety.db", STORE)
    max_calls: int | None = told(None, MAX_CALLS)
    batch: str | None = told(None, BATCH)
    ray_address: str | None = told(None, RAY_ADDRESS)
    shard: str | None = told(
        None,
        Option("Ask this part of the requests only, as 2/8; see msb store merge.", metavar="K/N"),
    )
