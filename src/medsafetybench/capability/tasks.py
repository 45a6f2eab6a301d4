"""The questions that measure capability, read as tasks of lm-eval.

    tasks = load_tasks(["medical"])                      # MedQA, MedMCQA, PubMedQA, six of MMLU
    tasks = load_tasks([], Path("my-tasks"))             # all tasks of a folder of your own
    asked, rows = question_set(tasks["medmcqa"], shots=3, limit=200)

A task is a .yaml file as lm-eval reads them; a relative path in one is relative to that file. A
folder of tasks can bring Python of its own, which is run: give only one that you trust.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingExtra, MsbError, UnknownName
from ..records import digest
from ..store.capability import QuestionSet, question_number
from . import knowledge
from .knowledge import MMLU

if TYPE_CHECKING:
    from lm_eval.api.task import Task
    from lm_eval.tasks import TaskManager

PROBE_FOLDER = Path(__file__).parent / "probe"
TASKS_FOLDER = Path(__file__).parent / "harness"
PROBE = ("msb_probe_medical", "msb_probe_quote")
MEDICAL = ("medqa_4options", "medmcqa", "msb_pubmedqa", *(f"mmlu_{name}" for name in MMLU))
SETS = {"medical": MEDICAL, "probe": PROBE}
MEDICAL_FOLDERS = ("medqa", "medmcqa", "mmlu/default")
LOCAL_FORMATS = ("json", "csv", "parquet", "text", "arrow")

METRICS = ("acc", "exact_match")
"""What tells whether one question is answered right, the first that a task has."""

ASKED = (
    *("output_type", "description", "target_delimiter", "fewshot_delimiter", "gen_prefix"),
    *("generation_kwargs", "filter_list", "repeats"),
)
"""The settings of a task that decide its prompts, beside the questions themselves."""


def require_harness() -> None:
    """Raise MissingExtra unless lm-eval is installed; keep it quiet where it is."""
    if importlib.util.find_spec("lm_eval") is None:
        raise MissingExtra("capability", "capability")
    for name in ("lm_eval", "huggingface_hub", "datasets", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)


def load_tasks(
    names: Sequence[str], folder: Path | None = None, data_dir: str | Path | None = None
) -> dict[str, Task]:
    """Tasks by name: ``medical``, ``probe``, those of ``folder``, or any task or group of lm-eval.

    Without names, all of the folder, or ``medical``. The paper's sets are read from files where
    those are at hand (knowledge.py), else from the Hub. Raises MsbError for a name that is none, or
    questions that cannot be had.
    """
    require_harness()
    own = _own_tasks(folder) if folder else []
    wanted = [name for given in names or own or ["medical"] for name in SETS.get(given, (given,))]
    place = knowledge.folder_of(data_dir)
    if "medical" in (names or own or ["medical"]) and knowledge.there("pubmedqa", place):
        wanted = ["pubmedqa" if name == "msb_pubmedqa" else name for name in wanted]
    manager = _manager(folder)
    local = {n for n in wanted if n not in own and knowledge.there(n, place)}
    if any(name not in manager.task_index and name not in local for name in wanted):
        # Reading lm-eval's own 14,000 names takes seconds, so only where they are needed.
        manager = _manager(folder, everything=True)
    tasks: dict[str, Task] = {}
    for name in dict.fromkeys(wanted):
        if name in local:
            tasks |= manager.load([knowledge.task_config(name, place)])["tasks"]
            continue
        if name not in manager.task_index:
            names = [*SETS, *manager.all_tasks]
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
            raise UnknownName("task", name, near or [*SETS, *MEDICAL, *PROBE, *own])
        tasks |= _load(manager, name)
    return tasks


def _manager(folder: Path | None, everything: bool = False) -> TaskManager:
    import lm_eval.tasks
    from lm_eval.tasks import TaskManager

    harness = Path(lm_eval.tasks.__file__).parent
    medical = [] if everything else [harness / name for name in MEDICAL_FOLDERS]
    own = [folder.expanduser().resolve()] if folder else []
    # What comes later replaces what has its name.
    return TaskManager(
        include_path=[*medical, TASKS_FOLDER, PROBE_FOLDER, *own], include_defaults=everything
    )


def _own_tasks(folder: Path) -> list[str]:
    """The tasks of a folder. Raises MsbError if it has none, or a file that is no YAML."""
    import yaml
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._yaml_loader import load_yaml

    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise MsbError(f"no folder {folder}; expected one with .yaml files of lm-eval")
    for path in sorted(folder.rglob("*.yaml")):
        try:
            load_yaml(path, resolve_func=False)
        except (yaml.YAMLError, OSError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise MsbError(f"{path} cannot be read as a task: {said}") from None
    found = TaskManager(include_path=[folder], include_defaults=False).all_subtasks
    if not found:
        raise MsbError(f"no task in {folder}; expected .yaml files of lm-eval with `task: NAME`")
    return list(found)


def _load(manager: TaskManager, name: str) -> dict[str, Task]:
    """One task, or those of a group, with their questions."""
    entry = manager.task_index[name]
    there = (
        contextlib.chdir(entry.yaml_path.parent) if entry.yaml_path else contextlib.nullcontext()
    )
    try:
        with there:
            tasks: dict[str, Task] = manager.load([name])["tasks"]
    except Exception as error:  # datasets and lm-eval have a class for each way of failing
        raise MsbError(_unloadable(name, entry.cfg or {}, error)) from None
    return tasks


def _unloadable(name: str, config: dict[str, Any], error: Exception) -> str:
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    source = config.get("dataset_path")
    if source in LOCAL_FORMATS or "custom_dataset" in config:
        if isinstance(error, StopIteration | IndexError):
            return f"task {name} has no questions: a file of its data is empty"
        return f"task {name}: its questions cannot be read: {said}"
    return (
        f"task {name}: its data {source or ''} could not be fetched ({said}); run `msb data fetch "
        "knowledge`, connect to the Hugging Face Hub once, or give task files with local data by "
        "--tasks-dir"
    )


def chance_of(task: Task) -> float | None:
    """The accuracy of drawing among each question's options; None where there are none."""
    if not task.get_config("doc_to_choice"):
        return None
    return float(np.mean([1 / len(task.doc_to_choice(doc)) for doc in task.eval_docs]))


