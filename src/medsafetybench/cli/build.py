"""msb build: make a benchmark of your own, stage by stage, in a project folder.

    msb build init ours
    msb build elicit ours --target openai:MODEL --target-url http://127.0.0.1:8000/v1
    msb build extract ours && msb build deduplicate ours --against medsafety/eval
    msb build filter ours --judge openai:JUDGE --judge-url ...

Each command, run again, goes on where it stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from . import options, show
from .build_run import Folder, Limit, Redo, run, show_account
from .said import say
from .usage import at_least, commands

app = commands(
    "build",
    "Build a benchmark of your own.",
    {
        "init": ("build:init", "Make a project folder."),
        "elicit": ("build_ask:elicit", "Ask a model for requests."),
        "extract": ("build:extract", "Take single requests out of the lists."),
        "deduplicate": ("build:deduplicate", "Drop exact and near duplicates."),
        "filter": ("build_ask:filter_", "Have a judge keep what is plainly harmful."),
        "contrast": ("build_ask:contrast", "Write a benign twin for each request."),
        "answer": ("build_ask:answer", "Write a safe response to each request."),
        "review": ("build_review:review", "Accept, edit or reject, one by one."),
        "agreement": ("build_review:agreement", "How far two reviewers agree."),
        "release": ("build:release", "Write splits, card and metadata."),
        "status": ("build:status", "What each stage has come to."),
        "export": ("build:export_stage", "Write what a stage kept to a file."),
        "suffix": ("build_ask:suffix", "Search a suffix for your own model."),
    },
)


def init(
    folder: Folder,
    /,
    *,
    name: Annotated[str | None, Parameter(help="Its name. [default: the folder's]")] = None,
    taxonomy: Annotated[
        str, Parameter(help="ama, or a .yaml file, relative to the project folder.")
    ] = "ama",
    language: Annotated[str, Parameter(help="The language of the requests.")] = "English",
    rounds: Annotated[int, Parameter(validator=at_least(1), help="Times through the grid.")] = 1,
    count: Annotated[
        int, Parameter(validator=at_least(1), help="Requests to ask for in one prompt.")
    ] = 10,
    seed: Annotated[int, Parameter(help="Shuffles the grid, and splits the release.")] = 0,
) -> None:
    """Make a project folder; edit its project.yaml before the first stage."""
    from ..building import Config, Project

    called = name or folder.resolve().name
    config = Config(called, taxonomy, language, rounds=rounds, count=count, seed=seed)
    project = Project.create(folder, config)
    cells = len(project.taxonomy.principles) * len(config.specialities) * len(config.styles)
    say(
        f"{folder}/project.yaml: {cells * rounds:,} prompts for {count} requests each "
        "(principles x specialities x styles x rounds). Next: msb build elicit"
    )


def extract(
    folder: Folder, /, *, limit: Limit = None, redo: Redo = False, as_json: options.Json = False
) -> None:
    """Take single requests out of the elicited lists."""
    from ..building import Project
    from ..building.extract import Extract

    project = Project(folder)
    run(project, Extract(project), 0, limit, False, redo, as_json)


def deduplicate(
    folder: Folder,
    /,
    *,
    against: Annotated[
        list[str] | None,
        Parameter(help="A benchmark to keep clear of: a name or a file; repeatable."),
    ] = None,
    measure: Annotated[
        list[str] | None,
        Parameter(
            metavar="NAME=THRESHOLD",
            help="As in `msb data audit`. [default: jaccard3=0.7, token_sort=90]",
        ),
    ] = None,
    data_dir: options.DataDir = None,
    limit: Limit = None,
    redo: Redo = False,
    as_json: options.Json = False,
) -> None:
    """Drop exact and near duplicates, within the set and against benchmarks that you name."""
    from ..benchmarks import load_benchmark
    from ..benchmarks.audit import Likeness
    from ..building import Project
    from ..building.deduplicate import DEFAULT
    from ..building.deduplicate import deduplicate as drop_duplicates

    project = Project(folder)
    if redo:
        project.redo("deduplicate")
    known = [load_benchmark(name, data_dir=data_dir) for name in against or []]
    measures = [Likeness.parse(text) for text in measure or []] or list(DEFAULT)
    show_account(drop_duplicates(project, known, measures, limit), as_json)
    if not known and not as_json:
        say("Compared with itself only: name published sets with --against medsafety/eval ...")


def release(
    folder: Folder,
    /,
    *,
    version: Annotated[str, Parameter(help="Three numbers.")] = "1.0.0",
    license: Annotated[str, Parameter(help="The licence you release under.")] = "MIT",
    eval_share: Annotated[float, Parameter(help="Share of requests in eval.")] = 0.5,
    reviewers: Annotated[
        int,
        Parameter(
            validator=at_least(0), help="Decisions that each row needs; 0 releases unreviewed."
        ),
    ] = 2,
    as_json: options.Json = False,
) -> None:
    """Write splits, hash, JSONL, Parquet, a dataset card and Croissant metadata."""
    from ..building import Project
    from ..building.release import release as make

    made = make(Project(folder), version, license=license, share=eval_share, reviewers=reviewers)
    if as_json:
        show.as_json(
            {"folder": str(made.folder), "rows": made.rows, "left_out": made.left_out,
             "sha256": made.sha256}
        )  # fmt: skip
        return
    told = ", ".join(f"{n:,} in {name}" for name, n in sorted(made.rows.items()))
    say(f"{made.folder}: {told}; content sha256 {made.sha256}")
    if made.left_out:
        say("left out: " + ", ".join(f"{n:,} {reason}" for reason, n in made.left_out.items()))
    say(f"Next: msb evaluate --benchmark {made.folder / 'eval.jsonl'} --target ...")


def status(folder: Folder, /, *, as_json: options.Json = False) -> None:
    """What each stage has come to, and why rows were set aside."""
    from dataclasses import asdict

    from ..building import Project
    from ..building.project import STAGES
    from ..building.stage import account

    project = Project(folder)
    accounts = [account(project, stage) for stage in STAGES]
    if as_json:
        show.as_json({"stages": [asdict(one) for one in accounts]})
        return
    show.table(
        ("stage", "done", "kept", "set aside"),
        [
            (one.stage, f"{one.items:,}", f"{one.kept:,}",
             ", ".join(f"{reason} {n:,}" for reason, n in one.aside.items()) or "-")
            for one in accounts
        ],
        right=("done", "kept"),
    )  # fmt: skip


def export_stage(
    folder: Folder,
    stage: Annotated[str, Parameter(help="A stage that has begun, such as filter.")],
    /,
    *,
    output: Annotated[
        Path, Parameter(name=("--output", "-o"), help="A .csv, .jsonl or .parquet file.")
    ],
    aside: Annotated[bool, Parameter(name="--aside", help="What was set aside instead.")] = False,
) -> None:
    """Write what a stage kept, or set aside, to a file."""
    from ..building import Project
    from ..tables import write_rows

    decisions = Project(folder).decisions(stage)
    rows = (row for one in decisions for row in (one.aside if aside else one.kept))
    say(f"{write_rows(output, rows):,} rows in {output}")
