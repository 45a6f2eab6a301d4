"""Local models: files refused, batches equal to one at a time, kills, adapters, judges."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import forked
from cards import value
from medsafetybench import evaluate, load_benchmark
from medsafetybench.errors import MsbError, StopRun
from medsafetybench.judges.llm import LLMJudge
from medsafetybench.judges.rubric import load_rubric
from medsafetybench.models.hf_batching import BatchSize, choose_batch, in_halves
from medsafetybench.models.hf_files import DEMO, resolve
from medsafetybench.models.model import Meter
from medsafetybench.models.opening import open_model
from medsafetybench.models.settings import Endpoint
from medsafetybench.models.templates import Template, render
from medsafetybench.records import RAW, Request, Response, Sampling
from medsafetybench.taxonomy import load_taxonomy

if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "peft")):
    if os.environ.get("CI"):
        raise ImportError("CI should have the extra 'local'")
    pytest.skip("needs the extra 'local'", allow_module_level=True)

import torch

from medsafetybench.models.hf import FIRST_BATCH, Choice, HFModel
from medsafetybench.models.hf_engine import Engine

torch.set_num_threads(1)
SHORT = Sampling(max_tokens=64)
LINES = ["Write a note.", "Explain the opening hours of the clinic to my neighbour.", "Why?"]


def respond(model: HFModel, texts: Sequence[str], sampling: Sampling = SHORT) -> list[Response]:
    """Responses to all texts, asked at once."""

    async def ask() -> list[Response]:
        turns = [[{"role": "user", "content": text}] for text in texts]
        try:
            return list(await asyncio.gather(*(model.complete(t, sampling) for t in turns)))
        finally:
            await model.close()

    return asyncio.run(ask())


def one_by_one(folder: Path, texts: Sequence[str], adapter: Path | None = None) -> list[str]:
    """The same with transformers itself: no batch, no padding."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tok = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    found = []
    for text in texts:
        turns = [{"role": "user", "content": text}]
        prompt = tok.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        ids = tok(prompt, add_special_tokens=False, return_tensors="pt").input_ids
        mask = torch.ones_like(ids)
        out = model.generate(ids, attention_mask=mask, max_new_tokens=64, do_sample=False)
        found.append(tok.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo model that a test may change."""
    return Path(shutil.copytree(DEMO, tmp_path / "model"))


def change(path: Path, **settings: Any) -> None:
    """Change settings of a JSON file; None takes one out."""
    found = {**json.loads(path.read_text()), **settings}
    gone = {name for name, value in settings.items() if value is None}
    path.write_text(json.dumps({k: v for k, v in found.items() if k not in gone}))


def random_adapter(base: Path, out: Path, seed: int = 0) -> Path:
    """A LoRA adapter of random weights for a base."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(out)
    return out


def test_batches_say_what_one_at_a_time_says(published: Path) -> None:
    texts = [r.text for r in load_benchmark("medsafety/eval", data_dir=published)][::50]
    texts += ["Why?", " ".join(texts[:8])]  # the longest pads the shortest by hundreds
    responses = respond(HFModel("demo"), texts)
    assert [r.text for r in responses] == one_by_one(DEMO, texts)
    assert len({r.text for r in responses}) > len(texts) / 2


def test_demo_complies_with_harmful_and_benign_alike() -> None:
    run = evaluate("hf:demo", "screen", "starter", max_tokens=48)
    card = run.summary()
    assert card.target == "hf:demo"
    assert (card.counts.errors, card.counts.unscored) == (0, 0)
    assert (value(card, "refusal"), value(card, "over_refusal")) == (0.0, 0.0)


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_costs_at_most_a_batch_and_ctrl_c_waits_for_one(
    published: Path, tmp_path: Path, by: signal.Signals
) -> None:
    log, store = tmp_path / "batches", tmp_path / "store.db"
    counting = tmp_path / "counting.py"
    counting.write_text(f"""
from medsafetybench.models.hf_engine import Engine
generate = Engine.generate
def counted(self, rows, *rest):
    found = generate(self, rows, *rest)
    with open({str(log)!r}, "a") as file:
        file.write(f"{{len(rows)}}\\n")
    return found
Engine.generate = counted
""")
    command = ("evaluate", "--target", "hf:demo", "--benchmark", "medsafety/eval", "--limit", "400")
    command += ("--data-dir", str(published), "--store", str(store), "--max-tokens", "24")

    def generated() -> int:
        return sum(map(int, log.read_text().split())) if log.exists() else 0

    def stored() -> int:
        with sqlite3.connect(store) as db:
            return int(db.execute("SELECT COUNT(*) FROM responses").fetchone()[0])

    batch = FIRST_BATCH["cpu"]
    running = forked.start(*command, script=counting)
    while generated() < 3 * batch:
        assert running.alive()
        time.sleep(0.01)
    running.interrupt(by)
    then = generated()
    ended = running.ended()
    if by == signal.SIGINT:
        assert f"target: {stored()} calls" in ended.stderr, "what only waited is no call"
        assert generated() == stored() <= then + batch
    assert generated() - stored() <= batch
    assert stored() < 400, "the end came before the signal"
    assert forked.run(*command, script=counting).returncode == 0
    assert stored() == 400
    assert generated() <= 400 + batch


def test_out_of_memory_halves_the_batch_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"Write a note about point {n}." for n in range(50)]
    expected = [r.text for r in respond(HFModel("demo"), texts)]
    sizes: list[int] = []
    generate = Engine.generate

    def small(self: Engine, rows: Sequence[Sequence[int]], *rest: Any) -> list[list[int]]:
        sizes.append(len(rows))
        if len(rows) > 9:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(self, rows, *rest)

    monkeypatch.setattr(Engine, "generate", small)
    model = HFModel("demo")
    model.sizes["generate"] = BatchSize(32)
    assert [r.text for r in respond(model, texts)] == expected
    assert model.sizes["generate"].size == 8
    assert sizes == [32, 16, 8, 8, 16, 8, 8, 8, 8, 2], "the size is found once and kept"


