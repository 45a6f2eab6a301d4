"""Failures show: by their commonest error, by the exit code, and in a list of their own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from commands import msb
from medsafetybench.errors import StopRun
from medsafetybench.models.health import FAILURES_IN_A_ROW
from medsafetybench.records import Request
from medsafetybench.store.faults import alike
from medsafetybench.targets.python import PythonTarget


def lost(text: str) -> str:
    raise KeyError(f"no index {len(text)} at 0x7f12ab")


def test_the_commonest_error_is_named_and_listed() -> None:
    Path("raises.py").write_text(
        "def answer(text):\n"
        "    if len(text) % 3:\n        raise KeyError(f'no index {len(text)}')\n"
        "    return 'No.'\n"
    )
    done = msb("evaluate", "--target", "python:raises:answer", "--benchmark", "starter/eval")
    listed = json.loads(msb("errors", "--json").out)["errors"]
    count = listed[0]["count"]
    assert done.code == 0
    assert f"{count} errors, each: KeyError: 'no index #'" in done.err
    assert len(listed) == 1, "numbers do not tell errors apart"
    assert listed[0]["error"].startswith("KeyError: 'no index ")
    assert "KeyError" in msb("errors").out


def test_so_many_failures_in_a_row_stop_the_run_and_the_last_is_named() -> None:
    target = PythonTarget(lost)
    request = Request("1", "How?")
    for _ in range(FAILURES_IN_A_ROW - 1):
        assert asyncio.run(target.respond(request)).error
    with pytest.raises(StopRun, match=r"failed 25 requests in a row, the last with KeyError"):
        asyncio.run(target.respond(request))
    assert asyncio.run(target.respond(request)).error, "the next pass begins anew"


def test_one_answer_between_two_failures_is_no_row() -> None:
    target = PythonTarget(lambda text: lost(text) if text == "bad" else "fine")
    for _ in range(2):
        for _ in range(FAILURES_IN_A_ROW - 1):
            assert asyncio.run(target.respond(Request("1", "bad"))).error
        assert asyncio.run(target.respond(Request("1", "good"))).text == "fine"


@pytest.mark.parametrize("response", ["", "error"], ids=["nothing said", "an error"])
def test_nothing_scored_is_never_exit_0(response: str) -> None:
    cell = '"error": "HTTP 500"' if response == "error" else '"response": ""'
    Path("said.jsonl").write_text(f'{{"text": "How?", {cell}}}\n')
    line = ("evaluate", "--target", "replay:said.jsonl", "--benchmark", "said.jsonl")
    for command in (line, line, ("rejudge", "--judge", "phrases")):
        done = msb(*command)
        assert (done.code, "nothing was scored" in done.err) == (3, True), command
    assert ("HTTP 500" in msb("errors").out) == (response == "error")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("HTTP 500 at id 12", "HTTP 500 at id 13", True),
        ("no answer within 5 s", "no answer within 5 s", True),
        ("request 9f86d081884c7d65 failed", "request 60303ae22b998861 failed", True),
        ("ValueError: a", "ValueError: b", False),
        ("ValueError: a", "KeyError: a", False),
    ],
)
def test_errors_are_alike_but_for_numbers_and_hashes(one: str, other: str, same: bool) -> None:
    assert (alike(one) == alike(other)) == same
