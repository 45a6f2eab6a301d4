"""What is sent in to a site: listed as it is, refused with its reason where something was changed.

Whoever changes a submission here makes hash and figures fit again, as somebody would who means it.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands import msb
from medsafetybench import evaluate
from medsafetybench.evaluation.rejudge import rejudge
from medsafetybench.integrations.exports import Wanted, export_run
from medsafetybench.judges import open_judge
from medsafetybench.results.run import Run, open_run
from medsafetybench.site import write_site
from medsafetybench.site.admission import checked_in, known_of
from medsafetybench.site.checks import Checked
from scripted import scripted_run

WANTED = Wanted(with_texts=True, organization="A hospital", model_id="org/model")


def answering(seed: int, refuses: float) -> Callable[[str], str]:
    """A target that declines a share of the requests, each time in words of its own."""
    drawn = random.Random(seed)

    def answer(request: str) -> str:
        if drawn.random() < refuses:
            return f"I'm sorry, but I can't help with that request, number {drawn.random():.6f}."
        topic = " ".join(request.split()[:6])
        return (
            f"Certainly. Here is what there is to know about it ({topic}), in plain words and step "
            f"by step, as case {drawn.random():.6f} shows."
        )

    answer.__qualname__ = f"model-{seed}"
    return answer


def exported(run: Run, folder: Path, wanted: Wanted = WANTED) -> Path:
    export_run(run, "eee", folder, wanted=wanted)
    return folder


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two runs and the export of each: folders ``one`` and ``two``."""
    place = tmp_path_factory.mktemp("sent")
    for seed, name in enumerate(("one", "two")):
        target = answering(seed, 0.4 + 0.2 * seed)
        run = evaluate(target, "screen", "starter/eval", store=place / "sent.db")
        exported(run, place / name)
    return place


class Files:
    """Both files of a submission, to be changed; ``write`` makes hash, rows and figures fit."""

    def __init__(self, source: Path, to: Path) -> None:
        shutil.copytree(source, to)
        (self.path,) = to.rglob("*.json")
        self.listed = self.path.with_name(f"{self.path.stem}_samples.jsonl")
        self.folder = to
        self.result: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        lines = self.listed.read_text("utf-8").splitlines()
        self.rows: list[dict[str, Any]] = list(map(json.loads, lines))

    def rename(self) -> None:
        """As if it were another run."""
        identity = "run-" + "0" * 10
        self.result["source_metadata"]["additional_details"]["run"] = identity
        for row in self.rows:
            measure = row["evaluation_result_id"].rpartition(".")[2]
            row["evaluation_result_id"] = f"{identity}.{measure}"

    def level(self, row: dict[str, Any], level: str) -> None:
        """Give a row another level on the scale of refusal, with the score that goes with it."""
        measure = row["evaluation_result_id"].rpartition(".")[2]
        counted = {"refusal": "declines", "over_refusal": "declines", "in_part": "in part"}
        row["metadata"]["level"] = level
        row["evaluation"]["score"] = float(level == counted.get(measure, "cannot"))

    def write(self) -> Path:
        scores: dict[str, list[float]] = {}
        for row in self.rows:
            measure = row["evaluation_result_id"].rpartition(".")[2]
            scores.setdefault(measure, []).append(row["evaluation"]["score"])
        for one in self.result["evaluation_results"]:
            given = scores[one["metric_config"]["metric_id"].rpartition(".")[2]]
            one["score_details"]["score"] = sum(given) / len(given)
            one["score_details"]["uncertainty"]["num_samples"] = len(given)
        self.listed.write_text("".join(f"{json.dumps(row)}\n" for row in self.rows), "utf-8")
        details = self.result["detailed_evaluation_results"]
        details["checksum"] = hashlib.sha256(self.listed.read_bytes()).hexdigest()
        details["total_rows"] = len(self.rows)
        self.path.write_text(json.dumps(self.result), "utf-8")
        return self.folder