def test_out_of_memory_alone_is_that_requests_error(monkeypatch: pytest.MonkeyPatch) -> None:
    generate = Engine.generate

    def small(self: Engine, rows: Sequence[Sequence[int]], *rest: Any) -> list[list[int]]:
        if max(map(len, rows)) > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(self, rows, *rest)

    monkeypatch.setattr(Engine, "generate", small)
    long, short = respond(HFModel("demo"), ["word " * 150, "Why?"])
    assert long.error is not None
    assert "out of memory" in long.error
    assert short.text


def test_other_faults_stop_the_run_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("device-side\nassert")

    monkeypatch.setattr(Engine, "generate", broken)
    with pytest.raises(StopRun, match="failed: RuntimeError: device-side assert"):
        respond(HFModel("demo"), ["Why?"])


def test_every_end_token_of_the_generation_config_ends(folder: Path) -> None:
    whole = respond(HFModel(str(folder)), LINES[:1])[0]
    from transformers import AutoTokenizer

    ids = AutoTokenizer.from_pretrained(folder).encode(whole.text)
    end = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    change(folder / "generation_config.json", eos_token_id=[end, ids[5]])
    cut = respond(HFModel(str(folder)), LINES[:1])[0]
    assert cut.finish_reason == "stop"
    assert cut.text == AutoTokenizer.from_pretrained(folder).decode(ids[: ids.index(ids[5])])


def test_finish_reason_and_tokens() -> None:
    short, whole = (respond(HFModel("demo"), ["Why?"], Sampling(max_tokens=n))[0] for n in (5, 256))
    assert (short.finish_reason, short.output_tokens) == ("length", 5)
    assert whole.finish_reason == "stop"
    assert whole.text.startswith(short.text)


def test_a_tokenizer_without_pad_token(folder: Path) -> None:
    expected = [r.text for r in respond(HFModel(str(folder)), LINES)]
    for name in ("config.json", "generation_config.json"):
        change(folder / name, pad_token_id=None)
    change(folder / "tokenizer_config.json", pad_token=None)
    assert [r.text for r in respond(HFModel(str(folder)), LINES)] == expected


def test_a_prompt_longer_than_the_context_is_its_own_error(folder: Path) -> None:
    change(folder / "config.json", max_position_embeddings=40)
    long, short = respond(HFModel(str(folder)), ["word " * 60, "Why?"])
    assert long.error is not None
    assert "tokens, and the context of" in long.error
    assert "holds 40" in long.error
    assert short.input_tokens is not None
    assert short.output_tokens == 40 - short.input_tokens
    assert short.finish_reason == "length"


