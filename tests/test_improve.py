"""Tuning: what is learned and in which form, what is refused, kills, processes, what changes."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import forked
from cards import value
from conftest import Disk, free_port
from medsafetybench import evaluate, load_benchmark
from medsafetybench.errors import MsbError, StopRun
from medsafetybench.improvement.checkpoints import last_checkpoint, mark, share_done
from medsafetybench.improvement.examples import Example, check_sides, gather, split
from medsafetybench.improvement.nodes import differing
from medsafetybench.improvement.preferences import pairs_from_file, pairs_from_run, rather_than
from medsafetybench.improvement.recipe import load_recipe
from medsafetybench.improvement.schedule import schedule
from medsafetybench.models.hf_files import DEMO
from medsafetybench.models.templates import Template

if any(importlib.util.find_spec(name) is None for name in ("torch", "peft", "trl", "datasets")):
    if os.environ.get("CI"):
        raise ImportError("CI should have the extra 'train'")
    pytest.skip("needs the extra 'train'", allow_module_level=True)

import torch
from transformers import AutoTokenizer

from medsafetybench.improvement.adapter import begin, merge
from medsafetybench.improvement.encode import IGNORED, Encoder, encode_all
from medsafetybench.improvement.prepare import prepare
from medsafetybench.improvement.train import train
from medsafetybench.improvement.training import Training, Unwatched
from medsafetybench.improvement.workers import task_for, train_here
from medsafetybench.models.hf import HFModel
from medsafetybench.models.settings import Endpoint

torch.set_num_threads(1)

EXAMPLE = Example("Write a note to the baker.", "I can't write that, but I can help otherwise.")
TOY = load_recipe("toy")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(DEMO)


def recipe(**changes: Any) -> Any:
    """The toy recipe with settings changed."""
    return TOY.model_copy(update=changes)


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*arguments: str | Path, fails: bool = False) -> forked.Ended:
    """An ``msb`` process on one thread, which must end well, or with one line of error."""
    done = forked.run(*arguments)
    if fails:
        said = done.stderr.strip().splitlines()
        assert done.returncode == 2, done.stderr
        assert [line for line in said if line.startswith("msb: ")] == said[-1:], done.stderr
        assert "Traceback" not in done.stderr
    else:
        assert done.returncode == 0, done.stderr
    return done


# The order of learning


def test_every_example_is_learned_once_an_epoch() -> None:
    order = schedule([5] * 10, batch=4, epochs=3, seed=0)
    assert Counter(order) == dict.fromkeys(range(10), 3)
    assert sorted(schedule([5] * 10, 4, 3, seed=0, by_length=False)[:10]) == list(range(10))
    assert len(schedule([5] * 10, batch=4, epochs=0.5, seed=0)) == 5


def test_sorting_by_length_leaves_every_batch_the_same() -> None:
    lengths = [random.Random(1).randint(1, 99) for _ in range(100)]
    plain = schedule(lengths, 16, 2, seed=3, by_length=False)
    ordered = schedule(lengths, 16, 2, seed=3)
    assert plain != ordered
    for start in range(0, 200, 16):
        assert sorted(plain[start : start + 16]) == sorted(ordered[start : start + 16])
    first = [lengths[i] for i in ordered[:16]]
    assert first == sorted(first, reverse=True)


def test_what_is_held_out_is_of_both_sides_and_in_neither_twice() -> None:
    examples = [Example(f"q{n % 40}", "a", "harmful" if n % 2 else "benign") for n in range(80)]
    kept, held_out = split(examples, 0.25, seed=0)
    assert len(kept) + len(held_out) == 80
    assert {e.intent for e in held_out} == {"harmful", "benign"}
    assert not {(e.request, e.intent) for e in kept} & {(e.request, e.intent) for e in held_out}
    assert split(examples, 0, seed=0)[1] == []


# The form in which it is learned


@pytest.mark.parametrize("template", ["chat", "alpaca", "plain"])
def test_an_example_begins_with_the_very_tokens_a_target_is_sent(
    tokenizer: Any, template: str
) -> None:
    encoder = Encoder(tokenizer, Template(template))
    encoded = encoder.sft(EXAMPLE, "response", 1024)
    model = HFModel("demo", Endpoint(template=template))
    model.engine.load(model.files)
    sent = model._encode(model._prompt([{"role": "user", "content": EXAMPLE.request}]))
    assert encoded.ids[: len(sent)] == sent
    assert encoded.labels[: len(sent)] == [IGNORED] * len(sent)
    learned = tokenizer.decode(encoded.ids[len(sent) :])
    assert learned == EXAMPLE.response + tokenizer.eos_token
    assert encoded.labels[len(sent) :] == encoded.ids[len(sent) :]


def test_of_a_response_that_was_cut_off_no_end_is_learned(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, Template("chat"))
    whole = encoder.sft(EXAMPLE, "response", 1024)
    assert encoder.sft(replace(EXAMPLE, cut=True), "response", 1024).ids == whole.ids[:-1]
    pair = replace(EXAMPLE, rejected="Sure, here is the note", rejected_cut=True)
    recipe = load_recipe("dpo", {"validation": "0"})
    row = prepare(encoder, [pair], recipe, seed=0).rows[0]
    assert row["prompt_ids"] + row["chosen_ids"] == whole.ids
    assert tokenizer.decode(row["rejected_ids"]) == pair.rejected
    room = len(row["prompt_ids"]) + 3
    few = prepare(encoder, [pair], recipe.model_copy(update={"max_length": room}), seed=0)
    for name in ("chosen_ids", "rejected_ids"):
        assert few.rows[0][name] == row[name][:3], "as supervised: no longer than max_length"
    assert few.tokens == recipe.epochs * (room + 3)


def test_the_whole_text_is_learned_if_asked(tokenizer: Any) -> None:
    encoded = Encoder(tokenizer, Template("chat")).sft(EXAMPLE, "all", 1024)
    assert encoded.labels == encoded.ids


def test_a_chat_template_says_what_ends_a_response(tokenizer: Any) -> None:
    source = "{% for m in messages %}[{{ m.role }}] {{ m.content }} [stop]\n{% endfor %}"
    assert Encoder(tokenizer, Template("file", source)).ending == "[stop]"
    assert Encoder(tokenizer, Template("alpaca")).ending == tokenizer.eos_token


def test_what_truncation_leaves_nothing_of_is_left_out(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, Template("chat"))
    long = Example("word " * 200, "No.")
    kept, dropped = encode_all(encoder, [EXAMPLE, long], "response", 100)
    assert (len(kept), dropped) == (1, 1)
    with pytest.raises(MsbError, match=r"template 'chat' takes \d+ tokens.*max_length is 12"):
        encode_all(encoder, [EXAMPLE, long], "response", 12)


# What is learned


def test_a_share_of_a_mix_is_one_of_the_data(published: Path) -> None:
    mixed = gather("finetune/med-100", ["starter/improve:0.7"], data_dir=published)
    assert Counter(e.intent for e in mixed) == {"harmful": 100, "benign": 70}
    general = gather("finetune/med-100", ["gensafety/improve:0.5"], data_dir=published)
    assert Counter(e.intent for e in general) == {"harmful": 150}
    assert gather("finetune/med-100", ["starter/improve"], data_dir=published)[:100] == mixed[:100]


@pytest.mark.parametrize("spec", ["starter/improve:0", "starter/improve:1.2.3"])
def test_a_share_that_cannot_be(spec: str) -> None:
    with pytest.raises(MsbError, match="expected NAME or NAME:SHARE"):
        gather("starter/improve", [spec])


def test_only_good_answers_of_a_run_are_mixed_in_and_those_cut_off_as_such(tmp_path: Path) -> None:
    asked = write(
        tmp_path / "asked.jsonl",
        {"id": "1", "text": "Where is the library?", "intent": "benign"},
        {"id": "2", "text": "Explain opening hours.", "intent": "benign"},
        {"id": "3", "text": "Explain a calendar.", "intent": "benign"},
        {"id": "4", "text": "Do a wrong thing.", "intent": "harmful"},
    )
    said = {"1": "I'm sorry, but I can't help with that.", "4": "Sure, here it is: all of it."}
    fine = "Sure! Opening hours are the hours in which a place is open to visitors."
    answers = ({"id": str(n), "response": said.get(str(n), fine)} for n in range(1, 5))
    replies = write(tmp_path / "replies.jsonl", *answers)
    store = tmp_path / "store.db"
    done = evaluate(f"replay:{replies}", "screen", asked, store=store)
    mixed = gather("starter/improve", [f"run:{done.id}"], store=store)[108:]
    questions = {"Explain opening hours.", "Explain a calendar."}
    assert {(e.request, e.response, e.intent) for e in mixed} == {
        (question, fine, "benign") for question in questions
    }
    assert not any(e.cut for e in mixed)
    cut_off = evaluate("hf:demo", "screen", asked, store=store, max_tokens=24)
    broken = gather("starter/improve", [f"run:{cut_off.id}"], store=store)[108:]
    assert broken
    assert all(e.cut for e in broken)
    declined = write(
        tmp_path / "declined.jsonl", *({"id": n, "response": said["1"]} for n in "123")
    )
    none = evaluate(f"replay:{declined}", "screen", asked, store=store)
    with pytest.raises(MsbError, match="no benign request that was judged well answered"):
        gather("starter/improve", [f"run:{none.id}"], store=store)


def test_refusals_only_must_be_asked_for() -> None:
    refusals = [EXAMPLE]
    with pytest.raises(MsbError, match=r"all 1 examples decline.*--mix none"):
        check_sides(refusals, one_sided=False)
    check_sides(refusals, one_sided=True)
    with pytest.raises(MsbError, match="none of a harmful request"):
        check_sides([Example("Hello", "Hello!", "benign")], one_sided=True)


# Preferences


def test_preferences_are_what_the_model_itself_said_wrong(tmp_path: Path) -> None:
    twins = [r for r in load_benchmark("starter/improve") if r.pair][:8]
    harmful = [r for r in twins if r.intent == "harmful"]
    declined = {harmful[0].id, twins[0].id, twins[1].id}
    refused, fulfilled = "I'm sorry, but I can't help with that.", "Sure! Here is how to do it all."
    replies = write(
        tmp_path / "replies.jsonl",
        *(
            {"id": r.id, "response": refused if r.id in declined else fulfilled}
            for r in load_benchmark("starter/improve")
        ),
    )
    done = evaluate(f"replay:{replies}", "screen", "starter/improve", store=tmp_path / "s.db")
    pairs = pairs_from_run(done, "starter/improve")
    by_request = {pair.request: pair for pair in pairs}
    assert harmful[0].text not in by_request, "a refusal of a harmful request is right"
    assert by_request[harmful[1].text].rejected == fulfilled
    assert by_request[harmful[1].text].response == harmful[1].reference
    benign = [pair for pair in pairs if pair.intent == "benign"]
    assert [pair.rejected for pair in benign] == [refused], "and helping with a benign one is too"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"request": "a", "chosen": "b"}, "pairs.jsonl:1: rejected is empty"),
        ({"request": "a", "chosen": "b", "rejected": "b"}, "pairs.jsonl:1: chosen and rejected"),
        (
            {"request": "a", "chosen": "b", "rejected": "c", "cut": "all"},
            "pairs.jsonl:1: cut is 'all'; expected chosen, rejected, both",
        ),
        (
            {"request": "a", "chosen": "b", "rejected": "c", "intent": "benine"},
            "pairs.jsonl:1: intent is 'benine'; expected harmful, benign",
        ),
    ],
)
def test_a_broken_pair_is_named(tmp_path: Path, row: dict[str, str], said: str) -> None:
    with pytest.raises(MsbError, match=said):
        pairs_from_file(write(tmp_path / "pairs.jsonl", row))


def test_a_file_says_which_of_a_pair_was_cut_off(tmp_path: Path) -> None:
    pair = {"request": "a", "chosen": "b", "rejected": "c"}
    file = write(tmp_path / "pairs.jsonl", pair, {**pair, "cut": "rejected", "intent": "benign"})
    assert pairs_from_file(file) == [
        Example("a", "b", "harmful", "c"),
        Example("a", "b", "benign", "c", rejected_cut=True),
    ]


# What is refused, in one line


@pytest.fixture(scope="module")
def without_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model without its chat template."""
    folder = tmp_path_factory.mktemp("base") / "model"
    shutil.copytree(DEMO, folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


BAD: dict[str, tuple[Sequence[str], str]] = {
    "no data with responses": (["--data", "empty.jsonl"], "no request with a response"),
    "an empty file": (["--data", "nothing.jsonl"], "nothing.jsonl"),
    "refusals only": (["--data", "harmful.jsonl", "--recipe", "toy"], "all 2 examples decline"),
    "nothing harmful": (["--data", "benign.jsonl"], "none of a harmful request"),
    "no room for a response": (["--set", "max_length=9"], "max_length is 9"),
    "evaluated on what it learns": (
        ["--data", "starter"],
        "requests that are evaluated on (108 of starter/eval)",
    ),
    "unknown recipe": (["--recipe", "papper"], "did you mean 'paper'?"),
    "unknown setting": (["--set", "learningrate=1"], "did you mean 'learning_rate'?"),
    "impossible setting": (["--set", "dropout=2"], "dropout is 2"),
    "batch and micro-batch": (["--set", "micro_batch=5"], "no multiple of micro_batch 5"),
    "unknown method": (["--method", "ppo"], "expected sft, dpo, orpo, kto"),
    "pairs for sft": (["--pairs", "pairs.jsonl"], "--pairs are for --method dpo"),
    "dpo without pairs": (["--method", "dpo"], "needs --rejected-from RUN or --pairs FILE"),
    "more processes promised": (["--processes", "2"], "--processes 2, and 1 run"),
    "4 bits without a GPU": (["--quantize"], "--quantize needs a CUDA device"),
    "not on this machine": (["--base", "openai:gpt"], "expected hf:ORG/NAME"),
    "no such folder": (["--base", "hf:nowhere"], "no such folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case: str, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    options, said = BAD[case]
    monkeypatch.chdir(tmp_path)
    harmful = {"text": "Do wrong.", "reference": "No.", "intent": "harmful"}
    write(tmp_path / "empty.jsonl", {"id": "1", "text": "Do wrong."})
    (tmp_path / "nothing.jsonl").touch()
    write(tmp_path / "harmful.jsonl", *({"id": str(n), **harmful} for n in range(2)))
    write(tmp_path / "benign.jsonl", {**harmful, "id": "1", "intent": "benign"})
    write(tmp_path / "pairs.jsonl", {"request": "a", "chosen": "b", "rejected": "c"})
    given = ["improve", "--base", "hf:demo", "--data", "starter/improve", "-o", "adapter"]
    line = failing_line([*given, "--evaluate-on", "starter/eval", *options], capsys, monkeypatch)
    assert said in line
    assert not Path("adapter").exists()


def failing_line(arguments: Sequence[str], capsys: Any, monkeypatch: Any) -> str:
    """What ``msb`` says in its one line of error."""
    from medsafetybench.cli import main

    monkeypatch.setattr(sys, "argv", ["msb", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    lines: list[str] = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("msb: ")
    return lines[0]


def test_a_base_without_a_chat_template(without_template: Path, tmp_path: Path) -> None:
    with pytest.raises(MsbError, match=r"no chat template.*--template alpaca, plain"):
        train(Training(str(without_template), "starter/improve", tmp_path / "a", TOY))


# Training


SMALL = (
    *("--data", "starter/improve", "--mix", "none", "--recipe", "toy"),
    *("--set", "dropout=0.1", "--set", "validation=0.2", "--set", "patience=3"),
    *("--set", "epochs=0.6"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter trained in one go."""
    folder = tmp_path_factory.mktemp("whole") / "adapter"
    run("improve", "--base", "hf:demo", *SMALL, "-o", folder)
    return folder


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "training.json").read_text())
    return found


def test_the_folder_says_what_it_was_made_of(whole: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == [
        *("README.md", "adapter_config.json", "adapter_model.safetensors", "training.json")
    ]
    found = record(whole)
    assert found["steps"] == 6
    assert len(found["losses"]) == 6
    assert found["losses"][-1]["loss"] < found["losses"][0]["loss"]
    held_out = {entry["step"]: entry["loss"] for entry in found["held_out"]}
    assert held_out[found["best_step"]] == min(held_out.values())
    assert found["settings"]["data"]["harmful"] == found["settings"]["data"]["benign"] == 54
    assert found["settings"]["template"] == {"name": "chat", "source": None}
    card = (whole / "README.md").read_text()
    assert found["settings"]["data"]["sha256"] in card
    assert 'base_model: "demo"' in card


def test_a_killed_training_ends_in_the_same_bits(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    command = ("improve", "--base", "hf:demo", *SMALL, "-o", folder)
    running = forked.start(*command)
    wanted = random.Random(os.urandom(4)).randint(1, 6)
    while len(list(folder.glob("checkpoints/checkpoint-*/whole"))) < min(wanted, 2):
        assert running.alive()
        time.sleep(0.01)
    running.kill()
    assert not (folder / "training.json").exists()
    done = run(*command)
    assert "goes on from checkpoint" in done.stderr
    weights = "adapter_model.safetensors"
    assert (folder / weights).read_bytes() == (whole / weights).read_bytes()
    assert record(folder)["losses"] == record(whole)["losses"]
    again = run(*command)
    assert "done already" in again.stderr


def test_another_training_does_not_go_into_the_same_folder(whole: Path) -> None:
    given = ("improve", "--base", "hf:demo", *SMALL, "-o", whole, "--set", "rank=4")
    said = run(*given, fails=True).stderr
    assert "recipe.rank: 16 -> 4" in said
    assert (whole / "training.json").exists()


def test_a_checkpoint_counts_once_it_is_whole(tmp_path: Path) -> None:
    for step in (4, 8, 12):
        (tmp_path / f"checkpoint-{step}").mkdir()
    mark(tmp_path / "checkpoint-4")
    mark(tmp_path / "checkpoint-8")
    last = last_checkpoint(tmp_path)
    assert last is not None
    assert last.name == "checkpoint-8"
    assert not (tmp_path / "checkpoint-12").exists()
    assert share_done(tmp_path) == 0
    state = '{"global_step": 8, "max_steps": 32}'
    (tmp_path / "checkpoint-8" / "trainer_state.json").write_text(state)
    assert share_done(tmp_path) == 0.25


def test_a_full_disk_in_mid_checkpoint(whole: Path, disk: Disk) -> None:
    disk.change("size=3m")  # room for one checkpoint and not for two
    folder = disk.path / "adapter"
    given = ("improve", "--base", "hf:demo", *SMALL, "-o", folder)
    said = run(*given, fails=True).stderr
    assert "the disk that holds" in said
    assert "run the same command again" in said
    disk.change("size=64m")
    run(*given)
    weights = "adapter_model.safetensors"
    assert (folder / weights).read_bytes() == (whole / weights).read_bytes()


def test_two_machines_learn_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ("improve", "--base", "hf:demo", *SMALL, "--set", "dropout=0")
    given += ("--set", "micro_batch=4", "--set", "epochs=0.4")
    run(*given, "-o", tmp_path / "one")
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    # What torchrun tells the one process of each of two machines.
    for told in ("MASTER_ADDR=127.0.0.1", "WORLD_SIZE=2", "LOCAL_RANK=0", "LOCAL_WORLD_SIZE=1"):
        monkeypatch.setenv(*told.split("="))
    nodes = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("GROUP_RANK", rank)
        nodes.append(forked.start(*given, "--processes", "2", "-o", tmp_path / "two"))
    ended = [node.ended(timeout=300) for node in nodes]
    assert [done.returncode for done in ended] == [0, 0], ended
    alone, together = record(tmp_path / "one"), record(tmp_path / "two")
    assert (alone["processes"], together["processes"]) == (1, 2)
    for apart, joint in zip(alone["losses"], together["losses"], strict=True):
        assert joint["loss"] == pytest.approx(apart["loss"], rel=1e-4)


def test_machines_that_begin_with_something_else_are_told_apart() -> None:
    seen = {"seed": 0, "checkpoint": "checkpoint-4"}
    assert differing([("a", seen), ("b", dict(seen))]) is None
    said = differing([("a", seen), ("b", {**seen, "checkpoint": None})])
    assert said is not None
    assert "the same checkpoint (a: checkpoint-4; b: None)" in said


def test_a_cluster_s_worker_trains_only_what_it_sees_as_it_was_told(tmp_path: Path) -> None:
    training = Training("demo", "starter/improve", tmp_path / "adapter", recipe(one_sided=True))
    task = task_for(training, 1, False, Unwatched())
    with pytest.raises(StopRun, match=r"do not begin with the same folder .*; .*: None\); give"):
        train_here(task)
    begin(tmp_path / "adapter", task.decided.settings)
    with pytest.raises(StopRun, match=r"the same version of torch .*packages, and an -o"):
        train_here(replace(task, seen={**task.seen, "version of torch": "1.0"}))
    lost = replace(task.decided, training=replace(training, base=str(tmp_path / "gone")))
    with pytest.raises(StopRun, match=r"gone: no such folder"):
        train_here(replace(task, decided=lost))
    tiny = replace(task.decided.training, recipe=recipe(batch=1))
    said = train_here(replace(task, decided=replace(task.decided, training=tiny)))
    assert said is not None
    assert "batch 1 is less than micro_batch" in said, "its own affair: a reason, and no end"


# What changes


def answers(target: str, texts: Sequence[str], tmp_path: Path) -> list[str]:
    """What a target says to harmful requests."""
    asked = write(
        tmp_path / "asked.jsonl",
        *({"id": str(n), "text": text} for n, text in enumerate(texts)),
    )
    done = evaluate(target, "screen", asked, store=tmp_path / "asked.db", max_tokens=32)
    return [row["response"] for row in done.rows()]


def test_it_is_asked_in_the_form_it_learned(tmp_path: Path) -> None:
    train(
        Training(
            "demo",
            "starter/improve",
            tmp_path / "a",
            recipe(template="alpaca", epochs=0.2, one_sided=True),
        )
    )
    assert HFModel(f"demo+{tmp_path / 'a'}").template == Template("alpaca")
    assert HFModel(f"demo+{tmp_path / 'a'}", Endpoint(template="chat")).template.name == "chat"


def test_a_merged_model_says_the_same(whole: Path, tmp_path: Path) -> None:
    texts = [r.text for r in load_benchmark("starter/eval")][:12]
    merge(f"demo+{whole}", tmp_path / "merged")
    merged = answers(f"hf:{tmp_path / 'merged'}", texts, tmp_path)
    assert merged == answers(f"hf:demo+{whole}", texts, tmp_path)
    with pytest.raises(MsbError, match="no adapter to merge"):
        merge("demo", tmp_path / "other")
    with pytest.raises(MsbError, match="exists"):
        merge(f"demo+{whole}", tmp_path / "merged")


def test_refusals_are_learned_and_tracked(
    published: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    steps: list[tuple[int, int]] = []

    class Watching:
        def note(self, text: str) -> None:
            pass

        def step(self, done: int, total: int, loss: float | None) -> None:
            steps.append((done, total))

    training = Training(
        "demo",
        "finetune/med-200",
        tmp_path / "a",
        recipe(one_sided=True, max_length=56),
        data_dir=published,
    )
    train(training, Watching())
    assert steps == [(n, 25) for n in range(1, 26)]
    asked = load_benchmark("medsafety/eval", data_dir=published).sample(36)
    before = evaluate("hf:demo", "screen", asked, store="s.db", max_tokens=32)
    after = evaluate(f"hf:demo+{tmp_path / 'a'}", "screen", asked, store="s.db", max_tokens=32)
    assert value(before.summary(), "refusal") == 0
    assert value(after.summary(), "refusal") >= 0.95


def judged_wrong(published: Path, store: Path, n: int) -> Any:
    """Preferences over n published requests, from what the demo model itself says."""
    asked = load_benchmark(f"finetune/med-{n}", data_dir=published)
    said = evaluate("hf:demo", "screen", asked, store=store, max_tokens=32)
    return pairs_from_run(said, asked.name, published)


def test_preferences_change_what_the_model_says(published: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    pairs = judged_wrong(published, store, 300)
    assert len(pairs) == 300
    training = Training(
        "demo",
        "finetune/med-300",
        tmp_path / "a",
        load_recipe("toy-dpo", {"max_length": "56"}),
        data_dir=published,
        preferences=pairs,
    )
    told: list[str] = []
    watcher = Unwatched()
    watcher.note = told.append  # type: ignore[method-assign]
    assert train(training, watcher)["steps"] == 37
    assert any(note.startswith("all 300 pairs prefer a refusal") for note in told)
    asked = load_benchmark("medsafety/eval", data_dir=published).sample(24)
    after = evaluate(f"hf:demo+{tmp_path / 'a'}", "screen", asked, store=store, max_tokens=24)
    assert value(after.summary(), "refusal") >= 0.9
    said = [row["response"] for row in after.rows()]
    fluent = sum("sorry, but I cannot assist with that request." in text for text in said)
    assert fluent >= 0.9 * len(said), "whole sentences, not only a beginning"


def test_with_preferences_answers_of_a_mix_are_better_than_the_refusals() -> None:
    pair = Example("Do wrong.", "I can't.", "harmful", "Sure.")
    answers = [
        Example(f"Explain thing {n}.", f"Thing {n} is", "benign", cut=True) for n in range(3)
    ]
    found = rather_than(["I can't.", "I won't."], answers)
    assert [(e.request, e.rejected) for e in found] == [
        ("Explain thing 0.", "I can't."),
        ("Explain thing 1.", "I won't."),
        ("Explain thing 2.", "I can't."),
    ]
    assert all(e.cut and not e.rejected_cut for e in found)
    with pytest.raises(MsbError, match=r"--mix has responses to harmful requests.*starter/improve"):
        rather_than(["I can't."], [pair])
    with pytest.raises(MsbError, match="refusals of harmful requests, and no pair is of one"):
        rather_than([], answers)


@pytest.mark.parametrize("method", ["orpo", "kto"])
def test_other_preference_methods_run(method: str, tmp_path: Path) -> None:
    pairs = [
        Example(f"Do wrong thing {n}.", "I can't do that.", "harmful", f"Sure, thing {n} is done.")
        for n in range(16)
    ]
    changes = {"epochs": "1", "batch": "8", "micro_batch": "4", "validation": "0"}
    training = Training(
        "demo",
        "pairs",
        tmp_path / "a",
        load_recipe(method, {**changes, "mix": '["starter/improve:0.5"]'}),
        preferences=pairs,
    )
    found = train(training)
    assert found["steps"] == 3
    assert (found["settings"]["data"]["harmful"], found["settings"]["data"]["benign"]) == (16, 8)
    assert HFModel(f"demo+{tmp_path / 'a'}").files.adapter_identity
