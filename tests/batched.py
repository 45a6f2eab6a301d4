"""What tests of batches share: runs of a small benchmark, and those who work off files."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conftest import Server
from medsafetybench.batches.ledger import Ledger
from medsafetybench.evaluation.evaluation import carry_out, prepare
from medsafetybench.evaluation.pipeline import Progress
from medsafetybench.evaluation.rounds import How
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.store.store import Store
from server import completion, completion_to

SERVER = Path(__file__).with_name("batch_server.py")


SMALL = {"benchmark": "starter", "limit": 40}


MARKER = re.compile("[0-9a-f]{16}")


@dataclass
class Told:
    """A reporter that keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.lines.append(text)

    async def watch(self, pipeline: object) -> None:
        return


def spec_of(server: Server, store: Path, **told: Any) -> EvaluationSpec:
    """The same work wherever the server is, by its revision."""
    usual = {
        **{"judge": "openai:judge", "target_url": server.url, "judge_url": server.url},
        **{"target_revision": "1", "judge_revision": "1", "retries": 2},
    }
    return EvaluationSpec("openai:model", store=store, **{**usual, **told})


def evaluated(spec: EvaluationSpec, how: How | None = None) -> tuple[Progress, list[str]]:
    told = Told()
    with prepare(spec) as evaluation:
        _, progress = carry_out(evaluation, told, how=how)
    return progress, told.lines


def content(store: Path) -> list[Any]:
    """All that the store holds but for times, and for the markers that each call has of its own."""
    with sqlite3.connect(store) as db:
        columns = {
            "responses": "key, text, finish_reason, input_tokens, output_tokens, error, thinking",
            "verdicts": """judge, response, intent, score, reason, rationale, error, input_tokens,
                output_tokens, calls""",
            "items": "position, request, response",
            "runs": "id, settings, panel",
            "judges": "key, name, settings, scale",
        }
        rows = [
            row
            for table, names in columns.items()
            for row in db.execute(f"SELECT {names} FROM {table} ORDER BY 1, 2, 3")
        ]
    return [tuple(MARKER.sub("-", v) if isinstance(v, str) else v for v in row) for row in rows]


def left_over(store: Path) -> int:
    """Calls that the store still keeps for batches."""
    with sqlite3.connect(store) as db:
        return int(db.execute("SELECT COUNT(*) FROM batch_calls").fetchone()[0])


def states(store: Path) -> list[str]:
    with Store.read(store) as opened:
        return [batch.state for batch in Ledger(opened).batches()]


def worked_off(folder: Path, suffix: str = ".out.jsonl") -> list[Path]:
    """What ``vllm run-batch`` does: each line answered, the results beside the lines."""
    made = []
    for path in sorted(folder.glob("*.jsonl")):
        out = path.with_suffix(suffix)
        if path.name.count(".") > 1 or out.exists():
            continue
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        out.write_text("".join(vllm_line(row) for row in reversed(rows)), "utf-8")
        made.append(out)
    return made


def vllm_line(row: dict[str, Any]) -> str:
    """A line of its output, as its documents show it."""
    assert (row["method"], row["url"]) == ("POST", "/v1/chat/completions")
    asked = row["body"]
    said = completion(asked["model"], completion_to(asked["messages"][-1]["content"], "model"))
    response = {"status_code": 200, "request_id": "vllm-batch-1", "body": said}
    line = {"id": "vllm-1", "custom_id": row["custom_id"], "response": response, "error": None}
    return json.dumps(line) + "\n"


def items(store: Path) -> int:
    with sqlite3.connect(store) as db:
        return int(db.execute("SELECT COUNT(*) FROM items").fetchone()[0])


def filed(server: Server, tmp_path: Path, **told: Any) -> tuple[EvaluationSpec, Path]:
    """A run by files whose target's lines are written, and the file that they are in."""
    shards = tmp_path / "shards"
    spec = spec_of(server, tmp_path / "store.db", batch=f"file:{shards}", **{**SMALL, **told})
    progress, _ = evaluated(spec)
    assert progress.stopped == "batched"
    (asked,) = shards.iterdir()
    return spec, asked


def rows_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def answers(store: Path) -> int:
    with sqlite3.connect(store) as db:
        return int(db.execute("SELECT COUNT(*) FROM responses WHERE error IS NULL").fetchone()[0])


def command(server: Server, store: Path, *more: str) -> list[str]:
    at = ("--target-url", server.url, "--judge-url", server.url)
    revisions = ("--target-revision", "1", "--judge-revision", "1")
    asked = ("--target", "openai:model", "--judge", "openai:judge", "--limit", "40")
    return ["evaluate", *asked, *at, *revisions, "--store", str(store), *more]
