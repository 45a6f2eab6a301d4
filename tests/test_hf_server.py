"""A server that we did not write: ``transformers serve`` with the demo model, over HTTP."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from conftest import free_port
from medsafetybench import evaluate
from medsafetybench.models.hf_files import DEMO

if any(importlib.util.find_spec(n) is None for n in ("torch", "transformers", "fastapi")):
    if os.environ.get("CI"):
        raise ImportError("CI should have the extra 'local', fastapi, uvicorn and openai")
    pytest.skip("needs the extra 'local', fastapi, uvicorn and openai", allow_module_level=True)

START_SECONDS = 240


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address of a server process with the demo model."""
    port = free_port()
    start = "from transformers.cli.transformers import main; main()"
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    log = tmp_path / "server.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", start, "serve", str(DEMO), *options],
            stdout=said,
            stderr=said,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers; fail with its log if it ends or takes too long."""
    for _ in range(START_SECONDS * 10):
        try:
            urlopen(url).close()
        except (URLError, OSError):
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.1)
        else:
            return
    pytest.fail(log.read_text()[-2000:])


def test_the_same_requests_over_http_and_locally_get_the_same_text(
    address: str, tmp_path: Path
) -> None:
    settings = {"max_tokens": 32, "limit": 24, "store": tmp_path / "store.db"}
    at = {"target_url": address, "target_concurrency": 4}
    over_http = evaluate(f"openai:{DEMO}", "screen", "starter", **at, **settings)
    local = evaluate("hf:demo", "screen", "starter", **settings)
    texts = [{row["id"]: row["response"] for row in run.rows()} for run in (over_http, local)]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 24
    assert all(texts[0].values())
    assert over_http.summary().sides == local.summary().sides
