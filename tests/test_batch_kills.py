"""A process that is killed at any moment costs nothing: by the server's own count."""

from __future__ import annotations

import inspect
import itertools
import os
import pkgutil
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batched import (
    SERVER,
    SMALL,
    content,
    evaluated,
    spec_of,
)
from conftest import Server
from medsafetybench.evaluation.spec import EvaluationSpec

pytestmark = pytest.mark.usefixtures("impatient")


def killed(spec: EvaluationSpec, place: str, when: str, nth: int) -> bool:
    """Carry out a run in a process of its own, which is killed (SIGKILL) before or after the n-th
    time that a function returns; True if it was."""
    child = os.fork()
    if child == 0:
        try:
            name, _, attribute = place.rpartition(".")
            owner = pkgutil.resolve_name(f"medsafetybench.{name}")
            setattr(owner, attribute, deadly(getattr(owner, attribute), when, nth))
            evaluated(spec)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def deadly(function: Callable[..., Any], when: str, nth: int) -> Callable[..., Any]:
    """The function, but the n-th call of it is the process's last."""
    calls = itertools.count(1)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async def waited(*values: Any, **named: Any) -> Any:
        last = next(calls) == nth
        if last and when == "before":
            die()
        found = await function(*values, **named)
        if last:
            die()
        return found

    def plain(*values: Any, **named: Any) -> Any:
        last = next(calls) == nth
        if last and when == "before":
            die()
        found = function(*values, **named)
        if last:
            die()
        return found

    return waited if inspect.iscoroutinefunction(function) else plain


MOMENTS = [
    ("batches.calls:Calls.keep", "after", 3),
    ("batches.ledger:Ledger.prepare", "after", 1),
    ("batches.ledger:Ledger.attempt", "after", 1),
    ("batches.http:Client.post_file", "after", 1),
    ("batches.http:Client.post", "after", 1),
    ("batches.ledger:Ledger.submitted", "after", 1),
    ("batches.openai:OpenAIBatches.look", "after", 1),
    ("batches.ledger:Ledger.take", "before", 1),
    ("batches.ledger:Ledger.take", "after", 1),
    ("batches.ledger:Ledger.close", "after", 1),
    ("store.store:Store.put_response", "after", 5),
    ("batches.ledger:Ledger.prepare", "after", 1),
    ("batches.http:Client.post", "after", 1),
    ("batches.ledger:Ledger.close", "before", 1),
    ("store.store:Store.put_verdict", "after", 5),
    ("batches.calls:Calls.forget_done", "before", 1),
]
"""What a process was doing when it was killed, one process after the other; the first half while it
asks the target, the rest while it judges."""


def test_a_kill_costs_nothing(serve: Callable[..., Server], tmp_path: Path) -> None:
    server, store = serve("--looks", "2", script=SERVER), tmp_path / "store.db"
    spec = spec_of(server, store, batch="openai", **SMALL)
    for moment in MOMENTS:
        assert killed(spec, *moment), f"it did not come to {moment}"
    progress, _ = evaluated(spec)
    assert progress.stopped is None
    counts = server.counts()
    assert (counts["submitted"], counts["answered"], counts["again"]) == (80, 80, 0)
    evaluated(spec_of(server, tmp_path / "live.db", **SMALL))
    assert content(store) == content(tmp_path / "live.db")


def test_a_message_batch_without_a_name_of_ours_is_found_by_its_results(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server, store = serve("--looks", "3", script=SERVER), tmp_path / "store.db"
    evaluated(spec_of(server, tmp_path / "other.db", batch="anthropic", seed=1, **SMALL))
    spec = spec_of(server, store, batch="anthropic", **SMALL)
    for _ in range(2):
        killed(spec, "batches.http:Client.post_large", "after", 1)
    progress, _ = evaluated(spec)
    assert progress.stopped is None
    counts = server.counts()
    assert (counts["submitted"], counts["answered"], counts["again"]) == (160, 160, 0)