def test_no_such_folder() -> None:
    with pytest.raises(MsbError, match=r"hf:nowhere: no such folder; expected a folder, ORG/NAME"):
        HFModel("nowhere")


def test_a_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(MsbError, match=r"has no config.json"):
        HFModel(str(tmp_path))


def test_a_folder_without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(MsbError, match=r"has no weights; expected \*.safetensors"):
        HFModel(str(folder))


def test_pickled_weights_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(MsbError, match=r"pickled weights only \(pytorch_model.bin\).*convert"):
        HFModel(str(folder))


def test_a_missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(MsbError, match=r"lacks 1 of its weight files: model-00002.safetensors"):
        HFModel(str(folder))


def test_weights_cut_short_stop_in_one_line(folder: Path) -> None:
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(StopRun, match="cannot be loaded"):
        respond(HFModel(str(folder)), ["Why?"])


def test_code_of_a_model_runs_only_when_that_is_typed(folder: Path) -> None:
    (folder / "own.py").write_text("open('ran', 'w').close()\n")
    auto_map = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    change(folder / "config.json", model_type="own", auto_map=auto_map)
    with pytest.raises(StopRun, match="--trust-remote-code"):
        respond(HFModel(str(folder)), ["Why?"])
    assert not Path("ran").exists()


def test_an_adapter_for_another_base(folder: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    other = LlamaConfig(hidden_size=64, intermediate_size=96, num_hidden_layers=2, vocab_size=99)
    LlamaForCausalLM(other).save_pretrained(tmp_path / "other")
    adapter = random_adapter(tmp_path / "other", tmp_path / "adapter")
    with pytest.raises(MsbError, match=r"adapter .* does not fit .*128x128.*trained on"):
        HFModel(f"{folder}+{adapter}")


def test_an_adapter_for_more_layers_than_the_base_has(folder: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    deeper = LlamaConfig.from_pretrained(folder, num_hidden_layers=6)
    LlamaForCausalLM(deeper).save_pretrained(tmp_path / "deeper")
    adapter = random_adapter(tmp_path / "deeper", tmp_path / "adapter")
    with pytest.raises(StopRun, match=r"adapter .* does not fit"):
        respond(HFModel(f"{folder}+{adapter}"), ["Why?"])


def test_an_adapter_alone_is_no_model(tmp_path: Path) -> None:
    adapter = random_adapter(DEMO, tmp_path / "adapter")
    with pytest.raises(MsbError, match=r"is an adapter; expected hf:BASE\+"):
        HFModel(str(adapter))


def test_adapters_share_a_base_and_leave_it_as_it_is(tmp_path: Path) -> None:
    adapters = [random_adapter(DEMO, tmp_path / f"adapter{n}", n) for n in (1, 2)]
    names = ["demo", *(f"demo+{adapter}" for adapter in adapters)]

    async def ask() -> list[list[str]]:
        models = [HFModel(name) for name in names]
        turns = [[{"role": "user", "content": text}] for text in LINES]
        calls = [asyncio.gather(*(m.complete(t, SHORT) for t in turns)) for m in models]
        found = await asyncio.gather(*calls)
        assert len({id(model.engine) for model in models}) == 1
        for model in models:
            await model.close()
        return [[r.text for r in responses] for responses in found]

    expected = [one_by_one(DEMO, LINES), *(one_by_one(DEMO, LINES, a) for a in adapters)]
    assert asyncio.run(ask()) == expected
    assert expected[0] != expected[1] != expected[2]


def test_identity_is_what_the_files_hold_and_not_where_they_lie(
    folder: Path, tmp_path: Path
) -> None:
    here = HFModel(str(folder)).fingerprint
    change(folder / "config.json", _name_or_path="/somewhere/else")
    there = HFModel(str(folder.rename(tmp_path / "moved"))).fingerprint
    assert here == there == HFModel("demo").fingerprint
    assert str(tmp_path) not in json.dumps(there)


def test_identity_changes_with_weights_adapter_end_tokens_and_template(
    folder: Path, tmp_path: Path
) -> None:
    adapter = random_adapter(DEMO, tmp_path / "adapter")
    found = [HFModel("demo"), HFModel(f"demo+{adapter}")]
    found.append(HFModel("demo", Endpoint(template="plain")))
    found.append(HFModel("demo", Endpoint(dtype="bfloat16")))
    change(folder / "generation_config.json", eos_token_id=[1, 2])
    found.append(HFModel(str(folder)))
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-100] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    found.append(HFModel(str(folder)))
    assert len({json.dumps(model.fingerprint) for model in found}) == len(found)


def test_a_base_model_without_chat_template_gets_plain_and_says_so(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    assert HFModel(str(folder)).fingerprint["template"] == "plain"
    with pytest.raises(MsbError, match="brings no chat template"):
        HFModel(str(folder), Endpoint(template="chat"))


def test_a_template_from_a_file_is_the_tokenizers_own(tmp_path: Path) -> None:
    file = tmp_path / "own.jinja"
    file.write_text((DEMO / "chat_template.jinja").read_text())
    from_file = respond(HFModel("demo", Endpoint(template=str(file))), LINES)
    assert [r.text for r in from_file] == [r.text for r in respond(HFModel("demo"), LINES)]


def test_a_template_that_opens_the_thought_makes_all_of_it_thinking(tmp_path: Path) -> None:
    file = tmp_path / "own.jinja"
    file.write_text((DEMO / "chat_template.jinja").read_text().rstrip() + "<think>\n")
    for response in respond(HFModel("demo", Endpoint(template=str(file))), LINES):
        assert response.thinking, "the demo model closes no thought"
        assert (response.text, response.thinking_tokens) == ("", response.output_tokens)


@pytest.mark.parametrize("marks", [("[THINK]", "[/THINK]"), ("<think>", "</think>")])
def test_special_tokens_part_a_thought_from_the_answer(marks: tuple[str, str]) -> None:
    model = HFModel("demo")
    respond(model, LINES[:1])
    model = HFModel("demo")
    asyncio.run(model._ready())
    tokenizer = model.engine.tokenizer
    tokenizer.add_special_tokens({"additional_special_tokens": [*marks]})
    try:
        ids = tokenizer.encode(f"{marks[0]}Hm, no.{marks[1]}I cannot.", add_special_tokens=False)
        said = model._said(ids, inside=False, cut_off=False)
        assert (said.thinking, said.answer) == ("Hm, no.", "I cannot.")
        plain = tokenizer.encode("I cannot.", add_special_tokens=False)
        assert model._said(plain, inside=False, cut_off=False).answer == "I cannot."
        assert model._said(ids[:4], inside=False, cut_off=True).answer == ""
    finally:
        asyncio.run(model.close())


def test_a_template_that_refuses_stops_the_run(tmp_path: Path) -> None:
    file = tmp_path / "own.jinja"
    file.write_text("{{ raise_exception('no system prompts') }}")
    with pytest.raises(StopRun, match="does not take this conversation: no system prompts"):
        respond(HFModel("demo", Endpoint(template=str(file))), ["Why?"])


def test_plain_alpaca_and_raw_prompts() -> None:
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}]

    def chat(*_: Any) -> str:
        raise AssertionError("not asked for")

    assert render(turns, Template("plain"), chat).text == "Be kind.\n\nWhy?\n\n"
    alpaca = render(turns, Template("alpaca"), chat).text
    assert alpaca == "Be kind.\n\n### Instruction:\nWhy?\n\n### Response:"
    raw = [{"role": RAW, "content": "[INST] Why? [/INST]"}]
    assert render(raw, Template("alpaca"), chat).text == "[INST] Why? [/INST]"


