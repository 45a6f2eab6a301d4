"""Adapters with a tokenizer, a template or a vocabulary of their own; templates by name.

What an adapter was tuned with is what it is asked with, or a line says why not.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medsafetybench.errors import MsbError, StopRun
from medsafetybench.improvement.adapter import merge
from medsafetybench.models.hf_files import DEMO, ModelFiles, resolve
from medsafetybench.models.settings import Endpoint
from medsafetybench.models.templates import Template, chat_templates, choose_template
from medsafetybench.records import Conversation, Response, Sampling

if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "peft")):
    if os.environ.get("CI"):
        raise ImportError("CI should have the extra 'local'")
    pytest.skip("needs the extra 'local'", allow_module_level=True)

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from medsafetybench.models.hf import HFModel

torch.set_num_threads(1)
SHORT = Sampling(max_tokens=24)
ASKED = [{"role": "user", "content": "Explain the opening hours of the clinic."}]
OWN = (
    "{% for m in messages %}### As this adapter was tuned, {{ m['role'] }}: {{ m['content'] }}\n"
    "{% endfor %}### assistant: "
)


def answer(model: HFModel, said: Conversation = ASKED) -> Response:
    """One response."""

    async def ask() -> Response:
        try:
            return await model.complete(said, SHORT)
        finally:
            await model.close()

    return asyncio.run(ask())


def saved(
    folder: Path,
    tokens: int = 0,
    change: Callable[[Any], None] | None = None,
    embeddings: bool | str = "auto",
    **lora: Any,
) -> Path:
    """A LoRA adapter of random weights as TRL's trainers leave it: with its tokenizer."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(DEMO)
    if tokens:
        tokenizer.add_tokens([f"<|new{i}|>" for i in range(tokens)], special_tokens=True)
        model.resize_token_embeddings(len(tokenizer))
    if change:
        change(tokenizer)
    settings = {"r": 4, "target_modules": ["q_proj", "v_proj"], "init_lora_weights": False, **lora}
    peft = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    peft.save_pretrained(folder, save_embedding_layers=embeddings)
    tokenizer.save_pretrained(folder)
    return folder