def verdict(folder: Path, *against: Run) -> Checked:
    (found,) = checked_in([folder], known_of(against))
    return found


def refused(found: Checked, reason: str) -> None:
    """It is refused for that one reason."""
    assert not found.listed
    assert len(found.reasons) == 1, found.reasons
    assert found.reasons[0].startswith(reason), found.reasons


def test_what_is_sent_as_it_was_exported_is_listed_with_its_own_figures(sent: Path) -> None:
    own = open_run("last", sent / "sent.db")
    write_site([own.id], "site", store=sent / "sent.db", submissions=[sent / "one"])
    page = json.loads(Path("site", "board.json").read_text("utf-8"))
    assert [one["listed"] for one in page["submissions"]] == [True]
    (board,) = page["boards"]
    (theirs,) = (run for run in board["runs"] if run["made_by"] == "A hospital")
    (ours,) = (run for run in board["runs"] if run["made_by"] is None)
    with_store = open_run(theirs["run"], sent / "sent.db").summary()
    for key in ("refusal", "over_refusal", "incapacity"):
        figure = with_store.figure(key)
        assert figure is not None
        assert theirs["figures"][key]["value"] == figure.value
        assert theirs["figures"][key]["ci95"] == list(figure.ci95 or ())
        assert theirs["figures"][key]["ranks"] is not None
    assert theirs["target"].startswith("org/model")
    assert ours["run"] == own.id
    text = Path("site", "runs", f"{theirs['run']}.html").read_text("utf-8")
    assert "Submitted by A hospital" in text


def test_the_schema_comes_first(sent: Path, tmp_path: Path) -> None:
    files = Files(sent / "one", tmp_path / "s")
    del files.result["model_info"]
    refused(verdict(files.write()), "schema: ")
    (tmp_path / "s2").mkdir()
    (tmp_path / "s2" / "x.json").write_text("{}")
    refused(verdict(tmp_path / "s2"), "schema: ")


def test_a_changed_benchmark_hash_is_refused(sent: Path, tmp_path: Path) -> None:
    files = Files(sent / "one", tmp_path / "s")
    for one in files.result["evaluation_results"]:
        one["source_data"]["additional_details"]["sha256"] = "0" * 64
    refused(verdict(files.write()), "changed benchmark: starter/eval@1.1 with the SHA-256 0000")


def test_other_requests_under_the_right_hash_are_refused(sent: Path, tmp_path: Path) -> None:
    files = Files(sent / "one", tmp_path / "s")
    first = files.rows[0]["sample_id"]
    for row in files.rows:
        if row["sample_id"] == first:
            row["sample_hash"] = hashlib.sha256(b"an easier request").hexdigest()
    refused(verdict(files.write()), f"changed benchmark: 1 of its 108 requests, as {first}")
    files = Files(sent / "one", tmp_path / "t")
    for row in files.rows:
        if row["sample_id"] == first:
            row["input"]["raw"] = "an easier request"
    refused(verdict(files.write()), f"changed benchmark: 1 of its 108 requests, as {first}")


@pytest.mark.parametrize("kind", ["none", "nothing on it", "made with it"])
def test_a_missing_judge_card_is_refused(sent: Path, tmp_path: Path, kind: str) -> None:
    files = Files(sent / "one", tmp_path / "s")
    for one in files.result["evaluation_results"]:
        told = one["metric_config"]["additional_details"]
        settings = json.loads(told["judge_settings"])
        settings[0]["key"] = "0123456789abcdef"
        cards = json.loads(told["judge_cards"])
        cards[0] |= {"key": "0123456789abcdef", "kappa": None, "ci95": None, "sets": []}
        told["judge"] = "openai:judge"
        told["judge_settings"] = json.dumps(settings)
        told["judge_cards"] = json.dumps([] if kind == "none" else cards)
    refused(verdict(files.write()), "missing judge card: nothing says how far openai:judge")


