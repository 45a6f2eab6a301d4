"""Runs on a Ray cluster of this machine's own: `make test-ray`. Minutes, most of them Ray's own
beginnings and ends."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conftest import Server
from medsafetybench import evaluate
from medsafetybench.errors import MsbError, StopRun
from medsafetybench.evaluation.evaluation import carry_out, prepare
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.improvement import adapter
from medsafetybench.improvement.evidence import EvidenceSpec
from medsafetybench.improvement.recipe import load_recipe
from medsafetybench.improvement.sweep import Point, Row, Sweep, run_sweep
from medsafetybench.improvement.training import Unwatched
from medsafetybench.models import hf_files
from test_batches import SERVER, Told, content, evaluated, left_over, spec_of

if not os.environ.get("MSB_TEST_RAY"):
    pytest.skip("Ray takes minutes to begin and end: make test-ray", allow_module_level=True)
if importlib.util.find_spec("ray") is None:
    raise ImportError("make test-ray needs the extra 'ray'")

os.environ |= {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}

import ray
from ray.cluster_utils import Cluster

DEMO: dict[str, Any] = {"judge": "screen", "benchmark": "starter", "max_tokens": 32}
COMMAND = [sys.executable, "-m", "medsafetybench.cli"]
EVALUATE = [*COMMAND, "evaluate", "--target", "hf:demo", "--judge", "screen", "--batch", "ray"]
EVALUATE += ["--benchmark", "starter", "--max-tokens", "32", "--store"]


def stopped(command: list[str], by: signal.Signals, when: Callable[[], object]) -> tuple[int, str]:
    """What a command came to that was stopped, as a terminal does it, and what it said."""
    running = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not when() and running.poll() is None:
        time.sleep(0.05)
    os.killpg(running.pid, by)
    _, said = running.communicate(timeout=300)  # a machine may be busy
    return running.returncode, said


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
    stopped([*EVALUATE, str(store)], signal.SIGKILL, lambda: parts(store))
    kept = {path: path.stat().st_mtime_ns for path in parts(store)}
    assert kept
    subprocess.run([*EVALUATE, str(store)], check=True, stdout=subprocess.DEVNULL)
    assert said(store) == live
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "no block is worked off twice"


def test_ctrl_c_ends_the_workers_and_keeps_what_came_back(live: list[Any], tmp_path: Path) -> None:
    store = tmp_path / "ray.db"
    code, told = stopped([*EVALUATE, str(store)], signal.SIGINT, lambda: parts(store))
    assert code == 130
    assert "ending; what has come back is kept, and what is out stays out" in told
    assert "Traceback" not in told
    assert "Started a local Ray instance" not in told, "what is still called begins no other"
    kept = {path: path.stat().st_mtime_ns for path in parts(store)}
    assert 0 < len(kept) < 4
    subprocess.run([*EVALUATE, str(store)], check=True, stdout=subprocess.DEVNULL)
    assert said(store) == live
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


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


def test_what_is_out_of_a_folder_is_not_asked_live_as_well(tmp_path: Path) -> None:
    model = f"hf:{shutil.copytree(hf_files.DEMO, tmp_path / 'model')}"
    told: dict[str, Any] = {**DEMO, "limit": 4, "store": tmp_path / "ray.db"}
    with pytest.raises(StopRun, match="no Ray cluster answers"):
        evaluate(model, **told, batch="ray", ray_address="127.0.0.1:9")
    with pytest.raises(MsbError, match=r"batch 1 of run-\w+ is out with 4 calls to .*model"):
        evaluate(model, **told)


def test_where_no_cluster_answers_it_is_one_line(tmp_path: Path) -> None:
    command = [*EVALUATE, str(tmp_path / "ray.db"), "--ray-address", "127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no Ray cluster answers at 127.0.0.1:9" in done.stderr.splitlines()[-1]
    told: dict[str, Any] = {"batch": "ray", "ray_address": "127.0.0.1:9"}
    run = evaluate(lambda text: "No.", store=tmp_path / "again.db", judge="screen", limit=4)
    with pytest.raises(StopRun, match=r"no Ray cluster answers at 127\.0\.0\.1:9"):
        run.rejudge("hf:demo", **told)
    command = [*COMMAND, "rejudge", "--judge", "hf:demo", "--store", str(tmp_path / "again.db")]
    command += ["--batch", "ray", "--ray-address", "127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "no Ray cluster answers at 127.0.0.1:9" in done.stderr.splitlines()[-1]


# Sweeps


class Watching(Unwatched):
    """Keeps what it is told, and does something at the first line."""

    def __init__(self, do: Callable[[], object] = lambda: None) -> None:
        self.lines: list[str] = []
        self._do = do

    def note(self, text: str) -> None:
        if not self.lines:
            self._do()
        self.lines.append(text)


def sweep_in(folder: Path, published: Path, address: str | None) -> Sweep:
    how = EvaluationSpec(
        "hf:demo", max_tokens=8, limit=8, store=folder / "store.db", data_dir=published
    )
    toy = load_recipe("toy", {"mix": "[]", "epochs": "2", "max_length": "80"})
    evidence = EvidenceSpec(["starter/eval"], how=how)
    return Sweep("demo", folder / "sweep", ["med"], [100, 200], (0,), toy, evidence, address)


def weights(sweep: Sweep) -> dict[str, bytes]:
    found = sweep.output.glob("*/adapter_model.safetensors")
    return {path.parent.name: path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def alone(
    published: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], list[Row]]:
    """The adapters of a sweep that one process trains, and its figures."""
    import torch

    torch.set_num_threads(1)
    sweep = sweep_in(tmp_path_factory.mktemp("alone"), published, None)
    rows = run_sweep(sweep, Unwatched())
    return weights(sweep), rows


def test_a_sweep_of_workers_is_the_same_to_the_bit_though_a_node_is_lost(
    alone: tuple[dict[str, bytes], list[Row]], published: Path, tmp_path: Path, nodes: Any
) -> None:
    sweep, lost = sweep_in(tmp_path, published, nodes.address), threading.Event()
    under_way = [sweep.output / f"med-{size}-seed0" / adapter.CHECKPOINTS for size in (100, 200)]

    def lose() -> None:
        while not all(list(folder.glob("*/whole")) for folder in under_way):
            time.sleep(0.05)
        nodes.remove_node(nodes.list_all_nodes()[-1], allow_graceful=False)
        lost.set()

    threading.Thread(target=lose, daemon=True).start()
    watching = Watching()
    assert run_sweep(sweep, watching) == alone[1]
    assert lost.is_set()
    assert weights(sweep) == alone[0]
    assert watching.lines == ["2 of 2 adapters to train, 2 at once"]
    again = Watching()
    assert run_sweep(sweep, again) == alone[1]
    assert again.lines == ["0 of 2 adapters to train, 0 at once"]


@pytest.mark.usefixtures("here")
def test_an_adapter_that_fails_is_a_line_and_loses_no_other(
    alone: tuple[dict[str, bytes], list[Row]], published: Path, tmp_path: Path
) -> None:
    sweep = sweep_in(tmp_path, published, "local")
    broken = sweep.output / "med-100-seed0"

    def harm() -> None:
        (broken / adapter.CHECKPOINTS / "checkpoint-2").mkdir()
        (broken / adapter.CHECKPOINTS / "checkpoint-2" / "whole").touch()

    watching, told = Watching(harm), list[Point]()
    rows = run_sweep(sweep, watching, lambda point, found: told.append(point))
    assert rows == [row for row in alone[1] if row.size != 100]
    assert [point.size for point in told] == [0, 200]
    (said,) = watching.lines[1:]
    assert said.startswith("med-100-seed0 failed: ")
    shutil.rmtree(broken / adapter.CHECKPOINTS)
    assert run_sweep(sweep, Unwatched()) == alone[1], "the same command tries it again"
    assert weights(sweep) == alone[0]


@pytest.mark.usefixtures("here")
def test_a_worker_that_does_not_see_the_folder_ends_the_sweep_in_a_line(
    published: Path, tmp_path: Path
) -> None:
    sweep = sweep_in(tmp_path, published, "local")
    away = Watching(lambda: shutil.rmtree(sweep.output / "med-200-seed0"))
    with pytest.raises(StopRun, match=r"begin with the same folder.* -o on a disk that they share"):
        run_sweep(replace(sweep, sizes=[200]), away)


def test_ctrl_c_ends_a_sweep_in_a_line_and_it_goes_on(
    alone: tuple[dict[str, bytes], list[Row]], published: Path, tmp_path: Path
) -> None:
    sweep = sweep_in(tmp_path, published, "local")
    command = [*COMMAND, "sweep", "--base", "hf:demo", "--families", "med", "--sizes", "100,200"]
    command += ["--recipe", "toy", "--mix", "none", "--set", "epochs=2", "--set", "max_length=80"]
    command += ["--evaluate-on", "starter/eval", "--limit", "8", "--max-tokens", "8"]
    command += ["--capability", "none", "--store", str(tmp_path / "store.db")]
    command += ["--data-dir", str(published), "-o", str(sweep.output), "--ray-address", "local"]
    checkpoint = "*/checkpoints/*/whole"
    code, told = stopped(command, signal.SIGINT, lambda: list(sweep.output.glob(checkpoint)))
    assert code == 130
    assert "interrupted at 0 of 2 adapters; run the same command again to go on" in told
    assert "Traceback" not in told
    kept = len(list(sweep.output.glob(checkpoint)))
    assert kept > 0
    assert run_sweep(sweep, Unwatched()) == alone[1]
    assert weights(sweep) == alone[0]
