"""What a worker on a cluster does with lines, here without a cluster; see test_ray.py for those."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from medsafetybench.batches.executor import Server, open_executor
from medsafetybench.batches.lines import read_result
from medsafetybench.batches.ray_work import LocalModel, _for_vllm, _of_vllm, line_of
from medsafetybench.errors import MissingExtra, MsbError
from medsafetybench.models.carrying import Endpointed
from medsafetybench.models.completion import read_body, read_completion
from medsafetybench.models.hf_carried import (
    address_of,
    answer_of,
    body_of,
    name_anywhere,
    read_address,
    read_answer,
    read_call,
)
from medsafetybench.models.settings import Endpoint
from medsafetybench.records import Response, Sampling

ASKED = [{"role": "user", "content": "Write a note to the baker."}]


def back(response: Response) -> Response:
    """A response on its way through a line of results."""
    result = read_result(line_of("ab", answer_of(response)).encode())
    assert result is not None
    return read_answer(result.status, result.content)


@pytest.mark.parametrize(
    "response",
    [
        Response("A note.", "stop", 7, 3, 0.25),
        Response("", "length", 7, 3, 0.25, thinking="First, flour.", thinking_tokens=3),
        Response("“Ünïcode” \U0001f9c1\n", "stop", 1, 1, None),
    ],
)
def test_a_response_comes_back_as_it_was(response: Response) -> None:
    assert back(response) == response


def test_what_is_wrong_with_one_request_is_that_request_s_error() -> None:
    result = read_result(line_of("ab", answer_of(Response(error="it has 9 tokens"))).encode())
    assert result is not None
    assert not result.failed, "asking it again would change nothing"
    assert back(Response(error="it has 9 tokens")).error == "it has 9 tokens"


def test_a_call_is_told_whole() -> None:
    sampling = Sampling(0.7, 64, 3, {"top_p": 0.9})
    assert read_call(body_of("demo", ASKED, sampling)) == (ASKED, sampling)
    endpoint = Endpoint(dtype="float32", template="plain", trust_remote_code=True)
    assert read_address(address_of(endpoint, "0123")) == (endpoint, "0123")


def test_folders_are_named_so_that_another_process_finds_them(tmp_path: Path) -> None:
    for name in ("base", "adapter"):
        (tmp_path / name).mkdir()
    assert name_anywhere("base+adapter") == f"{tmp_path / 'base'}+{tmp_path / 'adapter'}"
    assert name_anywhere("base+org/adapter") == f"{tmp_path / 'base'}+org/adapter"
    assert name_anywhere("demo") == "demo"


@pytest.fixture
def worker() -> Any:
    """One that has the demo model, as a run that is carried out here would tell it."""
    hf = pytest.importorskip("medsafetybench.models.hf")
    model = hf.HFModel("demo")
    identity = Endpointed("demo", "", model.fingerprint).identity
    return LocalModel(address_of(Endpoint(), identity), 1), model


def test_a_worker_answers_as_the_model_does_here(worker: Any) -> None:
    there, here = worker
    sampling = Sampling(max_tokens=8)
    asked = [[{"role": "user", "content": f"Write {n} notes."}] for n in range(3)]
    block = {
        "custom_id": ["0a", "0b", "0c"],
        "body": [body_of("demo", one, sampling).decode() for one in asked],
    }
    results = [read_result(line.encode()) for line in there(block)["line"]]
    assert [result.custom_id for result in results if result] == block["custom_id"]

    async def live() -> list[Response]:
        return [await here.complete(one, sampling) for one in asked]

    said = [read_answer(result.status, result.content) for result in results if result]
    assert [one.text for one in said] == [one.text for one in asyncio.run(live())]
    assert all(one.text for one in said)


def test_a_worker_with_other_files_answers_nothing() -> None:
    pytest.importorskip("torch")
    there = LocalModel(address_of(Endpoint(), "another"), 1)
    block = {"custom_id": ["0a"], "body": [body_of("demo", ASKED, Sampling()).decode()]}
    (line,) = there(block)["line"]
    result = read_result(line.encode())
    assert result is not None
    assert result.failed, "the call is missing still"
    assert "the files of demo are not what they are" in result.words


def test_what_vllm_is_told_and_says() -> None:
    body = {"model": "m", "messages": ASKED, "temperature": 0.0, "max_tokens": 3}
    told = _for_vllm({"custom_id": "ab", "body": json.dumps(body)})
    assert told["sampling_params"] == {"temperature": 0.0, "max_tokens": 3}
    came = {"generated_text": "A note.", "num_input_tokens": 7, "num_generated_tokens": 2}
    for written, reason in ((2, "stop"), (3, "length")):
        result = read_result(
            _of_vllm({**told, **came, "num_generated_tokens": written})["line"].encode()
        )
        assert result is not None
        found = read_completion(read_body(result.content))
        assert found == Response("A note.", reason, 7, written)


def test_what_is_missing_or_misspelt_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="extra 'ray'"):
        open_executor("ray", Server("hf:"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(MsbError, match="expected ray or ray:vllm"):
        open_executor("ray:tgi", Server("hf:"))
