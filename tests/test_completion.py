"""What servers answer in a 200: an answer of whatever shape, a thought, a filter, or none of it."""

from __future__ import annotations

import json

import pytest

from medsafetybench.judges.judge import nothing_to_judge
from medsafetybench.records import Response
from replies import (
    Reply,
    ask,
    choice,
    failed,
)

pytestmark = pytest.mark.usefixtures("no_time_lost")


def parts(*given: object) -> bytes:
    return choice({"content": list(given)})


SHAPES = {
    "text": (choice({"content": "Fine."}), "Fine."),
    "null": (choice({"content": None}), ""),
    "empty": (choice({"content": ""}), ""),
    "no content": (choice({"role": "assistant"}), ""),
    "parts": (parts({"type": "text", "text": "Fi"}, {"text": "ne."}), "Fine."),
    "no parts": (choice({"content": []}), ""),
    "one part, not in a list": (choice({"content": {"type": "text", "text": "Fine."}}), "Fine."),
    "parts that are texts": (parts("Fi", "ne."), "Fine."),
    "a part of null": (parts({"type": "text", "text": None}, {"text": "Fine."}), "Fine."),
    "a part of another kind": (parts({"type": "image_url", "image_url": {}}, "Fine."), "Fine."),
    "a refusal": (choice({"content": None, "refusal": "I can't."}), "I can't."),
    "a refusal beside a text": (choice({"content": "Fine.", "refusal": None}), "Fine."),
    "a refusal as a part": (parts({"type": "refusal", "refusal": "I can't."}), "I can't."),
    "a call of a tool": (choice({"content": None, "tool_calls": [{"id": "1"}]}), ""),
    "NaN beside it": (choice({"content": "Fine."}, logprobs=float("nan")), "Fine."),
    "a byte order mark": (b"\xef\xbb\xbf" + choice({"content": "Fine."}), "Fine."),
    "half a character": (
        b'{"choices": [{"message": {"content": "Fine \\ud83d"}}]}',
        "Fine \N{REPLACEMENT CHARACTER}",
    ),
    "bytes of another encoding": (
        choice({"content": "?"}).replace(b"?", b"caf\xe9"),
        "caf\N{REPLACEMENT CHARACTER}",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_content_of_every_shape_is_plain_text(shape: str) -> None:
    body, text = SHAPES[shape]
    _, said = ask(Reply(body=body))
    assert isinstance(said, Response)
    assert (said.text, said.error) == (text, None)


def test_tokens_reason_and_latency_come_along() -> None:
    _, said = ask(Reply())
    assert isinstance(said, Response)
    assert (said.finish_reason, said.input_tokens, said.output_tokens) == ("stop", 20, 12)
    assert 0 < (said.latency or 0) < 5


ODD = {
    "no usage": {},
    "usage null": {"usage": None},
    "tokens null": {"usage": {"prompt_tokens": None}},
    "tokens a text": {"usage": {"prompt_tokens": "20", "completion_tokens": "12"}},
    "usage a list": {"usage": [20, 12]},
}


@pytest.mark.parametrize("case", ODD)
def test_tokens_that_are_no_numbers_are_unknown(case: str) -> None:
    body = json.dumps({"choices": [{"message": {"content": "Fine."}}], **ODD[case]}).encode()
    _, said = ask(Reply(body=body))
    assert isinstance(said, Response)
    assert (said.text, said.input_tokens, said.output_tokens) == ("Fine.", None, None)


def test_a_finish_reason_that_is_no_text_is_unknown() -> None:
    _, said = ask(Reply(body=choice({"content": "Fine."}, finish_reason={"type": "stop"})))
    assert isinstance(said, Response)
    assert said.finish_reason is None


# What is thought


def thought(**fields: object) -> bytes:
    return choice({"content": "No.", **fields}, finish_reason="stop")


HM = {"type": "text", "text": "Hm."}
THOUGHTS = {
    "a field": thought(reasoning_content="Hm."),
    "the field renamed": thought(reasoning="Hm."),
    "both": thought(reasoning_content="Hm.", reasoning="Hm."),
    "another": thought(thinking="Hm."),
    "details": thought(reasoning_details=[{"type": "reasoning.text", "text": "Hm."}]),
    "a summary": thought(reasoning_details=[{"type": "reasoning.summary", "summary": "Hm."}]),
    "inline": thought(content="<think>Hm.</think>No."),
    "a lone closing tag": thought(content="Hm.\n</think>\n\nNo."),
    "a part": parts({"type": "thinking", "thinking": [HM]}, {"type": "text", "text": "No."}),
    "a part of one text": parts({"type": "thinking", "thinking": "Hm."}, "No."),
    "a part that reasons": parts({"type": "reasoning", "text": "Hm."}, {"text": "No."}),
}


@pytest.mark.parametrize("case", THOUGHTS)
def test_a_thought_is_kept_beside_the_answer(case: str) -> None:
    _, said = ask(Reply(body=THOUGHTS[case]))
    assert isinstance(said, Response)
    assert (said.thinking, said.text) == ("Hm.", "No.")


@pytest.mark.parametrize("finish", ["length", "stop"])
@pytest.mark.parametrize("fields", [{"reasoning_content": "Hm"}, {"content": "<think>Hm"}])
def test_a_thought_without_an_answer_is_no_answer(fields: dict[str, str], finish: str) -> None:
    body = choice({"content": None, **fields}, finish_reason=finish)
    _, said = ask(Reply(body=body))
    assert isinstance(said, Response)
    assert (said.thinking, said.text, said.error) == ("Hm", "", None)


USAGE = {"prompt_tokens": 20, "completion_tokens": 12, "total_tokens": 32}
TOKENS = {
    "inside the output": ({"completion_tokens_details": {"reasoning_tokens": 8}}, 12, 8),
    "by another name": ({"output_tokens_details": {"reasoning_tokens": 8}}, 12, 8),
    "in the usage itself": ({"reasoning_tokens": 8}, 12, 8),
    "beside the output": ({"reasoning_tokens": 8, "total_tokens": 40}, 20, 8),
    "not told": ({}, 12, None),
    "null": ({"completion_tokens_details": None}, 12, None),
}


@pytest.mark.parametrize("case", TOKENS)
def test_tokens_tell_the_thought_from_the_answer(case: str) -> None:
    usage, out, thinking = TOKENS[case]
    body = json.dumps({"choices": [{"message": {"content": "No."}}], "usage": USAGE | usage})
    _, said = ask(Reply(body=body.encode()))
    assert isinstance(said, Response)
    assert (said.input_tokens, said.output_tokens, said.thinking_tokens) == (20, out, thinking)


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_a_token_limit_has_one_name(reason: str) -> None:
    _, said = ask(Reply(body=choice({"content": "Fine"}, finish_reason=reason)))
    assert isinstance(said, Response)
    assert said.finish_reason == "length"


# A stream of events where JSON was asked


def stream(*events: object, done: bool = True) -> Reply:
    lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"] * done
    return Reply(body="".join(lines).encode(), headers=("content-type: text/event-stream",))


def delta(finish: str | None = None, **fields: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def test_a_stream_is_put_together() -> None:
    _, said = ask(
        stream(
            delta(reasoning_content="H"),
            delta(reasoning_content="m."),
            delta(content="N"),
            delta("stop", content="o."),
            {"choices": [], "usage": USAGE},
        )
    )
    assert isinstance(said, Response)
    assert (said.thinking, said.text, said.finish_reason) == ("Hm.", "No.", "stop")
    assert (said.input_tokens, said.output_tokens) == (20, 12)


def test_a_stream_that_breaks_off_or_fails_is_asked_again() -> None:
    for broken in (
        stream(delta(content="Su"), done=False),
        stream(delta(content="Su"), {"error": {"message": "overloaded"}}),
        stream(delta(content="Su"), delta("error")),
        Reply(body=b'data: {"choices": [{"del'),
        Reply(body=b": nothing yet\n\n"),
    ):
        server, said = ask(broken, Reply())
        assert isinstance(said, Response)
        assert (said.text, len(server.asked)) == ("Fine.", 2)


# What a filter took

AZURE = {"violence": {"filtered": True, "severity": "high"}, "hate": {"filtered": False}}
TAKEN = {
    "a choice without a message": choice(None, finish_reason="content_filter"),
    "no message": json.dumps({"choices": [{"finish_reason": "content_filter: SAFETY"}]}).encode(),
    "an empty message": choice({}, finish_reason="content_filter"),
    "SAFETY": choice({"role": "assistant"}, finish_reason="SAFETY"),
    "PROHIBITED_CONTENT": choice({}, finish_reason="PROHIBITED_CONTENT"),
    "sensitive": choice({"content": ""}, finish_reason="sensitive"),
    "guardrail_intervened": choice({"content": None}, finish_reason="guardrail_intervened"),
    "a part of an answer": choice({"content": "Sure, fi"}, finish_reason="content_filter"),
    "no choice": json.dumps(
        {"choices": [], "prompt_filter_results": [{"content_filter_results": AZURE}]}
    ).encode(),
    "feedback": json.dumps({"choices": [], "promptFeedback": {"blockReason": "SAFETY"}}).encode(),
    "its results": choice({}, content_filter_results=AZURE),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_a_filter_took_in_a_200_is_filtered_at_the_first_call(case: str) -> None:
    server, said = ask(Reply(body=TAKEN[case]))
    assert isinstance(said, Response)
    assert said.filtered
    assert said.error is None
    assert nothing_to_judge(said).reason == "response_filtered"
    assert len(server.asked) == 1


def test_what_a_filter_took_offence_at_is_kept() -> None:
    _, said = ask(Reply(body=TAKEN["no choice"]))
    assert isinstance(said, Response)
    assert said.notice == "violence"
    _, said = ask(Reply(400, failed("Flagged for violence.", "content_filter")))
    assert isinstance(said, Response)
    assert (said.text, said.notice) == ("", "HTTP 400: Flagged for violence.")


def test_harmless_results_of_a_filter_take_nothing() -> None:
    results = {"violence": {"filtered": False, "severity": "safe"}}
    _, said = ask(Reply(body=choice({"content": ""}, content_filter_results=results)))
    assert isinstance(said, Response)
    assert not said.filtered
