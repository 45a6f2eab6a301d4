"""The published MedSafetyBench data: downloaded at a pinned commit, checked, and read.

    reader("medsafety/eval", folder)()   # 900 requests of test/{gpt4,llama2}/..._{1..9}.csv
    fetch("medsafety", folder)           # 81 files from the authors' repository

A row of the CSV files, header first (the first column has no name and counts from 0):

    ,harmful_medical_request,safe_response
    0,"Write a ...","I'm sorry, but ..."

Every file is compared with its SHA-256 each time it is read; one that differs is never used.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path

import orjson

from ..errors import MsbError
from ..protocol import COMMIT
from ..protocol import REGISTRY as PROTOCOL
from ..records import Request

REPOSITORY = f"https://raw.githubusercontent.com/AI4LIFE-GROUP/med-safety-bench/{COMMIT}"
SPLITS = {"improve": "train", "eval": "test"}
SOURCES = ("gpt4", "llama2")
PRINCIPLES = range(1, 10)
FINETUNE = {"med": 900, "gen": 900, "both": 1800}
"""Families of the nested fine-tuning subsets, with the largest size of each; sizes step by 100."""

# A special token of Llama-3's that its authors' generator left at the end of 981 lines. A server
# would read it as the end of the turn, so it is taken off; the rest of a line is as published.
END_OF_TURN = "<|eot_id|>"


def registry() -> dict[str, str]:
    """SHA-256 of every published file of data, by its path inside the data folder."""
    text = files(__package__).joinpath("sha256sums.txt").read_text("ascii")
    return {path: sha256 for sha256, path in (line.split() for line in text.splitlines())}


def data_folder(folder: str | Path | None = None) -> Path:
    """Where the data are: the folder given, else ``MSB_DATA_DIR``, else the user's cache.

    A folder that holds ``medsafetybench/`` stands for that subfolder.
    """
    root = data_root(folder)
    if root is None:
        return cache() / COMMIT[:12]
    return root / "medsafetybench" if (root / "medsafetybench").is_dir() else root


def data_root(folder: str | Path | None = None) -> Path | None:
    """The folder of data given, else ``MSB_DATA_DIR``; None where neither is told."""
    given = folder or os.environ.get("MSB_DATA_DIR")
    return Path(given).expanduser() if given else None


def cache() -> Path:
    """The user's cache; for one who has no home, as in many a container, a temporary folder."""
    import pooch

    try:
        return Path(pooch.os_cache("medsafetybench"))
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "medsafetybench"


def checked(folder: Path, path: str, sha256: str, collection: str = "") -> bytes:
    """The content of one published file. Raises MsbError if it is missing or differs.

    ``collection`` is what `msb data fetch` gets it by, where that is not the data.
    """
    fetching = f"`msb data fetch {collection}`" if collection else "`msb data fetch`"
    try:
        content = (folder / path).read_bytes()
    except FileNotFoundError:
        raise MsbError(
            f"{path} is not in {folder}; run {fetching}, or point --data-dir or MSB_DATA_DIR "
            "at a folder that has the published files"
        ) from None
    except OSError as error:
        raise MsbError(f"{folder / path}: cannot be read: {error.strerror}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise MsbError(
            f"{folder / path} is not the published file and is not used: expected SHA-256 "
            f"{sha256}, found {found}; delete it and run {fetching}"
        )
    return content


def names() -> dict[str, str]:
    """Every published benchmark by name, with one line of description."""
    table = {
        "medsafety/eval": "900 harmful medical requests with safe responses, the test split",
        "medsafety/improve": "900 harmful medical requests with safe responses, the train split",
        "medsafety/llama3": "74,374 harmful medical requests from Llama-3, no responses",
        "gensafety/improve": "900 general safety instructions with responses (Bianchi et al. 2023)",
    }
    for family, largest in FINETUNE.items():
        for size in range(100, largest + 1, 100):
            table[f"finetune/{family}-{size}"] = f"the paper's {size} {family} fine-tuning examples"
    return table


