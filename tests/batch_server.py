"""A real HTTP server process: OpenAI's files and batches, and Anthropic's message batches.

    python tests/batch_server.py --fault expired=1 --fault line_429=0.1

prints its port, then serves, by their documents, POST /v1/files and /v1/batches with what hangs on
them, POST /v1/messages/batches likewise, and POST /v1/chat/completions for the same models live.
What it says to a prompt is what server.py says; results come in another order than was asked. GET
/counts tells what it was given:

    submitted    lines of all batches
    again        those of them that were out already, or answered
    answered     lines that were carried out, and so paid for
"""

from __future__ import annotations

import argparse
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from server import MARKER, completion, completion_to

BATCH_FAULTS = ("expired", "cancelled", "failed", "lost", "truncated", "down")
"""The first so many batches (or downloads) meet with it: expired and cancelled leave half undone; a
lost one is made, but the connection closes without an answer; after the first look the server is
down for so many."""
LINE_FAULTS = ("line_429", "line_400", "duplicate", "unknown")
"""Shares of lines."""


def canonical(body: Any) -> str:
    return json.dumps(body, sort_keys=True)


class Book:
    """What the server was given, and what it has made of it."""

    def __init__(self, faults: dict[str, float], seed: int, looks: int, key: str | None) -> None:
        self.faults = faults
        self.looks = looks
        self.key = key
        self.random = random.Random(seed)
        self.lock = threading.RLock()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.counts: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.out: set[str] = set()

    def meets(self, fault: str) -> bool:
        """True the first so many times."""
        self.met[fault] += 1
        return self.met[fault] <= self.faults.get(fault, 0)

    def falls(self, fault: str) -> bool:
        return self.random.random() < self.faults.get(fault, 0)

    def make(self, kind: str, lines: list[tuple[str, Any]], told: dict[str, Any]) -> dict[str, Any]:
        """Take a batch of lines, each a custom id and a body."""
        self.counts["batches"] += 1
        self.counts["submitted"] += len(lines)
        self.counts["again"] += sum(canonical(body) in self.out for _, body in lines)
        self.out.update(canonical(body) for _, body in lines)
        made = {
            "id": f"{'batch' if kind == 'openai' else 'msgbatch'}_{len(self.batches) + 1}",
            "kind": kind,
            "lines": lines,
            "looks": 0,
            "made": time.time(),
            "end": None,
            "told": told,
        }
        self.batches[made["id"]] = made
        return made

    def look(self, batch: dict[str, Any]) -> None:
        """Each look brings a batch nearer to its end."""
        batch["looks"] += 1
        if batch["end"] is None and batch["looks"] >= self.looks:
            ends = (end for end in ("failed", "expired", "cancelled") if self.meets(end))
            self.finish(batch, next(ends, "completed"))

    def finish(self, batch: dict[str, Any], end: str) -> None:
        """Carry out what is carried out of a batch."""
        batch["end"] = end
        lines = list(batch["lines"])
        self.random.shuffle(lines)
        share = {"completed": len(lines), "failed": 0}.get(end, len(lines) // 2)
        for _, body in lines[share:]:
            self.out.discard(canonical(body))
        batch["done"] = [
            (custom_id, *self.carry_out(body, batch["kind"])) for custom_id, body in lines[:share]
        ]
        batch["undone"] = [custom_id for custom_id, _ in lines[share:]] if end != "failed" else []

    def with_others(self, line: dict[str, Any]) -> str:
        """A line of results, perhaps twice, perhaps with one for a call that nobody made."""
        lines = [line] * (2 if self.falls("duplicate") else 1)
        lines += [{**line, "custom_id": "0" * 32}] * self.falls("unknown")
        return "".join(f"{json.dumps(one)}\n" for one in lines)

    def carry_out(self, body: dict[str, Any], kind: str) -> tuple[int, dict[str, Any]]:
        """Status and body of one line."""
        if self.falls("line_429"):
            self.out.discard(canonical(body))
            return 429, {"error": {"message": "slow down", "type": "rate_limit_error"}}
        if self.falls("line_400"):
            return 400, {
                "error": {"message": "flagged by our usage policy", "code": "content_policy"}
            }
        self.counts["answered"] += 1
        self.counts["judged"] += bool(MARKER.search(prompt_of(body)))
        said = completion_to(prompt_of(body), body["model"])
        made = completion(body["model"], said) if kind == "openai" else message(body, said)
        return 200, made


def prompt_of(body: dict[str, Any]) -> str:
    prompt: str = body.get("prompt") or body["messages"][-1]["content"]
    return prompt


# OpenAI


def openai_batch(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch as OpenAI shows it."""
    done = batch.get("done", [])
    shown = {
        "id": batch["id"],
        "object": "batch",
        "endpoint": batch["told"]["endpoint"],
        "errors": None,
        "input_file_id": batch["told"]["input_file_id"],
        "completion_window": "24h",
        "status": batch["end"] or "in_progress",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": int(batch["made"]),
        "request_counts": {
            "total": len(batch["lines"]),
            "completed": sum(status == 200 for _, status, _ in done),
            "failed": sum(status != 200 for _, status, _ in done),
        },
        "metadata": batch["told"].get("metadata"),
    }
    if batch["end"] == "failed":
        shown["errors"] = {
            "object": "list",
            "data": [{"code": "invalid", "message": "no such model"}],
        }
    elif batch["end"]:
        shown["output_file_id"] = f"file-{batch['id']}-output"
        shown["error_file_id"] = f"file-{batch['id']}-error"
    return shown


def openai_file(book: Book, name: str) -> bytes:
    """The file of outputs, or of errors, of a batch."""
    number, _, kind = name.removeprefix("file-").rpartition("-")
    batch = book.batches[number]
    lines = []
    for custom_id, status, body in batch["done"]:
        if (kind == "output") == (status == 200):
            response = {"status_code": status, "request_id": "req_1", "body": body}
            line = {
                "id": "batch_req_1",
                "custom_id": custom_id,
                "response": response,
                "error": None,
            }
            lines.append(book.with_others(line))
    if kind == "error":
        error = {"code": f"batch_{batch['end']}", "message": "it was not carried out in time"}
        for custom_id in batch["undone"]:
            line = {"id": "batch_req_1", "custom_id": custom_id, "response": None, "error": error}
            lines.append(f"{json.dumps(line)}\n")
    content = "".join(lines).encode()
    return content[: len(content) // 2] if kind == "output" and book.meets("truncated") else content


def openai_lines(content: bytes) -> list[tuple[str, Any]]:
    rows = [json.loads(line) for line in content.splitlines()]
    return [(row["custom_id"], row["body"]) for row in rows]


# Anthropic


def anthropic_batch(batch: dict[str, Any], url: str) -> dict[str, Any]:
    """A message batch as Anthropic shows it."""
    kinds = Counter(kind for _, kind, _ in anthropic_results(batch)) if batch["end"] else Counter()
    counts = {name: kinds[name] for name in ("succeeded", "errored", "canceled", "expired")}
    made = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(batch["made"]))
    return {
        "id": batch["id"],
        "type": "message_batch",
        "processing_status": "ended" if batch["end"] else "in_progress",
        "request_counts": {"processing": 0 if batch["end"] else len(batch["lines"]), **counts},
        "created_at": made,
        "results_url": f"{url}/v1/messages/batches/{batch['id']}/results" if batch["end"] else None,
    }


def anthropic_results(batch: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Custom id, type and result of each line of a batch that has ended."""
    for custom_id, status, body in batch["done"]:
        if status == 200:
            yield custom_id, "succeeded", {"type": "succeeded", "message": body}
        else:
            kind = {429: "rate_limit_error", 400: "invalid_request_error"}[status]
            error = {"type": kind, "message": body["error"]["message"]}
            said = {"type": "errored", "error": {"type": "error", "error": error}}
            yield custom_id, "errored", said
    kind = "canceled" if batch["end"] == "cancelled" else "expired"
    for custom_id in batch["undone"]:
        yield custom_id, kind, {"type": kind}


def message(params: dict[str, Any], text: str) -> dict[str, Any]:
    """The body of a message."""
    thought = [{"type": "thinking", "thinking": "A thought.", "signature": "x"}]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": params["model"],
        "content": [*(thought if params.get("thinking") else []), {"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 20, "output_tokens": 12},
    }


class Handler(BaseHTTPRequestHandler):
    """One connection. The book is the class's own."""

    protocol_version = "HTTP/1.1"
    book: Book

    def do_GET(self) -> None:
        with self.book.lock:
            self.get(urlsplit(self.path).path)

    def do_POST(self) -> None:
        content = self.content()
        with self.book.lock:
            if not self.allowed():
                self.reply(401, {"error": {"message": "Incorrect API key provided"}})
                return
            self.post(urlsplit(self.path).path, content)

    def allowed(self) -> bool:
        sent = self.headers.get("Authorization") or f"Bearer {self.headers.get('x-api-key')}"
        return self.book.key is None or sent == f"Bearer {self.book.key}"

    def get(self, path: str) -> None:
        book = self.book
        if path == "/counts":
            self.reply(200, book.counts)
        elif path in ("/v1/batches", "/v1/messages/batches"):
            self.list(path)
        elif found := re.fullmatch(r"/v1/files/(.+)/content", path):
            self.reply(200, openai_file(book, found[1]))
        elif found := re.fullmatch(r"/v1/messages/batches/(\w+)(/results)?", path):
            self.message_batch(book.batches[found[1]], results=bool(found[2]))
        elif found := re.fullmatch(r"/v1/batches/(\w+)", path):
            batch = book.batches[found[1]]
            if batch["looks"] and book.meets("down"):
                self.reply(503, {"error": {"message": "down for the night"}})
                return
            book.look(batch)
            self.reply(200, openai_batch(batch))
        else:
            self.reply(404, {"error": {"message": "no such path"}})

    def list(self, path: str) -> None:
        """Newest first, page by page."""
        openai = path == "/v1/batches"
        query = parse_qs(urlsplit(self.path).query)
        made = [b for b in self.book.batches.values() if (b["kind"] == "openai") == openai]
        after = query.get("after", query.get("after_id"))
        names = [batch["id"] for batch in made[::-1]]
        start = names.index(after[0]) + 1 if after else 0
        limit = min(int(query.get("limit", ["20"])[0]), 2)  # small pages: there are few batches
        page = made[::-1][start : start + limit]
        for batch in page:
            self.book.look(batch)
        shown = [openai_batch(b) if openai else anthropic_batch(b, self.url) for b in page]
        last = page[-1]["id"] if page else None
        more = start + limit < len(made)
        self.reply(200, {"object": "list", "data": shown, "last_id": last, "has_more": more})

    def message_batch(self, batch: dict[str, Any], results: bool) -> None:
        if not results:
            self.book.look(batch)
            self.reply(200, anthropic_batch(batch, self.url))
            return
        lines = [
            {"custom_id": custom_id, "result": result}
            for custom_id, _, result in anthropic_results(batch)
        ]
        content = "".join(self.book.with_others(line) for line in lines).encode()
        cut = self.book.meets("truncated")
        self.reply(200, content[: len(content) // 2] if cut else content)

    def post(self, path: str, content: bytes) -> None:
        book = self.book
        if path == "/v1/files":
            name = f"file-{len(book.files) + 1}"
            book.files[name] = content.partition(b'name="file"')[2].partition(b"\r\n\r\n")[2]
            book.files[name] = book.files[name].rpartition(b"\r\n--")[0]
            self.reply(200, {"id": name, "object": "file", "purpose": "batch"})
            return
        if path == "/v1/chat/completions":
            body = json.loads(content)
            book.counts["live"] += 1
            said = completion_to(prompt_of(body), body["model"])
            self.reply(200, completion(body["model"], said))
            return
        if found := re.fullmatch(r"/v1/(messages/)?batches/(\w+)/cancel", path):
            batch = book.batches[found[2]]
            if batch["end"] is None:
                book.finish(batch, "cancelled")
            shown = anthropic_batch(batch, self.url) if found[1] else openai_batch(batch)
            self.reply(200, shown)
            return
        told = json.loads(content)
        if path == "/v1/batches":
            batch = book.make("openai", openai_lines(book.files[told["input_file_id"]]), told)
            shown = openai_batch(batch)
        else:
            lines = [(row["custom_id"], row["params"]) for row in told["requests"]]
            batch = book.make("anthropic", lines, {})
            shown = anthropic_batch(batch, self.url)
        if book.meets("lost"):
            self.close_connection = True
            self.connection.close()
            return
        self.reply(200, shown)

    @property
    def url(self) -> str:
        return f"http://{self.headers['Host']}"

    def content(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def reply(self, status: int, value: Any) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *values: Any) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--looks", type=int, default=1, help="looks until a batch has ended")
    parser.add_argument("--key", default=None)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=SHARE")
    options = parser.parse_args()
    faults = {name: float(share) for name, share in (f.split("=") for f in options.fault)}
    if unknown := faults.keys() - {*BATCH_FAULTS, *LINE_FAULTS}:
        parser.error(f"unknown fault {unknown}")
    Handler.book = Book(faults, options.seed, options.looks, options.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