def metric_of(task: Task) -> str:
    """The metric that says whether a question is answered right. Raises MsbError without one."""
    there = task.aggregation()
    for name in METRICS:
        if name in there:
            return name
    raise MsbError(
        f"task {task.task_name} has the metrics {', '.join(there)}; expected one of "
        f"{', '.join(METRICS)}, which say for each question whether it is right"
    )


def shots_of(task: Task, asked: int) -> int:
    """How many examples a task is given: those asked for, unless it wants none whatever is asked.

    Raises MsbError if it has no examples apart from its questions.
    """
    if asked == 0 or task.get_config("num_fewshot") == 0:
        return 0
    fewshot = task.fewshot_cfg
    if not (fewshot.split or fewshot.samples or task.has_training_docs()):
        raise MsbError(
            f"task {task.task_name} has no examples to show: they would be its own questions; give "
            "it a fewshot_split, or use --shots 0"
        )
    if len(task.sampler.df) <= asked:
        raise MsbError(
            f"task {task.task_name} has {len(task.sampler.df)} examples; expected more than "
            f"--shots {asked}"
        )
    return asked


def prepare(task: Task, shots: int, seed: int) -> None:
    """Have a task draw so many examples for each question by this seed.

    Always at random: some tasks show their first examples to every question, whatever the seed.
    """
    from lm_eval.api.samplers import ContextSampler

    task.set_config(key="num_fewshot", value=shots)
    if shots:
        task.sampler = ContextSampler(task.sampler.df)
        task.set_fewshot_seed(seed)


def question_set(
    task: Task, shots: int, limit: int | None = None
) -> tuple[QuestionSet, list[int] | None]:
    """A task's questions, or ``limit`` of them drawn by a fixed seed, and the rows that these are.

    Raises MsbError for a task without questions.
    """
    docs = task.eval_docs
    rows: list[int] | None = None
    if limit is not None and limit < len(docs):
        rows = sorted(random.Random(0).sample(range(len(docs)), limit))
    texts = list(_texts(task, docs if rows is None else (docs[row] for row in rows)))
    if not texts:
        raise MsbError(f"task {task.task_name} has no questions")
    asked = {name: task.get_config(name) for name in ASKED}
    examples = [digest(list(_texts(task, task.sampler.df)))] if shots else []
    key = digest([repr(sorted(asked.items())), metric_of(task), texts, examples])[:16]
    numbers = np.array([question_number(text) for text in texts], np.uint64)
    version = (task.get_config("metadata") or {}).get("version", "-")
    return QuestionSet(key, str(task.task_name), str(version), numbers), rows


def _texts(task: Task, docs: Iterable[Any]) -> Iterator[str]:
    """What decides each question: text, options and right answer."""
    for doc in docs:
        options = task.doc_to_choice(doc) if task.get_config("doc_to_choice") else None
        yield repr([task.doc_to_text(doc), options, task.doc_to_target(doc)])
