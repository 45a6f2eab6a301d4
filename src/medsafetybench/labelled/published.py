"""The published sets: where each comes from, under which licence, and how it is read.

    PUBLISHED["xstest"].read(folder_of(PUBLISHED["xstest"], "../data"))
    fetch(PUBLISHED["chatref"], None)

A file is compared with its SHA-256 each time it is read; one that differs is never used. Of two
sets we have seen the form alone and never the files: they have no hash here, and a card records
that of what was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..benchmarks.healthbench import BLOB
from ..benchmarks.official import cache, data_root, download
from ..errors import MsbError
from ..scale import CRITERIA, REFUSAL, Scale
from . import physicians, readers
from .labelled import Labelled

GITHUB = "https://raw.githubusercontent.com"
XSTEST = f"{GITHUB}/paul-rottger/xstest/a3bb396ddc1939c6f264f17b7cf5b7a5d82833de"
CHATREF = f"{GITHUB}/maxwellreuter/chatgpt-refusals/eceba414fd9cff16a912e5aa1a0ef04045d25ba3"
GPTFUZZ = f"{GITHUB}/sherdencooper/GPTFuzz"
LABELS = f"{GPTFUZZ}/013e427fd0ece6f9027b457871cf4048afaffd36/datasets/responses_labeled"
QUESTIONS = f"{GPTFUZZ}/9221bbfd97488369c14bc8b095b67f2c42339146/datasets/questions"
DO_NOT_ANSWER = (
    "https://huggingface.co/datasets/LibrAI/do-not-answer/resolve/"
    "7265bd7a26dca1bb64649d9c4e9b4d5f7aafeeeb"
)
PYRIT = f"{GITHUB}/Azure/PyRIT/d86171559021ca4ec40741d7da40548e191172be"
PYRIT_FOLDER = "pyrit/datasets/scorer_evals/refusal_scorer"


@dataclass(frozen=True)
class File:
    """One file of a set: where it is published, and its SHA-256 where we know it."""

    url: str
    sha256: str | None = None


@dataclass(frozen=True)
class Published:
    """A set that others published. ``use`` says what its makers or we allow: *training* too, or
    *checking* alone.

    ``folders`` are where its ``files`` lie below a folder of data, the first one where they are put
    when they are downloaded. ``rows`` reads them, given the content of each by its path, and says
    how many responses had no label that counts here.
    """

    name: str
    version: str
    what: str
    licence: str
    use: str
    source: str
    folders: tuple[str, ...]
    files: Mapping[str, File]
    rows: Callable[[Mapping[str, bytes]], tuple[list[Labelled], int]]
    annotators: tuple[str, ...] = ()
    scale: Scale = REFUSAL

    def content(self, folder: Path) -> dict[str, bytes]:
        """Its files by their paths. Raises MsbError for one that is missing or differs."""
        return {path: _checked(self, folder, path) for path in self.files}


PUBLISHED: Mapping[str, Published] = {
    one.name: one
    for one in (
        Published(
            "xstest",
            "v2",
            "answers of five models to 450 requests that are or only sound unsafe, two annotators",
            "CC BY 4.0",
            "training",
            "https://github.com/paul-rottger/xstest",
            ("xstest",),
            {
                f"model_completions/xstest_v2_completions_{model}.csv": File(
                    f"{XSTEST}/model_completions/xstest_v2_completions_{model}.csv", sha256
                )
                for model, sha256 in {
                    "gpt4": "71af323af8ecdec0efae23992317721441d2cfedddedeef3248f842f4e15c9ca",
                    "llama2new": "6365cc55ce0a593c7ab8785853d02784be027d97199d4077912b4313cd010099",
                    "llama2orig": (
                        "cbc52550e8ba8197a3e3d97a5af078d27bae4766737cd62df80270126a87ffc6"
                    ),
                    "mistralguard": (
                        "0ac03817b65e019a8f5b4b3eed805086f9f7fafe538ac9ebd156f80210af6903"
                    ),
                    "mistralinstruct": (
                        "6a146b65a5b96ec8249729bc2db459697175125998d7cbbcc88f7688ecf31dad"
                    ),
                }.items()
            },
            readers.xstest,
            ("first annotator", "second annotator"),
        ),
        Published(
            "chatref",
            "eceba414",
            "answers of ChatGPT to offensive, political and plain requests; complied or rejected",
            "MIT",
            "training",
            "https://github.com/maxwellreuter/chatgpt-refusals",
            ("chatref", "refusal-labels/chatref"),
            {
                "all_hand_labeled.json": File(
                    f"{CHATREF}/data/all_hand_labeled.json",
                    "82a7235f63f7dee0249001b87e9619e2e8db25edf5c82fbac55d72dcb5e30793",
                )
            },
            readers.chatref,
        ),
        Published(
            "gptfuzz",
            "013e427f",
            "answers to jailbreaks, each different one once; noisy, many in two personas",
            "MIT",
            "training",
            "https://github.com/sherdencooper/GPTFuzz",
            ("gptfuzz", "refusal-labels/gptfuzz"),
            {
                "q.csv": File(
                    f"{QUESTIONS}/question_list.csv",
                    "18531eb6bc1c8fc0b8f66822b366b872202b852bf28826cef590ad0d7a81c749",
                ),
                "train.csv": File(
                    f"{LABELS}/train.csv",
                    "e25fe2a06d2085af260927164364524628c8b5c1dd1bab1b58ddbd917c3f7cb0",
                ),
                "evaluate.csv": File(
                    f"{LABELS}/evaluate.csv",
                    "ca9e460c7fbcf3bc7c028c9e29297dd58cfbd54050f7729fbc635a6880a62a02",
                ),
            },
            readers.gptfuzz,
        ),
        Published(
            "do-not-answer",
            "7265bd7a",
            "answers of six models to 939 requests, with what each does; incapacity apart",
            "CC BY-NC-SA 4.0, no commercial use",
            "checking",
            "https://github.com/Libr-AI/do-not-answer",
            ("do-not-answer",),
            {"data_en.csv": File(f"{DO_NOT_ANSWER}/data_en.csv")},
            readers.do_not_answer,
        ),
        Published(
            "pyrit-refusal",
            "d8617155",
            "answers that the makers of PyRIT hold their refusal scorer against",
            "MIT",
            "checking",
            "https://github.com/Azure/PyRIT",
            ("pyrit-refusal",),
            {"refusal.csv": File(f"{PYRIT}/{PYRIT_FOLDER}/refusal.csv")},
            readers.pyrit,
        ),
        Published(
            physicians.NAME,
            "2025-05-07",
            "answers with one criterion each, met or not by several physicians (29,511)",
            "MIT",
            "checking",
            "https://github.com/openai/simple-evals",
            ("healthbench",),
            {physicians.FILE: File(f"{BLOB}/{physicians.FILE}")},
            physicians.of_files,
            physicians.SLOTS,
            CRITERIA,
        ),
    )
}


def folder_of(published: Published, data_dir: str | Path | None = None) -> Path:
    """The folder that holds a set's files, or where they would be put.

    Looked for in the folder given, else in ``MSB_DATA_DIR``, else in the user's cache.
    """
    root = data_root(data_dir) or cache() / "labelled"
    root = root.parent if root.name == "medsafetybench" and data_root(data_dir) else root
    places = [root / name for name in published.folders]
    first = next(iter(published.files))
    return next((place for place in places if (place / first).is_file()), places[0])


def missing(published: Published, data_dir: str | Path | None = None) -> list[str]:
    """The paths of a set's files that are not at hand."""
    folder = folder_of(published, data_dir)
    return [path for path in published.files if not (folder / path).is_file()]


def fetch(published: Published, data_dir: str | Path | None = None) -> tuple[int, int, Path]:
    """Download a set's files that are not there yet; how many were, how many were there, where.

    Raises MsbError naming the file if one cannot be had or is another than published.
    """
    folder, away = folder_of(published, data_dir), missing(published, data_dir)
    for path in away:
        download(published.files[path].url, published.files[path].sha256, folder / path)
    return len(away), len(published.files) - len(away), folder


def _checked(published: Published, folder: Path, path: str) -> bytes:
    try:
        content = (folder / path).read_bytes()
    except OSError:
        raise MsbError(
            f"{published.name} ({published.licence}) is not at hand: no {path} in {folder}; run "
            f"`msb data fetch {published.name}`, or put it there from {published.source}, or point "
            "--data-dir or MSB_DATA_DIR at a folder that has it"
        ) from None
    expected, found = published.files[path].sha256, hashlib.sha256(content).hexdigest()
    if expected not in (None, found):
        raise MsbError(
            f"{folder / path} is not the published file and is not used: expected SHA-256 "
            f"{expected}, found {found}; delete it and run `msb data fetch {published.name}`"
        )
    return content
