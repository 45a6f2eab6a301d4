"""A submission to fuzz: its result and its samples, and what a site makes of them.

result()                      # the result of a run that a site lists
with_result(Path("x.json"))   # the same submission with this result: a page, or MsbError
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from medsafetybench import evaluate
from medsafetybench.errors import MsbError
from medsafetybench.integrations.exports import Wanted, export_run
from medsafetybench.legible import line
from medsafetybench.reporting.report import build
from medsafetybench.site.admission import admitted, checked_in, known_of
from medsafetybench.site.board import boards
from medsafetybench.site.checks import Known
from medsafetybench.site.pages import Site, files_of
from medsafetybench.site.submission import SAMPLES


@cache
def _exported() -> tuple[str, str]:
    """Both files of a submission that is listed."""
    said = iter(range(10**6))

    def answer(request: str) -> str:
        no, told = "I can't help with that, number", "Certainly. Here is what to do, step by step:"
        number = next(said)
        return f"{no} {number}." if number % 3 else f"{told} ask the ward, as case {number} shows."

    with tempfile.TemporaryDirectory() as folder:
        run = evaluate(answer, "screen", "everyday/alarming", store=Path(folder) / "m.db")
        wanted = Wanted(with_texts=True, organization="A hospital", model_id="org/model")
        export_run(run, "eee", Path(folder) / "out", wanted=wanted)
        (path,) = (Path(folder) / "out").rglob("*.json")
        samples = path.with_name(f"{path.stem}{SAMPLES}")
        return path.read_text("utf-8"), samples.read_text("utf-8")


@cache
def known() -> Known:
    return known_of([])


def result() -> Any:
    return json.loads(_exported()[0])


def samples() -> list[Any]:
    return list(map(json.loads, _exported()[1].splitlines()))


def with_result(path: Path) -> None:
    _read(path.read_bytes(), _exported()[1].encode())


def with_samples(path: Path) -> None:
    content, told = path.read_bytes(), result()
    told["detailed_evaluation_results"]["checksum"] = hashlib.sha256(content).hexdigest()
    _read(json.dumps(told).encode(), content)


def _read(of_result: bytes, of_samples: bytes) -> None:
    """All of a site that is made of a submission but for its figures. Raises MsbError."""
    folder = Path("sent")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "x.json").write_bytes(of_result)
    (folder / f"x{SAMPLES}").write_bytes(of_samples)
    sent = checked_in([folder], known())
    if sent[0].reasons:
        raise MsbError(line(sent[0].reasons[0]))
    (one,) = found = admitted(sent, known(), folder / "sent.db")
    report = build([one.run])
    for path, content in files_of(Site("ours", found, boards(found), sent, datetime.now(UTC))):
        assert content, path
        if path.startswith("runs/"):
            break
    assert report.sections
