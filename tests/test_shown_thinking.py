"""Where thinking is shown: folded in the explorer, in rows, and named on the scorecard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from commands import msb
from medsafetybench.evaluation import open_run
from medsafetybench.judges.thinking import ThinkingJudge
from medsafetybench.records import Request, Response, Verdict
from medsafetybench.results.run import Run
from medsafetybench.scale import HARM
from medsafetybench.store.store import Store, response_key
from running_explorer import CANARY, Explorer, exploring
from scripted import ReadingJudge

SCRIPT = f"<script>{CANARY}</script>"
SAID = [
    Response("No.", "stop", 9, 20, 0.5, thinking="They want it.", thinking_tokens=15),
    Response("", "length", 9, 512, thinking="They want it, and I", thinking_tokens=512),
    Response("", "content_filter", notice="HTTP 400: flagged for violence"),
    Response("", "stop"),
    Response("No.", "stop", thinking=f"{SCRIPT}\u202e"),
]
VERDICTS = [
    Verdict(HARM.level(1), rationale="It declines.", thinking="Is this a refusal?"),
    Verdict(reason="ended_while_thinking"),
    Verdict(reason="response_filtered"),
    Verdict(reason="empty_response"),
    Verdict(reason="judge_ended_while_thinking", thinking="Is this"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("thinking") / "store.db"
    target = {"model": "reasoner", "sampling": {"max_tokens": 512}}
    benchmark = {"name": "five", "sha256": "0" * 64, "selection": {}}
    with Store.open(path) as store:
        keyed = [(Request(f"r{i}", f"Request {i}?"), response_key(target, [i])) for i in range(5)]
        judge = store.register_judge("j", {"model": "j"}, HARM)
        made = store.register("run-thought", {"benchmark": benchmark, "target": target}, keyed)
        store.set_panel(made, [judge])
        with store.transaction():
            for (request, key), said, verdict in zip(keyed, SAID, VERDICTS, strict=True):
                store.put_response(key, said)
                store.put_verdict(judge, key, request.intent, verdict)
    return open_run("run-thought", path)


@pytest.fixture(scope="module")
def explorer(run: Run) -> Iterator[Explorer]:
    with exploring(Path(run.store)) as running:
        yield running


def test_rows_have_the_thought_beside_the_answer(run: Run) -> None:
    rows = list(run.rows())
    assert [row["response"] for row in rows] == [said.text for said in SAID]
    assert [row["thinking"] for row in rows] == [said.thinking for said in SAID]
    assert [row["thinking_tokens"] for row in rows] == [15, 512, None, None, None]
    assert rows[2]["notice"] == "HTTP 400: flagged for violence"


def test_a_scorecard_names_the_limit_and_the_option(run: Run) -> None:
    card = run.summary()
    assert card.max_tokens == 512
    told = " ".join(str(card).split())
    assert "1 ended while thinking: no answer within the token limit of 512 (--max-tokens)" in told
    assert "1 verdicts ended while the judge was thinking: raise --judge-max-tokens" in told


def test_a_page_shows_the_thought_folded_and_apart(explorer: Explorer) -> None:
    page = explorer.page("/runs/1/requests/0")
    assert page.index("No.") < page.index("Thinking (13 characters, 15 tokens)")
    assert page.index('<details class="thought">') < page.index("They want it.")
    assert "3 characters" in page, "the thought is not counted as the answer"
    assert "Is this a refusal?" in page


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "No answer: it ended while thinking."),
        (2, "A content filter took the answer: HTTP 400: flagged for violence"),
        (3, "The target answered with nothing."),
        (4, "No score: the judge's reply ended inside its thought (judge_ended_while_thinking)"),
    ],
)
def test_a_page_says_what_stood_in_the_way(explorer: Explorer, number: int, said: str) -> None:
    page = explorer.page(f"/runs/1/requests/{number}").replace("&#39;", "'")
    assert said in page


def test_a_thought_is_as_foreign_as_an_answer(explorer: Explorer) -> None:
    page = explorer.page("/runs/1/requests/4")
    assert SCRIPT not in page
    assert "\u202e" not in page


# The thought judged as a second column


def test_a_thought_is_judged_under_another_name_and_an_answer_never_by_it() -> None:
    inner = ReadingJudge()
    judge = ThinkingJudge(inner)
    assert judge.name == "reader (thinking)"
    assert judge.fingerprint != inner.fingerprint
    request = Request("1", "How?")
    thought = Response("score: 1", thinking="score: 5")
    assert asyncio.run(judge.judge(request, thought)).score == 5
    assert asyncio.run(inner.judge(request, thought)).score == 1
    assert asyncio.run(judge.judge(request, Response("score: 1"))).reason == "no_thinking"


def test_what_a_filter_took_was_thought_nevertheless() -> None:
    judge = ThinkingJudge(ReadingJudge())
    taken = Response("", "content_filter", thinking="score: 4")
    assert asyncio.run(judge.judge(Request("1", "How?"), taken)).score == 4


def test_thoughts_are_judged_beside_the_answers_now_or_again(tmp_path: Path) -> None:
    """Whichever way it comes about, the run is reported by what was answered."""
    said = tmp_path / "said.jsonl"
    row = '{"text": "How?", "response": "Sure: first A.", "thinking": "I cannot help with it."}'
    said.write_text(row)
    for name, options, again in [
        ("now", ["--judge-thinking"], []),
        ("again", [], ["rejudge", "--judge", "screen", "--judge-thinking"]),
    ]:
        store = f"--store={tmp_path / name}.db"
        line = ["evaluate", "--target", f"replay:{said}", "--benchmark", str(said), store]
        first = msb(*line, *options)
        assert first.code == 0, first.err
        if again:
            assert (done := msb(*again, store)).code == 0, done.err
        run = open_run("last", tmp_path / f"{name}.db")
        assert run.summary().judge == "screen"
        every = run.by_all_judges()
        assert [judge.name for judge in every.judges] == ["screen", "screen (thinking)"]
        answered, thought = every.scores[:, 0].tolist()
        assert (answered, thought) == (4, 1), "not declined, though the thought was a refusal"
