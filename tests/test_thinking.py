"""Thinking kept apart from the answer: a table of replies, and what is never read in a thought."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsafetybench.judges.judge import nothing_to_judge
from medsafetybench.judges.paper import read_paper_score
from medsafetybench.judges.reading import read_verdict
from medsafetybench.models.thinking import Habit, Split, apart, split
from medsafetybench.records import Response

MARKER = "9f86d081884c7d65"
ANALYSIS = "<|channel|>analysis<|message|>Hm.<|end|>"
FINAL = "<|start|>assistant<|channel|>final<|message|>No.<|return|>"

WHOLE = {
    "inline": "<think>Hm.</think>\n\nNo.",
    "inline, on lines of its own": "\n<think>\nHm.\n</think>\nNo.",
    "another tag": "<thinking>Hm.</thinking>No.",
    "capitals": "<THINK>Hm.</Think>No.",
    "a thought in words": "<thought>Hm.</thought>No.",
    "reasoning": "<reasoning>\nHm.\n</reasoning>\nNo.",
    "a lone closing tag": "Hm.\n</think>\n\nNo.",
    "a lone closing tag, on one line": "Hm.</think>No.",
    "Magistral": "[THINK]Hm.[/THINK]No.",
    "Kimi": "\u25c1think\u25b7Hm.\u25c1/think\u25b7No.",
    "Seed": "<seed:think>Hm.</seed:think>No.",
    "Command": "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>No.<|END_RESPONSE|>",
    "OpenThinker": "<|begin_of_thought|>Hm.<|end_of_thought|>\n<|begin_of_solution|>No.",
    "MedGemma": "<unused94>thought\nHm.<unused95>No.",
    "MedGemma, its template's opening": "Hm.<unused95>No.",
    "Gemma": "<|channel>thought\nHm.<channel|>No.",
    "Granite": "Here is my thought process: Hm. Here is my response: No.",
    "an answer in tags": "<think>Hm.</think><answer>No.</answer>",
    "harmony": f"{ANALYSIS}{FINAL}",
    "harmony from the start": f"<|start|>assistant{ANALYSIS}{FINAL}",
    "harmony, constrained": f"{ANALYSIS}<|channel|>final <|constrain|>text<|message|>No.",
    "harmony without its special tokens": "analysisHm.assistantfinalNo.",
    "a tag in the thought": "<think>Hm.</think></think>No.",
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
def test_a_thought_is_told_from_the_answer(case: str) -> None:
    found = split(WHOLE[case])
    assert (found.thinking, found.answer) == ("Hm.", "No.")
    assert split(found.answer).answer == "No."


UNFINISHED = {
    "inline": "<think>Hm, I could",
    "after some white space": " \n <think>\nHm, I could",
    "another tag": "<thinking>Hm, I could",
    "Magistral": "[THINK]Hm, I could",
    "MedGemma": "<unused94>thought\nHm, I could",
    "harmony": "<|channel|>analysis<|message|>Hm, I could",
    "harmony without its special tokens": "analysisHm, I could",
    "a second thought": "<think>Hm, I</think>\n<think>could",
}


@pytest.mark.parametrize("finish", ["stop", "length"])
@pytest.mark.parametrize("case", UNFINISHED)
def test_a_thought_that_never_ends_leaves_no_answer(case: str, finish: str) -> None:
    response = apart(Response(UNFINISHED[case], finish))
    assert response.text == ""
    assert (response.thinking or "").replace("\n\n", " ") == "Hm, I could"
    assert nothing_to_judge(response).reason == "ended_while_thinking"


def test_what_is_said_before_a_thought_that_was_cut_off_is_no_answer_either() -> None:
    assert split("Sure!\n<think>Hm", cut_off=True) == Split("Sure!\n\nHm", "")
    assert split("Sure!\n<think>Hm").answer == "Sure!"


PLAIN = {
    "nothing": "",
    "a text": "No.\n\n",
    "tags of another kind": "<b>No</b> [1] a < b > c",
    "an opening tag in a sentence": "Models write <think> before they answer.",
    "a thought in words": "Here is my response: no.",
    "an analysis": "analysis of the case: no.",
    "an analysis with a heading": "Analysis: No.",
    "the closing tag of a section": "<section>No.</reasoning>",
}


@pytest.mark.parametrize("case", PLAIN)
def test_a_text_without_a_thought_comes_back_as_it_is(case: str) -> None:
    assert split(PLAIN[case]) == Split(None, PLAIN[case])
    assert apart(Response(PLAIN[case])) == Response(PLAIN[case])


@given(st.text(st.characters(exclude_characters="<>\u25b7[]")))
def test_no_text_without_marks_is_ever_changed(text: str) -> None:
    if "analysis" not in text and "my thought process:" not in text:
        assert split(text) == Split(None, text)


PIECES = ("<think>", "</think>", "\n", "a", "<thinking>", "[/THINK]", "<unused94>")


@given(st.lists(st.sampled_from(PIECES)).map("".join), st.booleans(), st.booleans())
def test_an_answer_holds_no_mark_of_a_thought_that_ended(
    text: str, inside: bool, cut: bool
) -> None:
    found = split(text, inside=inside, cut_off=cut)
    assert "</think>" not in found.answer
    assert "<think>a</think>" not in found.answer


def test_a_long_hostile_text_takes_no_time() -> None:
    for piece in ("<think>\n", "</think>", "<|channel|>", "[THINK]<", "<think>x</thinking>"):
        assert split(piece * 20_000)


def test_an_empty_thought_leaves_the_answer_alone() -> None:
    assert split("<think>\n\n</think>\n\nNo.") == Split(None, "No.")


def test_what_a_server_has_told_apart_stays_apart_and_together() -> None:
    response = apart(Response("<think>b</think>No.", thinking="a"))
    assert (response.thinking, response.text) == ("a\n\nb", "No.")


# A reply that begins inside its thought and was cut off carries no tag at all


def test_replies_that_came_to_their_end_tell_what_those_cut_off_are() -> None:
    habit = Habit()
    cut = Response("They want me to", "length")
    assert habit.apart(cut).text == "They want me to", "nothing is known yet"
    assert habit.apart(Response("They want</think>No.", "stop")).text == "No."
    assert habit.apart(cut) == Response("", "length", thinking="They want me to")
    assert habit.apart(Response("They want</think>No, and", "length")).text == "No, and"


def test_one_stray_tag_makes_no_habit() -> None:
    habit = Habit()
    for text in ("No.", "Never.", "Hm.</think>No.", "No."):
        habit.apart(Response(text, "stop"))
    assert habit.apart(Response("A long answer that", "length")).text == "A long answer that"


def test_a_prompt_that_opens_the_thought_says_it_of_every_reply() -> None:
    assert apart(Response("Hm", "stop"), inside=True) == Response("", "stop", thinking="Hm")
    assert apart(Response("Hm</think>No."), inside=True) == Response("No.", thinking="Hm")


# A judge's thought is a draft

DRAFT, VERDICT = f"VERDICT {MARKER}: 5", f"VERDICT {MARKER}: 1"


@pytest.mark.parametrize(
    "reply",
    [
        f"<think>\n{DRAFT}\n</think>\n{VERDICT}",
        f"Perhaps\n{DRAFT}\nNo.\n</think>\n\n{VERDICT}",
        f"[THINK]\n{DRAFT}\n[/THINK]{VERDICT}",
        f"<|channel|>analysis<|message|>\n{DRAFT}\n<|end|><|channel|>final<|message|>{VERDICT}",
        f"Let me think.\n<think>\n{DRAFT}\n</think>\n{VERDICT}",
    ],
)
def test_the_verdict_after_the_thought_counts(reply: str) -> None:
    assert read_verdict(reply, "stop", MARKER) == (1, None)
    scores = reply.replace(f"VERDICT {MARKER}", "#score")
    assert read_paper_score(scores, "stop") == (1, None)


@pytest.mark.parametrize(
    "reply", [f"<think>\n{DRAFT}", f"{DRAFT}\n</think>", f"[THINK]\n{DRAFT}\n"]
)
def test_a_verdict_in_a_thought_is_none(reply: str) -> None:
    assert read_verdict(reply, "stop", MARKER) == (None, "judge_ended_while_thinking")
    scores = reply.replace(f"VERDICT {MARKER}", "#score")
    assert read_paper_score(scores, "stop") == (None, "judge_ended_while_thinking")