def test_a_card_that_says_more_than_the_one_known_here_is_refused(
    sent: Path, tmp_path: Path
) -> None:
    files = Files(sent / "one", tmp_path / "s")
    for one in files.result["evaluation_results"]:
        told = one["metric_config"]["additional_details"]
        cards = json.loads(told["judge_cards"])
        cards[0]["kappa"] = 0.99
        told["judge_cards"] = json.dumps(cards)
    refused(verdict(files.write()), "changed judge card: it says kappa 0.99 for screen")


def test_a_judge_no_better_than_chance_is_refused(sent: Path, tmp_path: Path) -> None:
    files = Files(sent / "one", tmp_path / "s")
    for one in files.result["evaluation_results"]:
        told = one["metric_config"]["additional_details"]
        settings, cards = json.loads(told["judge_settings"]), json.loads(told["judge_cards"])
        settings[0]["key"] = cards[0]["key"] = "0123456789abcdef"
        cards[0] |= {"kappa": 0.05, "ci95": [-0.1, 0.2]}
        told |= {"judge_settings": json.dumps(settings), "judge_cards": json.dumps(cards)}
    refused(verdict(files.write()), "unqualified judge: ")


@pytest.mark.parametrize("side", ["both", "harmful"])
def test_swapped_labels_are_refused(sent: Path, tmp_path: Path, side: str) -> None:
    files = Files(sent / "one", tmp_path / "s")
    swapped = {"declines": "not declined", "not declined": "declines"}
    for row in files.rows:
        level = row["metadata"]["level"]
        if side in ("both", row["metadata"]["intent"]) and level in swapped:
            files.level(row, swapped[level])
    found = verdict(files.write())
    assert any(reason.startswith("swapped labels: ") for reason in found.reasons), found.reasons
    assert any(reason.startswith("changed verdicts: ") for reason in found.reasons)


def test_swapped_labels_of_a_judge_that_is_not_here_are_refused(sent: Path, tmp_path: Path) -> None:
    files = Files(sent / "one", tmp_path / "s")
    for one in files.result["evaluation_results"]:
        told = one["metric_config"]["additional_details"]
        settings, cards = json.loads(told["judge_settings"]), json.loads(told["judge_cards"])
        settings[0]["key"] = cards[0]["key"] = "0123456789abcdef"
        told |= {"judge_settings": json.dumps(settings), "judge_cards": json.dumps(cards)}
    found = verdict(files.write())
    assert found.listed, found.reasons
    assert "how screen is checked is told by who sent it" in found.notes
    for row in files.rows:
        if row["metadata"]["intent"] == "benign":
            declined = row["metadata"]["level"] == "declines"
            files.level(row, "not declined" if declined else "declines")
    refused(verdict(files.write()), "swapped labels: on ")


def test_a_single_changed_verdict_of_screen_is_seen(sent: Path, tmp_path: Path) -> None:
    files = Files(sent / "one", tmp_path / "s")
    at = next(r["sample_id"] for r in files.rows if r["metadata"]["level"] == "not declined")
    for row in files.rows:
        if row["sample_id"] == at:
            files.level(row, "declines")
    refused(verdict(files.write()), "changed verdicts: `screen` itself says otherwise of 1 of ")


def test_a_copied_run_is_refused_whatever_it_is_called(sent: Path, tmp_path: Path) -> None:
    own = open_run("last", sent / "sent.db")
    refused(verdict(sent / "two", own), f"copied run: {own.id} is listed already")
    files = Files(sent / "two", tmp_path / "s")
    files.rename()
    files.result["model_info"] |= {"id": "other/better-model", "name": "openai:better-model"}
    refused(verdict(files.write(), own), "copied run: ")
    both = checked_in([sent / "two", files.folder], known_of([]))
    assert [one.listed for one in both] == [True, False]
    assert "word for word" in both[1].reasons[0]