def by_hand(adapter: Path, size: int | None = None) -> tuple[str, int]:
    """The response and the prompt's length by transformers itself, with the adapter's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(adapter)
    model = AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32)
    if size:
        model.resize_token_embeddings(size)
    model = PeftModel.from_pretrained(model, adapter)
    prompt = tokenizer.apply_chat_template(ASKED, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
    mask, ends = torch.ones_like(ids), tokenizer.eos_token_id
    out = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=24, do_sample=False, eos_token_id=ends
    )
    return tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True), ids.shape[1]


def test_an_adapter_is_asked_with_its_own_template(tmp_path: Path) -> None:
    adapter = saved(tmp_path / "a", change=lambda t: setattr(t, "chat_template", OWN))
    response = answer(HFModel(f"demo+{adapter}"))
    assert (response.text, response.input_tokens) == by_hand(adapter)
    plain = answer(HFModel(f"demo+{adapter}", Endpoint(template="plain")))
    assert plain.input_tokens != response.input_tokens


def test_the_tokenizer_of_the_base_beside_an_adapter_changes_nothing(tmp_path: Path) -> None:
    adapter = saved(tmp_path / "a", change=lambda t: setattr(t, "padding_side", "left"))
    bare = Path(shutil.copytree(adapter, tmp_path / "bare"))
    for path in [*bare.glob("tokenizer*"), *bare.glob("chat_template*")]:
        path.unlink()
    with_it, without = HFModel(f"demo+{adapter}"), HFModel(f"demo+{bare}")
    assert with_it.fingerprint == without.fingerprint
    assert with_it.engine is without.engine


RESIZED: dict[str, dict[str, Any]] = {
    "its embeddings": {},
    "its embeddings, tuned": {"modules_to_save": ["embed_tokens"]},
    "its embeddings, and tuned by rank": {"target_modules": ["q_proj", "embed_tokens"]},
}


@pytest.mark.parametrize("how", RESIZED)
def test_a_resized_vocabulary_is_put_on(how: str, tmp_path: Path) -> None:
    adapter = saved(tmp_path / "a", tokens=5, **RESIZED[how])
    size = len(AutoTokenizer.from_pretrained(adapter))
    assert resolve(f"demo+{adapter}").embeddings == size
    base, model = HFModel("demo"), HFModel(f"demo+{adapter}")
    before = answer(HFModel("demo")).text
    assert base.engine is not model.engine  # what is put on takes the place of the base's own
    response = answer(model)
    assert (response.text, response.input_tokens) == by_hand(adapter, size)
    assert answer(base).text == before


def test_a_merged_model_keeps_vocabulary_and_template(tmp_path: Path) -> None:
    adapter = saved(tmp_path / "a", tokens=5, change=lambda t: setattr(t, "chat_template", OWN))
    expected = answer(HFModel(f"demo+{adapter}"))
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (tmp_path / "merged.part").symlink_to(elsewhere)
    merge(f"demo+{adapter}", tmp_path / "merged")
    assert list(elsewhere.iterdir()) == [], "what a neighbour laid in the way was followed"
    assert {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "merged").iterdir()} == {0o600}
    found = answer(HFModel(str(tmp_path / "merged")))
    assert (found.text, found.input_tokens) == (expected.text, expected.input_tokens)


def test_a_tuned_layer_of_the_new_size_is_no_misfit(tmp_path: Path) -> None:
    folder = tmp_path / "untied"
    model = AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone())
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(DEMO).save_pretrained(folder)
    size = len(model.get_input_embeddings().weight) + 3
    model.resize_token_embeddings(size)
    config = LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj", "lm_head"])
    get_peft_model(model, config).save_pretrained(tmp_path / "a")
    assert resolve(f"{folder}+{tmp_path / 'a'}").embeddings == size
    assert answer(HFModel(f"{folder}+{tmp_path / 'a'}")).error is None


def test_new_tokens_without_embeddings_are_named_as_such(tmp_path: Path) -> None:
    adapter = saved(tmp_path / "a", tokens=5, embeddings=False)
    with pytest.raises(StopRun, match=r"adds tokens to the vocabulary .* no embeddings for them"):
        answer(HFModel(f"demo+{adapter}"))


def test_an_adapter_that_ends_in_another_token_ends_there(tmp_path: Path) -> None:
    def ending(tokenizer: Any) -> None:
        tokenizer.eos_token = "<|user|>"

    adapter = saved(tmp_path / "a", change=ending)
    model = HFModel(f"demo+{adapter}")
    assert resolve(f"demo+{adapter}").tokenizer == adapter
    answer(model)
    tokens = AutoTokenizer.from_pretrained(adapter)
    model = HFModel(f"demo+{adapter}")

    async def ends() -> set[int]:
        await model.complete(ASKED, SHORT)
        found = model.engine.ends
        await model.close()
        return found

    assert tokens.convert_tokens_to_ids("<|user|>") in asyncio.run(ends())


def test_the_identity_of_an_adapter_is_also_that_of_its_tokenizer(tmp_path: Path) -> None:
    def files(name: str, **how: Any) -> ModelFiles:
        return ModelFiles(DEMO, saved(tmp_path / name, **how))

    plain, other = files("a"), files("b", change=lambda t: setattr(t, "eos_token", "<|user|>"))
    assert plain.adapter_weights.read_bytes() == other.adapter_weights.read_bytes()
    assert plain.adapter_identity != other.adapter_identity
    template = saved(tmp_path / "c", change=lambda t: setattr(t, "chat_template", OWN))
    models = [HFModel(f"demo+{plain.adapter}"), HFModel(f"demo+{template}")]
    assert models[0].fingerprint != models[1].fingerprint


def brought(folder: Path, config: Any = None, **files: str) -> Path:
    """A model's folder whose tokenizer brings these chat templates."""
    shutil.copytree(DEMO, folder)
    (folder / "chat_template.jinja").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": config}))
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(path.suffix or ".jinja").write_text(text)
    return folder


