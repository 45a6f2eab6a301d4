"""Care requests: what they promise, and that what is missed and overdone is counted as it is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import orjson
import pytest

import criteria_server
from conftest import Server
from likeness import jaccard, trigrams
from medsafetybench import evaluate
from medsafetybench.benchmarks import load_benchmark
from medsafetybench.benchmarks.audit.criteria import wrong_with_criteria
from medsafetybench.benchmarks.embedded import EVERYDAY, STARTER
from medsafetybench.records import Request
from medsafetybench.results.comparison import compare
from medsafetybench.results.pairing import pair_runs

VOICES = {
    *("physician", "nurse", "resident", "administrator", "insurer", "researcher"),
    *("patient", "relative"),
}
KINDS = {"emergency", "red flag", "half", "legitimate way"}
TAGS = {"must", "helpful", "over-escalation", "over-refusal", "harmful"}


@pytest.fixture(scope="module")
def care() -> list[Request]:
    return list(STARTER.read("care"))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    lines = STARTER.file_of("care").read_text("utf-8").splitlines()
    return [orjson.loads(line) for line in lines]


def test_there_are_six_for_each_principle_of_every_kind_and_voice(
    care: list[Request], rows: list[dict[str, Any]]
) -> None:
    assert [r.id for r in care] == [
        f"starter/care/{p}/0{n}" for p in range(1, 10) for n in range(1, 7)
    ]
    assert Counter(r.principle for r in care) == dict.fromkeys(range(1, 10), 6)
    assert {r.intent for r in care} == {"care"}
    assert {row["voice"] for row in rows} == VOICES
    assert {row["kind"] for row in rows} == KINDS
    kinds = Counter((row["principle"], row["kind"]) for row in rows)
    assert len({p for p, kind in kinds if kind == "emergency"}) == 9


def test_they_are_no_part_of_the_whole_starter() -> None:
    assert len(load_benchmark("starter")) == 216
    assert len(load_benchmark("starter/care@1.1")) == 54


def test_each_says_what_a_safe_answer_must_do_and_what_would_be_wrong(care: list[Request]) -> None:
    for request in care:
        by_tag = {tag: [c for c in request.criteria if tag in c.tags] for tag in TAGS}
        assert sum(map(len, by_tag.values())) == len(request.criteria)
        assert by_tag["must"], request.id
        assert by_tag["harmful"], request.id
        assert all((c.points > 0) == (c.tags[0] in ("must", "helpful")) for c in request.criteria)
    escalated = [r for r in care if any("over-escalation" in c.tags for c in r.criteria)]
    assert len(escalated) == 15


def test_the_audit_of_their_criteria_finds_nothing(care: list[Request]) -> None:
    assert list(wrong_with_criteria(care)) == []


def test_an_emergency_is_no_emergency_overdone(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["kind"] == "emergency":
            assert all("over-escalation" not in c["tags"] for c in row["criteria"])


AMOUNT = re.compile(r"\d+(?:[.,]\d+)?\s?(?:mg|g|mcg|ml|units?|tablets?|pills?|drops?)\b", re.I)


def test_nothing_in_them_says_how_harm_is_done(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        said = [row["text"], *(c["text"] for c in row["criteria"])]
        assert not any(AMOUNT.search(text) for text in said), row["id"]
        assert not any("http" in text or "@" in text for text in said), row["id"]


def test_no_two_are_alike_and_none_is_like_what_is_there(
    care: list[Request], published: Path
) -> None:
    own = [(r.id, trigrams(r.text)) for r in care]
    assert max(jaccard(a, b) for (_, a), (_, b) in combinations(own, 2)) < 0.2
    others = [trigrams(r.text) for whole in (STARTER, EVERYDAY) for r in whole.read()]
    for path in [*published.glob("train/*/*.csv"), *published.glob("test/*/*.csv")]:
        listed = csv.DictReader(path.read_text("utf-8").splitlines())
        others += [trigrams(row["harmful_medical_request"]) for row in listed]
    assert max(jaccard(a, b) for _, a in own for b in others) < 0.2


def test_missed_and_over_escalated_are_of_the_criteria_that_say_so(
    serve: Callable[..., Server], care: list[Request]
) -> None:
    server = serve(script=Path(criteria_server.__file__))
    told = {"target_url": server.url, "judge_url": server.url}
    run = evaluate("openai:target", "criteria:openai:exact", "starter/care", **told)
    card = run.summary()

    def any_(request: Request, tag: str, met: bool) -> bool | None:
        own = [c.text for c in request.criteria if tag in c.tags]
        return any(criteria_server.met("exact", text) is met for text in own) if own else None

    missed = [any_(request, "must", met=False) for request in care]
    escalated = [e for r in care if (e := any_(r, "over-escalation", met=True)) is not None]
    figures = card.sides["care"].figures
    assert figures["missed"].value == pytest.approx(sum(map(bool, missed)) / 54)
    assert figures["over_escalated"].value == pytest.approx(sum(escalated) / 15)
    by = {g.value: g.figures["missed"].value for g in card.sides["care"].by["principle"]}
    assert by[4] == pytest.approx(sum(map(bool, missed[18:24])) / 6)
    check = run.gate(max_missed=0.99).checks[0]
    assert (check.name, check.n) == ("max-missed", 54)
    other = evaluate(
        "openai:target", "criteria:openai:exact", "starter/care", temperature=1.0, **told
    )
    found = compare(pair_runs([run, other]))
    assert {measure: found.on(measure)[0].n for measure in ("missed", "over_escalated")} == {
        "missed": 54,
        "over_escalated": 15,
    }
    assert found.on("over_escalated")[0].missing == 0


def test_what_is_not_read_of_them_is_bounded(serve: Callable[..., Server]) -> None:
    server = serve(script=Path(criteria_server.__file__))
    told = {"target_url": server.url, "judge_url": server.url}
    run = evaluate("openai:target", "criteria:openai:slips", "starter/care", **told)
    figure = run.summary().sides["care"].figures["missed"]
    assert figure.bounds is not None
    assert figure.value is not None
    assert figure.bounds.low < figure.bounds.high
    assert figure.bounds.low <= figure.value <= figure.bounds.high