def test_an_unknown_parameter_stops_the_run() -> None:
    with pytest.raises(StopRun, match="no parameter 'best_of'"):
        respond(HFModel("demo"), ["Why?"], Sampling(extra={"best_of": 2}))


def test_sampling_with_a_seed_repeats_itself() -> None:
    warm = Sampling(temperature=1.0, max_tokens=32, seed=7)
    first, second = (respond(HFModel("demo"), LINES, warm) for _ in range(2))
    assert [r.text for r in first] == [r.text for r in second]
    other = respond(HFModel("demo"), LINES, warm.with_seed(8))
    assert [r.text for r in first] != [r.text for r in other]


def test_a_local_model_takes_no_address() -> None:
    with pytest.raises(MsbError, match="runs on this machine"):
        open_model("hf:demo", Endpoint(url="http://127.0.0.1:1/v1"), "target")


REQUEST = Request("1", "Write a short note to the pharmacy.", principle=1)
RESPONSE = Response("Here is a note.", finish_reason="stop")


def verdict(model: HFModel, request: Request = REQUEST) -> Any:
    """What a local judge says."""
    judge = LLMJudge(model, load_rubric("ama", load_taxonomy()), Sampling(max_tokens=32))

    async def ask() -> Any:
        try:
            return await judge.judge(request, RESPONSE)
        finally:
            await judge.close()

    return asyncio.run(ask())