def test_rows_that_no_model_leaves_are_refused(sent: Path, tmp_path: Path) -> None:
    files = Files(sent / "one", tmp_path / "time")
    for row in files.rows:
        row["performance"] = {"latency_ms": 250.0}
    refused(verdict(files.write()), "implausible rows: all 108 responses took exactly 250 ms")
    files = Files(sent / "one", tmp_path / "text")
    for row in files.rows:
        row["output"]["raw"] = ["I can't help with that."]
        files.level(row, "declines")
    refused(verdict(files.write()), "implausible rows: all 108 responses are one and the same")


def test_scores_outside_the_scale_are_refused(sent: Path, tmp_path: Path) -> None:
    files = Files(sent / "one", tmp_path / "score")
    files.rows[0]["evaluation"]["score"] = 7.5
    refused(verdict(files.write()), "outside the scale: 1 of 108 rows")
    files = Files(sent / "one", tmp_path / "level")
    for row in files.rows:
        if row["sample_id"] == files.rows[0]["sample_id"]:
            row["metadata"]["level"] = "splendid"
    found = verdict(files.write())
    assert any(reason.startswith("outside the scale: 1 of 108") for reason in found.reasons)


def test_figures_have_to_be_those_of_the_rows(sent: Path, tmp_path: Path) -> None:
    files = Files(sent / "one", tmp_path / "s")
    folder = files.write()
    files.result["evaluation_results"][0]["score_details"]["score"] = 1.0
    files.path.write_text(json.dumps(files.result))
    refused(verdict(folder), "figures that are not their rows': refusal is ")
    with files.listed.open("a") as file:
        file.write("\n")
    files.write()
    with files.listed.open("a") as file:
        file.write("\n")
    refused(verdict(folder), "changed samples: ")


def test_without_texts_nothing_can_be_checked(tmp_path: Path, sent: Path) -> None:
    run = open_run("last", sent / "sent.db")
    found = verdict(exported(run, tmp_path / "bare", Wanted(organization="A hospital")))
    assert any(reason.startswith("no texts: 108 responses") for reason in found.reasons)
    guessed = ("swapped labels", "changed verdicts", "implausible rows: all 108 responses are one")
    assert not [reason for reason in found.reasons if reason.startswith(guessed)]


def test_a_panel_is_no_judge_of_a_board(tmp_path: Path) -> None:
    run = evaluate(answering(3, 0.5), "screen", "starter/eval", store="panel.db", limit=20)
    rejudge(run.id, [open_judge("phrases")], store="panel.db", report="by all")
    found = verdict(exported(open_run(run.id, "panel.db"), tmp_path / "panel"))
    assert any(reason.startswith("a panel: ") for reason in found.reasons), found.reasons


def test_a_run_of_a_file_of_ones_own_is_known_by_the_site_s_run(tmp_path: Path) -> None:
    mine = scripted_run("mine", [1, 2, 5, 4] * 4, [5, 1, 3, 5] * 4, store="a.db")
    theirs = scripted_run("theirs", [1, 1, 5, 4] * 4, [5, 5, 3, 5] * 4, store="b.db")
    folder = exported(theirs, tmp_path / "out")
    assert any(r.startswith("changed benchmark") for r in verdict(folder).reasons)
    assert not any(r.startswith("changed benchmark") for r in verdict(folder, mine).reasons)


def test_the_commands_say_the_verdict_and_end_by_it(sent: Path, tmp_path: Path) -> None:
    done = msb("submission", str(sent / "one"))
    assert (done.code, done.out.count(": listed")) == (0, 1), done.err
    files = Files(sent / "one", tmp_path / "s")
    for one in files.result["evaluation_results"]:
        one["source_data"]["additional_details"]["sha256"] = "0" * 64
    done = msb("submission", str(files.write()), str(sent / "two"))
    assert done.code == 1
    assert done.out.count(": listed") == 1
    assert done.out.count("changed benchmark: ") == 1
    assert "1 of 2 refused" in done.err
    assert msb("submission").code == 2
