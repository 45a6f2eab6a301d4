"""Runs in batches: the same store as a live run leaves, every call paid once, nothing lost."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from conftest import Server
from medsafetybench.batches.ledger import Ledger
from medsafetybench.evaluation.evaluation import carry_out, prepare
from medsafetybench.evaluation.pipeline import Progress
from medsafetybench.evaluation.rounds import How
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.store.store import Store

SERVER = Path(__file__).with_name("batch_server.py")
SMALL = {"benchmark": "starter", "limit": 20}
MARKER = re.compile("[0-9a-f]{16}")


@dataclass
class Told:
    """A reporter that keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.lines.append(text)

    async def watch(self, pipeline: object) -> None:
        return


def spec_of(server: Server | None, store: Path, **told: Any) -> EvaluationSpec:
    url = server.url if server else "http://127.0.0.1:9/v1"
    both = {"target_url": url, "judge_url": url, "retries": 2}
    return EvaluationSpec("openai:model", judge="openai:judge", store=store, **both, **told)


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


def worked_off(url: str, folder: Path, suffix: str = ".out.jsonl") -> list[Path]:
    """What ``vllm run-batch`` does: each line answered, the results beside the lines."""
    made = []
    for path in sorted(folder.glob("*.jsonl")):
        out = path.with_suffix(suffix)
        if path.name.count(".") > 1 or out.exists():
            continue
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        out.write_text("".join(vllm_line(url, row) for row in reversed(rows)), "utf-8")
        made.append(out)
    return made


def vllm_line(url: str, row: dict[str, Any]) -> str:
    """A line of its output, as its documents show it."""
    assert (row["method"], row["url"]) == ("POST", "/v1/chat/completions")
    asked = Request(f"{url}/chat/completions", json.dumps(row["body"]).encode())
    with urlopen(asked) as reply:
        body = json.load(reply)
    response = {"status_code": 200, "request_id": "vllm-batch-1", "body": body}
    said = {"id": "vllm-1", "custom_id": row["custom_id"], "response": response, "error": None}
    return json.dumps(said) + "\n"


def test_the_published_requests_by_each_executor_as_live(
    serve: Callable[..., Server], published: Path, tmp_path: Path
) -> None:
    server = serve(script=SERVER)
    whole = {"benchmark": "medsafety/eval", "data_dir": published}
    evaluated(spec_of(server, tmp_path / "live.db", **whole))
    live = content(tmp_path / "live.db")
    assert len(live) == 900 * 3 + 2

    evaluated(spec_of(server, tmp_path / "openai.db", batch="openai", **whole))
    assert content(tmp_path / "openai.db") == live
    counts = server.counts()
    assert (counts["submitted"], counts["answered"], counts["again"]) == (1800, 1800, 0)
    assert left_over(tmp_path / "openai.db") == 0

    filed = spec_of(server, tmp_path / "file.db", batch=f"file:{tmp_path / 'shards'}", **whole)
    progress, told = evaluated(filed)
    assert (progress.stopped, progress.parked) == ("batched", 900)
    assert "vllm run-batch -i " in "\n".join(told)
    for _ in range(2):
        assert worked_off(server.url, tmp_path / "shards")
        progress, _ = evaluated(filed)
    assert progress.stopped is None
    assert content(tmp_path / "file.db") == live
