"""Runs on a Ray cluster of this machine's own: `make test-ray`. Minutes, most of them Ray's own
beginnings and ends."""

from __future__ import annotations

import importlib.util
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Server
from medsafetybench import evaluate
from medsafetybench.evaluation.evaluation import carry_out, prepare
from medsafetybench.evaluation.spec import EvaluationSpec
from test_batches import SERVER, Told, content, evaluated, left_over, spec_of

if not os.environ.get("MSB_TEST_RAY"):
    pytest.skip("Ray takes minutes to begin and end: make test-ray", allow_module_level=True)
if importlib.util.find_spec("ray") is None:
    raise ImportError("make test-ray needs the extra 'ray'")

os.environ |= {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}

import ray
from ray.cluster_utils import Cluster

DEMO: dict[str, Any] = {"judge": "screen", "benchmark": "starter", "max_tokens": 32}


def said(store: Path) -> list[Any]:
    """What was answered, but for how long it took."""
    query = "SELECT key, text, finish_reason, input_tokens, output_tokens FROM responses"
    with sqlite3.connect(store) as db:
        return sorted(db.execute(query).fetchall())


def parts(store: Path) -> list[Path]:
    """Blocks that came back, as files beside the store."""
    return sorted(Path(f"{store}.batches").glob("*.part-*.jsonl"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What `hf:` says alone."""
    store = tmp_path_factory.mktemp("live") / "live.db"
    evaluate("hf:demo", store=store, **DEMO)
    return said(store)


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster of two nodes with a core each."""
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def here() -> Iterator[None]:
    """A cluster of this machine's own, whose end is waited for."""
    yield
    ray.shutdown()


@pytest.mark.usefixtures("here")
def test_workers_of_this_machine_say_what_the_model_says_alone(
    live: list[Any], tmp_path: Path
) -> None:
    store = tmp_path / "ray.db"
    progress, told = evaluated(EvaluationSpec("hf:demo", store=store, batch="ray", **DEMO))
    assert (progress.stopped, left_over(store)) == (None, 0)
    assert said(store) == live
    assert len(parts(store)) == 4, "blocks come back one by one"
    assert any("on the Ray cluster at this machine" in line for line in told)
    assert not ray.is_initialized()


def test_a_node_that_is_lost_costs_its_blocks_and_not_the_run(
    live: list[Any], tmp_path: Path, nodes: Any
) -> None:
    store, lost = tmp_path / "ray.db", threading.Event()

    def lose() -> None:
        while not parts(store):
            time.sleep(0.05)
        nodes.remove_node(nodes.list_all_nodes()[-1], allow_graceful=False)
        lost.set()

    threading.Thread(target=lose, daemon=True).start()
    spec = EvaluationSpec("hf:demo", store=store, batch="ray", ray_address=nodes.address, **DEMO)
    with prepare(spec) as evaluation:
        _, progress = carry_out(evaluation, Told())
    assert lost.wait(60)
    assert progress.stopped is None
    assert said(store) == live


@pytest.mark.usefixtures("here")
def test_a_killed_process_is_gone_on_with(live: list[Any], tmp_path: Path) -> None:
    store = tmp_path / "ray.db"
    command = [sys.executable, "-m", "medsafetybench.cli", "evaluate", "--target", "hf:demo"]
    command += ["--judge", "screen", "--benchmark", "starter", "--max-tokens", "32"]
    command += ["--batch", "ray", "--store", str(store)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not parts(store) and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = {path: path.stat().st_mtime_ns for path in parts(store)}
    assert kept
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert said(store) == live
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "no block is worked off twice"


@pytest.mark.usefixtures("here")
def test_an_endpoint_behind_the_cluster_is_told_what_a_live_call_tells(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(script=SERVER)
    small = {"benchmark": "starter", "limit": 8}
    evaluated(spec_of(server, tmp_path / "live.db", **small))
    progress, _ = evaluated(spec_of(server, tmp_path / "ray.db", batch="ray", **small))
    assert progress.stopped is None
    assert content(tmp_path / "ray.db") == content(tmp_path / "live.db")


def test_where_no_cluster_answers_it_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "medsafetybench.cli", "evaluate", "--target", "hf:demo"]
    command += ["--judge", "screen", "--batch", "ray", "--ray-address", "127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "no Ray cluster answers at 127.0.0.1:9" in done.stderr.splitlines()[-1]
