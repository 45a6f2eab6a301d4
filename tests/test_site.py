"""A site: the scorecards' own figures and ranks, in files that say nothing of what is private."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands import msb, output
from conftest import Server
from medsafetybench import evaluate
from medsafetybench.errors import MsbError
from medsafetybench.evaluation.rejudge import rejudge
from medsafetybench.judges import open_judge
from medsafetybench.records import digest
from medsafetybench.results.leaderboard import leaderboard
from medsafetybench.results.pairing import pair_runs
from medsafetybench.results.run import Run
from medsafetybench.site import write_site
from scripted import scripted_run
from test_report import HOSTILE, read


def three() -> list[Run]:
    """Runs on the scale of harm, from one that declines all to one that fulfils most."""
    return [
        scripted_run(
            f"openai:model-{n}",
            [1 if i % 10 >= n else 5 for i in range(60)],
            [1 if i % 10 >= n + 3 else 5 for i in range(60)],
        )
        for n in (0, 4, 8)
    ]


def board_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "board.json").read_text("utf-8"))
    return found


def test_runs_stand_with_the_figures_and_ranks_that_they_have() -> None:
    runs = three()
    write_site([run.id for run in runs], "site")
    (board,) = board_of(Path("site"))["boards"]
    standings = {row.run: row.places for row in leaderboard(pair_runs(runs))}
    for shown, run in zip(sorted(board["runs"], key=lambda r: r["target"]), runs, strict=True):
        card = run.summary()
        assert shown["run"] == run.id
        for key in ("harmfulness", "refusal", "over_refusal"):
            figure, place = card.figure(key), standings[run.id][key]
            assert figure is not None
            assert place.ranks is not None
            assert shown["figures"][key]["value"] == figure.value
            assert shown["figures"][key]["ci95"] == list(figure.ci95 or ())
            assert shown["figures"][key]["ranks"] == list(place.ranks)
        scored = [group["scored"] for group in shown["principles"]["harmfulness"].values()]
        assert sum(scored) == card.sides["harmful"].scored
    size = sum(path.stat().st_size for path in Path("site").rglob("*") if path.is_file())
    assert size < 3 * 200_000, "ten runs are under 2 MB"


def test_every_page_leads_to_pages_that_are_there_and_to_nowhere_else() -> None:
    write_site([scripted_run("a", [1, 5], [5]).id, scripted_run("b", [1, 1], [5]).id], "site")
    pages = list(Path("site").rglob("*.html"))
    assert {"index.html", "principles.html", "judges.html"} <= {page.name for page in pages}
    for page in pages:
        found = read(page.read_text("utf-8"))
        for tag, key, value in found.attributes:
            if key in ("href", "src") and not value.startswith(("#", "data:")):
                assert (page.parent / value.partition("#")[0]).is_file(), (page.name, tag, value)
            assert not key.startswith("on"), (page.name, tag, key)
            assert key != "style", (page.name, tag)


def test_a_board_is_of_one_judge_and_a_run_of_two_stands_on_both(tmp_path: Path) -> None:
    def answer(request: str) -> str:
        return "I can't help with that." if len(request) % 3 else f"Of course: {request}"

    run = evaluate(answer, "screen", "starter", store="medsafety.db")
    rejudge(run.id, [open_judge("phrases")], store="medsafety.db")
    write_site([run.id], "site")
    boards = board_of(Path("site"))["boards"]
    assert [board["judge"] for board in boards] == ["screen", "phrases"]
    assert [len(board["runs"]) for board in boards] == [1, 1]
    assert boards[0]["checked"][0].startswith("screen: kappa")
    judges = (Path("site") / "judges.html").read_text("utf-8")
    assert read(judges).text.count("What decides its verdicts") == 2


def test_no_address_no_folder_no_prompt_and_no_text_is_on_it(tmp_path: Path) -> None:
    secret, folder = "Only tell this to nurse Jones", tmp_path / "somewhere" / "private"
    folder.mkdir(parents=True)
    rows = [{"id": f"r{n}", "text": f"{secret} {n}", "intent": "harmful"} for n in range(4)]
    (folder / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said = [{"id": f"r{n}", "response": f"{secret}, no."} for n in range(4)]
    (folder / "said.jsonl").write_text("\n".join(map(json.dumps, said)))
    command = ("--target", f"replay:{folder / 'said.jsonl'}", "--judge", "screen")
    done = msb("evaluate", *command, "--benchmark", str(folder / "asked.jsonl"))
    assert done.code in (0, 3), done.err
    write_site(["last"], "site")
    for path in Path("site").rglob("*.*"):
        text = path.read_text("utf-8")
        assert secret not in text, path
        assert str(folder) not in text, path


def test_of_an_endpoint_no_address_and_of_a_prompt_its_hash(serve: Callable[..., Server]) -> None:
    url, system = serve().url, "Only tell this to nurse Jones"
    told = {"target_url": url, "judge_url": url, "system": system, "limit": 4}
    evaluate("openai:m", "openai:judge", "starter", store="medsafety.db", **told)
    write_site(["last"], "site")
    texts = [path.read_text("utf-8") for path in Path("site").rglob("*.*")]
    assert not any(url in text or system in text for text in texts)
    assert any(f"system prompt {digest(system)[:8]}" in text for text in texts)


@pytest.mark.parametrize("kind", ["script", "attribute", "closing"])
def test_hostile_names_are_text(kind: str) -> None:
    run = scripted_run(HOSTILE[kind], [1, 5, None], [5, 1], judge=HOSTILE[kind] + "j")
    write_site([run.id], "site", title=HOSTILE[kind])
    plain = scripted_run("a", [1, 5, None], [5, 1], judge="b", store="plain.db")
    write_site([plain.id], "plain", store="plain.db")
    for page in ("index.html", "principles.html", "judges.html"):
        found, usual = (read(Path(f, page).read_text("utf-8")) for f in ("site", "plain"))
        assert found.tags == usual.tags, page
        assert {k for _, k, _ in found.attributes} == {k for _, k, _ in usual.attributes}
    found = read(Path("site", "runs", f"{run.id}.html").read_text("utf-8"))
    usual = read(Path("plain", "runs", f"{plain.id}.html").read_text("utf-8"))
    assert found.tags == usual.tags


def test_what_is_not_scored_has_no_place_and_no_error() -> None:
    run = scripted_run("nothing", [None, None], [None])
    write_site([run.id], "site")
    assert board_of(Path("site"))["boards"] == []
    assert "No run of this site has a score yet" in Path("site", "index.html").read_text("utf-8")
    assert Path("site", "runs", f"{run.id}.html").is_file()


def test_a_site_is_replaced_whole_and_nothing_else_is(tmp_path: Path) -> None:
    first, second = scripted_run("a", [1, 5], [5]), scripted_run("b", [1, 1], [5])
    write_site([first.id, second.id], "site")
    write_site([second.id], "site")
    assert [path.stem for path in Path("site", "runs").glob("*.json")] == [second.id]
    assert stat.S_IMODE(Path("site", "index.html").stat().st_mode) == 0o644
    assert stat.S_IMODE(Path("site").stat().st_mode) == 0o755
    Path("mine").mkdir()
    Path("mine", "thesis.txt").write_text("years of work")
    with pytest.raises(MsbError, match="mine: holds something that is no site"):
        write_site([second.id], "mine")
    assert Path("mine", "thesis.txt").is_file()


def test_the_command_says_what_it_wrote() -> None:
    run = scripted_run("a", [1, 5], [5])
    said = output("site", run.id, "-o", "here", "--title", "Ours")
    assert said.startswith("here/index.html: ")
    assert "Ours" in Path("here", "index.html").read_text("utf-8")
