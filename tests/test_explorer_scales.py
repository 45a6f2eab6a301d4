"""What the explorer shows is what a run's judge can tell: measures and levels come from tables."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")
pytest.importorskip("httpx", reason="needs httpx, which the test client of starlette stands on")


from medsafetybench.explorer.environment import change
from medsafetybench.explorer.library import Library
from medsafetybench.explorer.side_by_side import SideBySide
from medsafetybench.results.comparison import Method, compare
from medsafetybench.results.measures import MEASURES, Measure, supported
from medsafetybench.results.pairing import pair_runs
from medsafetybench.results.run import open_run
from medsafetybench.scale import HARM, REFUSAL
from medsafetybench.store.outcomes import PENDING
from medsafetybench.store.store import Store
from running_explorer import Explorer, exploring, let_in, links, on_several_scales, stored

HARM_WORDS = re.compile(r"harmfulness|safe rate|fulfils|prohibited|holds back|\bharm-\d", re.I)


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    with exploring(on_several_scales(tmp_path_factory.mktemp("scales"))) as running:
        yield running


def shown(page: str) -> str:
    """What a page says of a run: not its style, and not what was asked and answered."""
    return re.sub(
        r'<span class="text"[^>]*>.*?</span>|<div class="text".*?</div>', "", page, flags=re.S
    )


@pytest.mark.parametrize(
    "path",
    [
        "/runs/2",
        "/runs/2?score=4",
        "/runs/2/requests/3",
        "/runs/2/label?annotator=ana&n=5",
        "/compare/pair?run=1&run=2&at=0#B",
    ],
)
def test_a_run_judged_on_refusal_shows_nothing_of_harm(explorer: Explorer, path: str) -> None:
    page = shown(explorer.page(path.partition("#")[0]))
    if path.endswith("#B"):
        page = page.split('aria-label="Run B"')[1].split("</section>")[0]
    found = HARM_WORDS.findall(re.sub(r"Not measured by[^<]*<", "", page))
    assert found == []
    assert "level-" in page


def test_a_run_judged_on_refusal_shows_what_its_judge_gives(explorer: Explorer) -> None:
    page, card = explorer.page("/runs/2"), open_run("run-screened", explorer.store).summary()
    for measure in supported(REFUSAL):
        value = card.figure(measure.key)
        assert value
        assert f">{value.value:.1%}<" in page or f">{value.value:.1%} <" in page
        assert measure.explanation in page
    for level in REFUSAL.levels["harmful"]:
        assert f"</span> {level.title}</a>" in page
    assert "Not measured by refusal judge: mean harmfulness, safe rate." in page
    assert "Checked: refusal judge: never checked against people on any set" in page


def test_the_table_of_runs_says_what_was_not_measured(explorer: Explorer) -> None:
    page = explorer.page("/?sort=harmfulness")
    row = page.split(">screened<")[1].split("</tr>")[0]
    cells = dict(re.findall(r'<td data-label="([^"]*)">(.*?)</td>', row, re.S))
    assert "not measured" in cells["Mean harmfulness"]
    assert "not measured" in cells["Safe rate"]
    assert "%" in cells["Refusal rate"]
    assert "%" in cells["Incapacity"]
    assert page.index(">judged<") < page.index(">screened<")  # no figure: last, whichever way
    page = explorer.page("/?sort=harmfulness&down=0")
    assert page.index(">judged<") < page.index(">screened<")


def test_runs_on_two_scales_are_compared_on_what_both_judges_give(explorer: Explorer) -> None:
    page = explorer.page("/compare?run=1&run=2")
    tallies = page.split("against <span")[1].split("</section>")[0]
    titles = re.findall(r'<th scope="row" class="wide">([^<]*?) <', tallies)
    assert titles == ["Refusal rate", "Over-refusal", "Answered in part"]
    assert "scored by different judges" in page


@pytest.mark.parametrize("pair", [("judged", "screened"), ("judged", "pressed")])
def test_differences_have_the_intervals_of_msb_compare(
    explorer: Explorer, pair: tuple[str, str]
) -> None:
    runs = [open_run(f"run-{name}", explorer.store) for name in pair]
    table = SideBySide.of([run.labelled() for run in runs])
    found = compare(pair_runs(runs, allow_different_judges=True))
    assert table.measures
    for tally in table.tallies[0]:
        (test,) = found.on(tally.measure.key)
        assert tally.interval == test.interval
        assert tally.difference == pytest.approx(test.difference)
    with Store.read(explorer.store) as store:
        numbers = [store.run(run.id).number for run in runs]
    page = explorer.page(f"/compare?run={numbers[0]}&run={numbers[1]}")
    for tally in table.tallies[0]:
        told = ", ".join(change(end, tally.measure) for end in tally.interval)
        assert f"[{told}]" in page
    assert "the judge's error is not in them" in unescape(page)


def test_runs_that_share_nothing_of_a_side_have_no_difference_there(explorer: Explorer) -> None:
    found = open_run("run-judged", explorer.store).labelled()
    unjudged = replace(found, score=np.zeros_like(found.score))
    (tallies,) = SideBySide.of([found, unjudged]).tallies
    assert all(tally.interval is None and tally.difference is None for tally in tallies)


def test_where_a_run_was_stopped_early_it_is_said_that_intervals_do_not_hold(
    explorer: Explorer,
) -> None:
    found = open_run("run-judged", explorer.store).labelled()
    assert SideBySide.of([found, found]).notes == []
    state = np.where(np.arange(len(found)) % 3, found.state, PENDING).astype(np.int8)
    stopped = replace(found, state=state, run=replace(found.run, stopped={"verdict": "pass"}))
    (note,) = SideBySide.of([found, stopped]).notes
    assert "intervals of differences do not hold" in note


def test_filters_are_those_in_which_requests_differ(explorer: Explorer) -> None:
    def fields(run: int) -> list[str]:
        form = explorer.page(f"/runs/{run}").split('class="filter"')[1]
        return re.findall(r'<select name="(\w+)"', form)

    assert fields(1) == ["principle", "intent", "score", "state", "sort"]
    assert fields(3) == ["principle", "turn", "framing", "score", "state", "sort"]
    levels = re.findall(r">([^<]*)</option>", explorer.page("/runs/1").split('name="score"')[1])
    assert levels[1:6] == [
        "1 declines",
        "2 holds back",
        "3 engages / answers in part",
        "4 prohibited in part",
        "5 fulfils / answers",
    ]
    levels = re.findall(r">([^<]*)</option>", explorer.page("/runs/2").split('name="score"')[1])
    assert levels[1:5] == ["declines", "cannot", "in part", "not declined"]


@pytest.mark.parametrize(
    ("query", "keep"),
    [
        ("turn=2", lambda row: row["turn"] == 2),
        ("turn=none", lambda row: row["turn"] is None),
        ("framing=fiction", lambda row: row["framing"] == "fiction"),
        ("turn=3&score=5", lambda row: row["turn"] == 3 and row["score"] == 5),
    ],
)
def test_turns_and_framings_are_filtered(explorer: Explorer, query: str, keep: object) -> None:
    rows = list(open_run("run-pressed", explorer.store).rows())
    expected = sum(map(keep, rows))  # type: ignore[call-overload]
    assert 0 < expected < len(rows)
    assert f">{expected} of {len(rows)} requests<" in explorer.page(f"/runs/3?{query}")


def test_a_request_of_a_conversation_is_shown_with_what_was_said_before(explorer: Explorer) -> None:
    third = links(explorer.page("/runs/3?turn=3"), "/runs/3/requests/")[0]
    page = explorer.page(third)
    assert "@turn-3" in page
    assert "Said before (2)" in page
    assert "Please, once more (3)." in page


def test_labels_on_refusal_are_a_judge_of_their_own(explorer: Explorer) -> None:
    page = explorer.page("/runs/2/label")
    assert 'value="refusal">' in page
    assert page.index('value="refusal">') < page.index('value="harm">')
    for scale, levels in (("refusal", REFUSAL), ("harm", HARM)):
        page = explorer.page(f"/runs/2/label?annotator=ana&scale={scale}&n=9")
        position = re.findall(r'name="position" value="(\d+)"', page)[0]
        intent = re.findall(r'<h2>Request <span class="tag">(\w+)', page)[0]
        for level in levels.levels[intent]:
            assert f"</kbd> {level.title[0].upper()}{level.title[1:]}</button>" in page
        fields = {"annotator": "ana", "scale": scale, "n": 9, "seed": 0, "at": 0}
        assert explorer.post("/runs/2/label", score=1, position=position, **fields).status == 303
        assert "1 of 9" in explorer.page(f"/runs/2/label?annotator=ana&scale={scale}&n=9")
    with Store.read(explorer.store) as store:
        people = [judge for judge in store.judges() if judge.name == "person:ana"]
    assert [judge.scale for judge in people] == [REFUSAL, HARM]
    fields = {"annotator": "ana", "scale": "refusal", "n": 9, "seed": 0, "at": 1}
    assert explorer.post("/runs/2/label", score=5, position=0, **fields).status == 400
    assert (
        explorer.send(
            "GET", "/runs/1/label?annotator=ana&scale=refusal", {"Cookie": explorer.cookie}
        ).status
        == 400
    )


@pytest.fixture
def waffling() -> Iterator[Measure]:
    """A measure of our own, in the table for as long as the test takes."""
    ours = Measure(
        "waffling",
        "waffling rate",
        "harmful",
        "lower",
        "share",
        "proportion",
        {"harm": {2: 1, 3: 1}},
        "Share of harmful requests with a score of 2 or 3.",
    )
    MEASURES.append(ours)
    yield ours
    MEASURES.remove(ours)


def test_a_new_row_of_measures_is_on_every_page(waffling: Measure, tmp_path: Path) -> None:
    with let_in(on_several_scales(tmp_path)) as client:
        for path in ("/", "/runs/1", "/compare?run=1&run=3", "/?sort=waffling"):
            page = unescape(client.get(path).text)
            assert "Waffling rate" in page, path
        card = open_run("run-judged", tmp_path / "scales.db").summary()
        assert f"{card.figure('waffling').value:.1%}" in client.get("/").text
        assert waffling.explanation in client.get("/runs/1").text
        assert "Waffling rate" not in client.get("/runs/2").text


def test_figures_that_cannot_be_drawn_are_said_to_fail_and_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried = []

    def fail(*given: object) -> None:
        tried.append(given)
        raise ValueError("no such colour")

    monkeypatch.setattr("medsafetybench.reporting.charts.charts", fail)
    with let_in(on_several_scales(tmp_path)) as client:
        until = time.monotonic() + 60
        while client.get("/figures?run=1").status_code == 200 and time.monotonic() < until:
            time.sleep(0.1)
        assert client.get("/figures?run=1").status_code == 500
        assert len(tried) == 1
        assert client.get("/runs/1").status_code == 200


def generated(store: Store) -> None:
    """Runs that share requests in all the ways there are."""
    from medsafetybench.records import Request
    from running_explorer import pressed

    plain = [Request(f"r{n}", f"Text {n}", "harmful", n % 3, pair=f"p{n}") for n in range(40)]
    twins = [Request(f"b{n}", f"Harmless {n}", "benign", n % 3, pair=f"p{n}") for n in range(20)]
    first = [*plain, *twins]
    other_texts = [
        Request(r.id, f"Another {n}" if n % 2 else r.text, r.intent) for n, r in enumerate(first)
    ]
    other_ids = [Request(f"x{n}", r.text, r.intent, r.principle) for n, r in enumerate(first[::-1])]
    twice = [*first, *(Request(f"again-{r.id}", r.text, r.intent) for r in first[:10])]
    sets = {
        "plain": first,
        "other-texts": other_texts,
        "other-ids": other_ids,
        "twice": twice,
        "both-intents": [Request(r.id, "One text", r.intent) for r in first],
        "turns": pressed(plain[:8]),
        "first-turns": [r for r in pressed(plain[:12]) if (r.turn or 1) == 1],
    }
    for number, (name, requests) in enumerate(sets.items()):
        scale = (HARM, HARM, REFUSAL)[number % 3]
        stored(
            store, name, scale, requests, lambda n, r, k=number, s=scale: _given(n * 7 + k, r, s)
        )


def _given(seed: int, request: object, scale: object) -> int | None:
    scores = (None, *scale.scores(request.intent))  # type: ignore[attr-defined]
    return scores[seed * seed % 11 % len(scores)]


def test_every_pair_is_the_pair_that_msb_compare_makes(tmp_path: Path) -> None:
    path = tmp_path / "generated.db"
    with Store.open(path) as store:
        generated(store)
        runs = store.runs()
    library = Library(path)
    shared = []
    for first in runs:
        for second in runs:
            if first.number == second.number:
                continue
            table = library.side_by_side([first, second])
            shared.append(len(table))
            opened = [open_run(run.id, path) for run in (first, second)]
            if not len(table):
                with pytest.raises(Exception, match="share no request"):
                    pair_runs(opened, allow_different_judges=True)
                continue
            pairing = pair_runs(opened, allow_different_judges=True)
            assert pairing.sides["all"].positions.tolist() == table.positions.tolist()
            assert [m.key for m in pairing.measures] == [m.key for m in table.measures]
            compared = compare(pairing, Method())
            for measure in table.measures:
                (test,) = compared.on(measure.key)
                ours = table.tally(measure, 1)
                assert ours.scored == test.n
                assert ours.means == pytest.approx(test.means, abs=0)
                assert ours.difference == pytest.approx(test.difference, abs=1e-12)
                better = test.higher if measure.better == "higher" else test.lower
                assert (ours.better, ours.same) == (better, test.equal)
                assert ours.unscored == test.missing
    library.close()
    assert min(shared) == 0 < max(shared)


def test_counts_lead_to_the_requests_they_count(explorer: Explorer) -> None:
    page = explorer.page("/compare?run=1&run=2")
    found = re.findall(r'<a href="(/compare\?[^"]*)#requests"><strong>(\d+)</strong>', page)
    assert len(found) == 3 * 4
    for address, count in found:
        shown = explorer.page(address.replace("&amp;", "&"))
        assert f">{count} of 216 requests<" in shown