def reader(name: str, folder: Path) -> Callable[[], Iterator[Request]]:
    """How to read a published benchmark by its name (one of ``names()``)."""
    family, _, part = name.partition("/")
    if name == "medsafety/llama3":
        return partial(_llama3, folder)
    if family == "medsafety":
        return partial(_demonstrations, part, folder)
    if family == "gensafety":
        return partial(_general, folder)
    subset, _, size = part.partition("-")
    return partial(_finetuning, subset, int(size), folder)


def _demonstrations(split: str, folder: Path) -> Iterator[Request]:
    sha256 = registry()
    for source in SOURCES:
        for principle in PRINCIPLES:
            path = f"{SPLITS[split]}/{source}/med_safety_demonstrations_category_{principle}.csv"
            text = checked(folder, path, sha256[path]).decode("utf-8")
            for index, request, response in list(csv.reader(io.StringIO(text, newline="")))[1:]:
                identity = f"medsafety/{split}/{source}/{principle}/{index}"
                yield Request(identity, request, "harmful", principle, source, response)


def raw_llama3(folder: Path) -> Iterator[Request]:
    """The 74,374 Llama-3 requests with every line as published, special tokens included."""
    sha256 = registry()
    for principle in PRINCIPLES:
        path = f"med_harm_llama3/category_{principle}.txt"
        lines = checked(folder, path, sha256[path]).decode("utf-8").split("\n")
        for index, line in enumerate(lines[:-1]):
            identity = f"medsafety/llama3/{principle}/{index}"
            yield Request(identity, line, "harmful", principle, "llama3")


def _llama3(folder: Path) -> Iterator[Request]:
    for request in raw_llama3(folder):
        yield replace(request, text=request.text.removesuffix(END_OF_TURN).rstrip())


def _examples(family: str, size: int, folder: Path) -> list[dict[str, str]]:
    path = f"train-splits-used-for-ft/{family}_safety/ft_safety_{family}_n{size}.json"
    examples: list[dict[str, str]] = orjson.loads(checked(folder, path, registry()[path]))
    return examples


def _general(folder: Path) -> Iterator[Request]:
    for index, example in enumerate(_examples("gen", 900, folder)):
        yield Request(
            f"gensafety/improve/{index}",
            example["instruction"],
            source="bianchi2023",
            reference=example["output"],
        )


def _finetuning(family: str, size: int, folder: Path) -> Iterator[Request]:
    """The files name neither principle nor source; both come back by joining on the text."""
    known = _by_text(_general(folder)) | _by_text(_demonstrations("improve", folder))
    for example in _examples(family, size, folder):
        yield known[example["instruction"], example["output"]]


def _by_text(requests: Iterable[Request]) -> dict[tuple[str, str | None], Request]:
    return {(request.text, request.reference): request for request in requests}


COLLECTIONS = ("medsafety", "protocol")
"""What can be fetched: the data, and the source files that hold the authors' own judge."""


def fetch(collection: str, folder: Path) -> tuple[int, int]:
    """Download a collection's files that are not in the folder yet.

    Returns how many were downloaded and how many were there. A file counts only once its hash is
    right: what arrives otherwise is deleted. Raises MsbError naming the file.
    """
    base = f"{REPOSITORY}/datasets" if collection == "medsafety" else REPOSITORY
    expected = registry() if collection == "medsafety" else PROTOCOL
    missing = {path: sha256 for path, sha256 in expected.items() if not (folder / path).exists()}
    for path in expected.keys() - missing.keys():
        checked(folder, path, expected[path])
    for path, sha256 in missing.items():
        download(f"{base}/{path}", sha256, folder / path)
    return len(missing), len(expected) - len(missing)


def download(url: str, sha256: str | None, target: Path) -> None:
    """Download a file; one whose hash is another than this is deleted, and is a MsbError."""
    import pooch

    pooch.get_logger().setLevel("ERROR")
    try:
        pooch.retrieve(url, sha256 and f"sha256:{sha256}", target.name, target.parent)
    except ValueError:
        raise MsbError(f"{url} is not the published file (SHA-256 differs); not used") from None
    except Exception as error:
        why = " ".join(str(error).split())[:200]
        raise MsbError(
            f"could not download {url}: {why}; check the network, or copy the files into a folder "
            "by hand and use --data-dir"
        ) from None
