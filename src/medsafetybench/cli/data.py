"""msb data: the benchmarks there are, and the published files behind them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from . import options, reading, show
from .said import say
from .usage import commands

if TYPE_CHECKING:
    from ..benchmarks import Benchmark

app = commands(
    "data",
    "List, fetch, show, audit and export benchmarks.",
    {
        "list": ("data:list_benchmarks", "List every benchmark by name."),
        "fetch": ("data:fetch", "Download the published files."),
        "show": ("data:show_benchmark", "What a benchmark holds."),
        "audit": ("audit:audit", "Duplicates, leakage, label noise, junk."),
        "export": ("data:export", "Write a benchmark's requests to a file."),
    },
)

Name = Annotated[str, Parameter(help="A name of `msb data list`, or a file of your own.")]


def list_benchmarks(*, data_dir: options.DataDir = None, as_json: options.Json = False) -> None:
    """List every benchmark by name."""
    from ..benchmarks import catalog, official

    names = catalog.names()
    if as_json:
        show.as_json({"benchmarks": names})
        return
    listed = {name: text for name, text in names.items() if not name.startswith("finetune/")}
    for family, largest in official.FINETUNE.items():
        listed[f"finetune/{family}-N"] = f"the paper's {family} fine-tuning subsets, N = 100, 200, "
        listed[f"finetune/{family}-N"] += f"... {largest}"
    show.table(("name", "what it is"), listed.items())
    folder = official.data_folder(data_dir)
    there = sum((folder / path).is_file() for path in official.registry())
    say("", f"Published files: {there} of {len(official.registry())} in {folder}")
    if there < len(official.registry()):
        say("`msb data fetch` downloads them.")


def fetch(
    what: Annotated[
        str,
        Parameter(
            help="medsafety (the data), protocol, knowledge (questions for msb capability), "
            "healthbench, healthbench-hard, healthbench-consensus, healthbench-professional, or a "
            "set of `msb judge sets`."
        ),
    ] = "medsafety",
    /,
    *,
    data_dir: options.DataDir = None,
) -> None:
    """Download the published files at a pinned commit, each checked against its SHA-256."""
    from ..benchmarks import healthbench, official
    from ..capability import knowledge
    from ..errors import UnknownName
    from ..labelled import published

    if what in published.PUBLISHED:
        downloaded, there, folder = published.fetch(published.PUBLISHED[what], data_dir)
    elif what in healthbench.PUBLISHED:
        downloaded, there, folder = healthbench.fetch(what, data_dir)
    elif what == "knowledge":
        downloaded, there, folder = knowledge.fetch(data_dir)
    elif what in official.COLLECTIONS:
        folder = official.data_folder(data_dir)
        downloaded, there = official.fetch(what, folder)
    else:
        known = [*official.COLLECTIONS, "knowledge", *healthbench.PUBLISHED, *published.PUBLISHED]
        raise UnknownName("collection", what, known)
    say(f"{downloaded} files downloaded, {there} were there already: {folder}")


def show_benchmark(
    name: Name,
    /,
    *,
    text: Annotated[
        int, Parameter(help="Print so many requests; harmful text is hidden otherwise.")
    ] = 0,
    source: options.Source = None,
    principle: options.Principle = None,
    column: options.Column = None,
    data_dir: options.DataDir = None,
) -> None:
    """Show what a benchmark holds: counts, hash, and on demand some of its requests."""
    from ..taxonomy import load_taxonomy

    found = _open(name, source, principle, column, data_dir)
    taxonomy = load_taxonomy()
    counts = Counter((r.principle, r.source or "-", r.intent) for r in found)
    version = f"@{found.version}" if found.version else ""
    say(f"{found.name}{version}: {len(found):,} requests, sha256 {found.sha256}", "")
    show.table(
        ("principle", "title", "source", "intent", "requests"),
        [
            (number or "-", taxonomy.title(number), origin, intent, f"{count:,}")
            for (number, origin, intent), count in sorted(counts.items(), key=str)
        ],
        right=("requests",),
    )
    if text:
        say()
        sample = found.sample(text)
        show.table(("id", "intent", "request"), ((r.id, r.intent, r.text) for r in sample))


def export(
    name: Name,
    /,
    *,
    output: options.Output,
    to: options.To = None,
    source: options.Source = None,
    principle: options.Principle = None,
    column: options.Column = None,
    data_dir: options.DataDir = None,
) -> None:
    """Write the requests of a benchmark; with --to openai, alpaca or trl its demonstrations, with
    --to croissant or hf a folder that others open."""
    from ..benchmarks.files import as_row
    from ..integrations.exports import export_benchmark
    from ..tables import write_rows

    found = _open(name, source, principle, column, data_dir)
    if to:
        exported = export_benchmark(found, to, output)
        say(f"{exported} in {output}", *exported.notes)
    else:
        count = write_rows(output, map(as_row, found))
        say(f"{count:,} requests in {output}")


def _open(
    name: str,
    sources: list[str] | None,
    principles: list[int] | None,
    columns: list[str] | None,
    data_dir: Path | None,
) -> Benchmark:
    """The benchmark, narrowed down as asked."""
    from ..benchmarks import load_benchmark

    return load_benchmark(
        name,
        data_dir=data_dir,
        columns=reading.pairs("--column", columns),
        sources=sources or (),
        principles=principles or (),
    )
