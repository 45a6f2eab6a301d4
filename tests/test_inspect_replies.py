"""What Inspect's providers give: an answer, a thought, a filter, a prompt that is too long."""

from __future__ import annotations

import pytest

pytest.importorskip("inspect_ai", reason="needs the extra 'inspect'")

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
)

from medsafetybench.judges.judge import nothing_to_judge
from medsafetybench.models.inspect import read_output

USAGE = ModelUsage(input_tokens=20, output_tokens=12, total_tokens=32, reasoning_tokens=8)


def output(*content: object, reason: str = "stop", usage: ModelUsage | None = USAGE) -> ModelOutput:
    message = ChatMessageAssistant(content=list(content))  # type: ignore[arg-type]
    choice = ChatCompletionChoice(message=message, stop_reason=reason)  # type: ignore[arg-type]
    return ModelOutput(model="m", choices=[choice], usage=usage)


HM, NO = ContentReasoning(reasoning="Hm."), ContentText(text="No.")


def test_reasoning_is_kept_beside_the_answer_with_its_tokens() -> None:
    said = read_output(output(HM, NO))
    assert (said.thinking, said.text, said.thinking_tokens) == ("Hm.", "No.", 8)


def test_of_reasoning_that_is_encrypted_the_summary_is_kept() -> None:
    secret = ContentReasoning(reasoning="gAAAA", redacted=True, summary="Hm.")
    assert read_output(output(secret, NO)).thinking == "Hm."
    nothing = ContentReasoning(reasoning="gAAAA", redacted=True)
    assert read_output(output(nothing, NO)).thinking is None


def test_a_thought_inside_the_text_is_told_apart() -> None:
    said = read_output(output(ContentText(text="<think>Hm.</think>No.")))
    assert (said.thinking, said.text) == ("Hm.", "No.")


def test_a_thought_that_was_cut_off_is_no_answer() -> None:
    for given in (output(HM, reason="max_tokens"), output(ContentText(text="<think>Hm."))):
        said = read_output(given)
        assert (said.thinking, said.text) == ("Hm.", "")
        assert nothing_to_judge(said).reason == "ended_while_thinking"  # type: ignore[union-attr]


def test_the_words_of_a_filter_are_no_answer() -> None:
    said = read_output(output(ContentText(text="flagged\nfor violence"), reason="content_filter"))
    assert (said.text, said.notice, said.filtered) == ("", "flagged for violence", True)


def test_a_refusal_of_the_models_own_is_its_answer() -> None:
    said = read_output(output(ContentText(text="I can't.", refusal=True), reason="content_filter"))
    assert (said.text, said.finish_reason) == ("I can't.", "stop")


def test_a_prompt_that_does_not_fit_is_an_error_and_an_answer_that_does_not_is_cut() -> None:
    words = ContentText(text="maximum context length is 4096 tokens")
    said = read_output(output(words, reason="model_length", usage=None))
    assert said.error == "the prompt does not fit: maximum context length is 4096 tokens"
    said = read_output(output(NO, reason="model_length"))
    assert (said.text, said.finish_reason, said.error) == ("No.", "length", None)


def test_no_choice_is_an_empty_answer() -> None:
    assert read_output(ModelOutput(model="m")).empty