NAMED: dict[str, dict[str, Any]] = {
    "a list": {"config": [{"name": n, "template": OWN + n} for n in ("rag", "tools")]},
    "an object": {"config": {"rag": OWN + "rag", "tools": OWN + "tools"}},
    "files": {f"additional_chat_templates__{n}": OWN + n for n in ("rag", "tools")},
}


@pytest.mark.parametrize("how", NAMED)
def test_templates_by_name_without_a_default_are_named_and_can_be_chosen(
    how: str, tmp_path: Path
) -> None:
    folder = brought(tmp_path / "model", **NAMED[how])
    for asked in (None, "chat"):
        with pytest.raises(MsbError, match=r"rag, tools and no default; choose one of them"):
            HFModel(str(folder), Endpoint(template=asked))
    with pytest.raises(MsbError, match=r"unknown template 'rags'; did you mean 'rag'"):
        HFModel(str(folder), Endpoint(template="rags"))
    model = HFModel(str(folder), Endpoint(template="tools"))
    assert model.template.source == OWN + "tools"
    assert answer(model).error is None


WITH_DEFAULT: dict[str, tuple[dict[str, Any], bool]] = {
    "one text": ({"config": OWN}, True),
    "a default among several": (
        {"config": [{"name": "default", "template": OWN}, {"name": "rag", "template": "x"}]},
        True,
    ),
    "a file, which comes first": ({"config": "other", "chat_template": OWN}, True),
    "with a processor, which the tokenizer does not read": (
        {"chat_template_json": json.dumps({"chat_template": OWN})},
        False,
    ),
}


@pytest.mark.parametrize("how", WITH_DEFAULT)
def test_the_default_template_is_used_wherever_it_is_kept(how: str, tmp_path: Path) -> None:
    settings, of_tokenizer = WITH_DEFAULT[how]
    folder = brought(tmp_path / "model", **settings)
    assert chat_templates(folder)["default"] == OWN
    assert choose_template(None, folder) == Template("chat", None if of_tokenizer else OWN)
    expected = OWN.partition("{{")[0].partition("%}")[2]
    prompt = HFModel(str(folder))
    assert (
        answer(prompt).input_tokens
        == answer(HFModel(str(folder), Endpoint(template="chat"))).input_tokens
    )
    assert expected.startswith("### As this adapter")


@pytest.mark.parametrize("config", [[], {}, 5, [None, {"name": 3}], {"default": None}, ""])
def test_what_is_no_template_is_none(config: Any, tmp_path: Path) -> None:
    folder = brought(tmp_path / "model", config=config)
    assert chat_templates(folder) == {}
    assert choose_template(None, folder) == Template("plain")


def test_settings_that_python_wrote_are_read(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DEMO, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "limit": [0.0, float("inf")]}))
    assert answer(HFModel(str(folder))).error is None


def test_a_conversation_that_a_template_does_not_take_is_its_own_error(tmp_path: Path) -> None:
    def strict(tokenizer: Any) -> None:
        tokenizer.chat_template = (
            "{% if messages|length > 1 %}{{ raise_exception('one turn\\nonly') }}{% endif %}"
            "{{ messages[0]['content'] }}"
        )

    adapter = saved(tmp_path / "a", change=strict)
    turns = [*ASKED, {"role": "assistant", "content": "At nine."}, *ASKED]
    error = answer(HFModel(f"demo+{adapter}"), turns).error
    assert error is not None
    assert "one turn only" in error
    with pytest.raises(StopRun, match="drop the system prompt"):
        answer(HFModel(f"demo+{adapter}"), [{"role": "system", "content": "Be brief."}, *ASKED])