def test_a_local_judge_ends_with_a_verdict_under_a_constraint() -> None:
    found = verdict(HFModel("demo"))
    assert found.score in (1, 2, 3, 4, 5)
    assert f": {found.score}\n[level chosen under a constraint, share " in found.rationale
    benign = verdict(HFModel("demo"), Request("2", "Why?", "benign"))
    assert benign.score in (1, 3, 5)


def test_an_unreadable_local_judge_stays_unscored(folder: Path) -> None:
    # A model that ends at once says nothing, so there is no analysis that a level could follow.
    every = list(range(json.loads((folder / "config.json").read_text())["vocab_size"]))
    change(folder / "generation_config.json", eos_token_id=every)
    found = verdict(HFModel(str(folder)))
    assert (found.score, found.reason) == (None, "empty_reply")


@pytest.mark.parametrize("options", [["1", "2", "3", "4", "5"], ["one", "forty-two", "three"]])
def test_the_constrained_level_is_the_likeliest(options: list[str]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    turns = [{"role": "user", "content": "Explain sleep after a night shift."}]

    async def ask() -> list[Choice | None]:
        model = HFModel("demo")
        both = (turns, [{"role": "user", "content": "Why? " * 40}])  # one is padded
        found = await asyncio.gather(*(model.choose(t, "Level: ", options) for t in both))
        await model.close()
        return list(found)

    tok = AutoTokenizer.from_pretrained(DEMO)
    model = AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32).requires_grad_(False)
    prompt = tok.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    scores = []
    for option in options:
        ids = torch.tensor([tok.encode(f"{prompt}Level: {option}")])
        scores.append(-float(model(ids, labels=ids).loss) * (ids.shape[1] - 1))
    share = torch.tensor(scores, dtype=torch.float64).softmax(0)
    choice = asyncio.run(ask())[0]
    assert choice is not None
    assert choice.option == options[int(share.argmax())]
    assert choice.share == pytest.approx(float(share.max()), abs=1e-3)


class Waiting:
    """A call as the planning sees it."""

    def __init__(self, kind: str, length: int) -> None:
        self.kind, self.length = kind, length


def test_a_batch_is_of_one_kind_and_the_longest_go_first() -> None:
    waiting = [Waiting(k, n) for k, n in (("a", 3), ("b", 9), ("a", 7), ("a", 5))]
    assert [c.length for c in choose_batch(waiting, 2)] == [7, 5]
    assert [c.length for c in choose_batch(waiting, 2)] == [3], "the first in line sets the kind"
    assert [c.length for c in choose_batch(waiting, 2)] == [9]
    assert waiting == []


def test_halving_keeps_the_order_of_outcomes() -> None:
    size = BatchSize(8)

    def generate(batch: Sequence[Waiting]) -> list[int]:
        if len(batch) > 3:
            raise MemoryError
        return [call.length for call in batch]

    batch = [Waiting("a", n) for n in range(7)]
    assert in_halves(batch, generate, lambda e: isinstance(e, MemoryError), size) == list(range(7))
    assert size.size == 2


def test_a_folder_with_a_plus_in_its_name(tmp_path: Path) -> None:
    folder = shutil.copytree(DEMO, tmp_path / "a+b")
    assert resolve(str(folder)).adapter is None


def test_latency_is_the_answers_own_and_a_long_batch_tells_how_far_it_is() -> None:
    model = HFModel("demo")
    doing: list[str | None] = []

    class Watching(Meter):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "doing":
                doing.append(value)

    model.meter = Watching()
    responses = respond(model, LINES, Sampling(max_tokens=64))
    order = sorted(responses, key=lambda response: response.output_tokens or 0)
    assert order[0].output_tokens != order[-1].output_tokens
    assert (order[0].latency or 0) < (order[-1].latency or 0), "the shorter one did not wait"
    steps = [text for text in doing if text]
    assert steps[0] == "3 answers at token 1 of 64"
    assert len(steps) >= max(response.output_tokens or 0 for response in responses) - 1
    assert doing[-1] is None
