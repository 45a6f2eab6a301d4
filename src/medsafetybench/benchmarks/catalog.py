"""Every benchmark there is, by name.

load_benchmark("medsafety/eval", sources=["gpt4"], principles=[4])
load_benchmark("starter@1.1")       # or an error, where this msb holds another version of it
load_benchmark("ours.csv", columns={"text": "prompt"})
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from ..errors import UnknownName
from ..tables import is_table
from . import healthbench, hexphi, official
from .benchmark import Benchmark
from .embedded import EMBEDDED
from .files import file_benchmark


def names() -> dict[str, str]:
    """The name of every benchmark in the catalog, with one line of description."""
    carried = {name: text for own in EMBEDDED.values() for name, text in own.names().items()}
    published = {**official.names(), **healthbench.names()}
    return {**carried, **published, "hexphi": hexphi.DESCRIPTION}


def load_benchmark(
    name: str | Path = "starter",
    *,
    data_dir: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    sources: Collection[str] = (),
    principles: Collection[int] = (),
    intents: Collection[str] = (),
) -> Benchmark:
    """A benchmark by name, or a file of one's own by path, narrowed down as asked.

    ``data_dir`` says where the published files are (see ``official.data_folder``); ``columns``
    maps our field names to the columns of one's own file. Raises MsbError for an unknown name, a
    missing or altered file, or a selection that leaves nothing.
    """
    whole = _whole(str(name), data_dir, columns or {})
    return whole.select(sources, principles, intents)


def _whole(name: str, data_dir: str | Path | None, columns: Mapping[str, str]) -> Benchmark:
    if name.partition(":")[0] in healthbench.PUBLISHED:
        return healthbench.healthbench(name, data_dir)
    if is_table(name):
        return file_benchmark(Path(name).expanduser(), columns)
    if name.partition(":")[0] == "hexphi":
        return hexphi.hexphi(name.partition(":")[2])
    whole, _, version = name.partition("@")
    own = EMBEDDED.get(whole.partition("/")[0])
    if own and whole in own.names():
        own.check(version)
        part = whole.partition("/")[2] or None
        return Benchmark(whole, partial(own.read, part), version=own.version)
    if name in official.names():
        return Benchmark(name, official.reader(name, official.data_folder(data_dir)))
    raise UnknownName("benchmark", name, [*names(), "FILE.csv", "FILE.jsonl", "FILE.parquet"])
