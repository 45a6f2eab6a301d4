"""Lines of requests and of results, in OpenAI's and in Anthropic's form."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from medsafetybench.batches.anthropic import read_message, request_of
from medsafetybench.batches.lines import read_result, request_line
from medsafetybench.models.completion import read_completion
from medsafetybench.records import Response


def test_what_is_asked_in_anthropics_form() -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "What is fever?"},
        {"role": "assistant", "content": "Heat."},
        {"role": "user", "content": "And more?"},
    ]
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body = {"model": "claude", "max_tokens": 9, "temperature": 1.0, "thinking": thinking}
    line = request_line(b"\1" * 16, "chat/completions", orjson.dumps({**body, "messages": turns}))
    assert orjson.loads(request_of(line)) == {
        "custom_id": "01" * 16,
        "params": {**body, "messages": turns[1:], "system": "Be kind."},
    }


def test_what_came_back_in_anthropics_form() -> None:
    content = [
        {"type": "thinking", "thinking": "Is it safe?", "signature": "s"},
        {"type": "text", "text": "Drink water."},
    ]
    usage = {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 9}
    said = {"content": content, "stop_reason": "end_turn", "usage": usage, "model": "claude"}
    assert response_of("succeeded", message=said) == Response(
        *("Drink water.", "stop", 12, 9), thinking="Is it safe?"
    )
    cut = response_of("succeeded", message={**said, "stop_reason": "max_tokens"})
    refused = response_of("succeeded", message={**said, "content": [], "stop_reason": "refusal"})
    assert (cut and cut.finish_reason, refused and refused.filtered) == ("length", True)


@pytest.mark.parametrize(
    ("kind", "inner", "status", "failed"),
    [
        ("errored", {"type": "invalid_request_error", "message": "prompt is too long"}, 400, False),
        ("errored", {"type": "overloaded_error", "message": "Overloaded"}, 529, True),
        ("errored", {"type": "authentication_error", "message": "no"}, 401, True),
        ("expired", None, 408, True),
        ("canceled", None, 408, True),
    ],
)
def test_what_did_not_in_anthropics_form(
    kind: str, inner: dict[str, str] | None, status: int, failed: bool
) -> None:
    told = {"error": {"type": "error", "error": inner}} if inner else {}
    result = read_message(orjson.dumps({"custom_id": "a", "result": {"type": kind, **told}}))
    assert result
    assert (result.status, result.failed) == (status, failed)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"custom_id": 1}', '{"custom_id": "a"}'])
def test_what_is_no_line_of_results(text: str) -> None:
    assert read_message(text.encode()) is None
    assert read_result(text.encode()) is None


def response_of(kind: str, **told: Any) -> Response | None:
    result = read_message(orjson.dumps({"custom_id": "a", "result": {"type": kind, **told}}))
    return read_completion(orjson.loads(result.content)) if result else None
