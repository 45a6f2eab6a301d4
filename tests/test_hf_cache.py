"""What all prompts of a batch begin with is computed once, and nobody's text changes by it."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("transformers")

import torch
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM

from medsafetybench.models import hf, hf_engine
from medsafetybench.models.hf import HFModel
from medsafetybench.models.hf_batching import in_common, left_pad
from medsafetybench.models.hf_cache import SHORTEST, begun
from medsafetybench.models.hf_files import DEMO
from medsafetybench.models.settings import Endpoint
from medsafetybench.records import Conversation, Sampling

SYSTEM = "You are a careful assistant on a hospital ward, and you answer in plain words."
ASKED = [
    f"{begin} {middle}"
    for begin in ("What is", "Please explain", "Write of")
    for middle in ("a pulse?", "how a vaccine works and whom it helps.", "sleep")
]


def conversations() -> list[Conversation]:
    system = {"role": "system", "content": SYSTEM}
    return [[system, {"role": "user", "content": text}] for text in ASKED]


def answers(sampling: Sampling, together: bool) -> list[str]:
    model = HFModel("demo", Endpoint(device="cpu"))

    async def ask() -> list[str]:
        if together:
            said = await asyncio.gather(*(model.complete(c, sampling) for c in conversations()))
        else:
            said = [await model.complete(c, sampling) for c in conversations()]
        await model.close()
        return [one.text for one in said]

    return asyncio.run(ask())


def test_the_padding_stands_behind_what_is_shared() -> None:
    rows = [[1, 2, 7], [1, 2, 8, 9, 3], [1, 2, 8, 9]]
    assert in_common(rows) == 2
    assert in_common([[1, 2], [1, 2]]) == 1, "the last token of each is its own"
    ids, mask = left_pad(rows, 0, shared=2)
    assert ids == [[1, 2, 0, 0, 7], [1, 2, 8, 9, 3], [1, 2, 0, 8, 9]]
    assert mask == [[1, 1, 0, 0, 1], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1]]


@pytest.mark.parametrize(
    "extra", [{}, {"repetition_penalty": 1.3}, {"num_beams": 2}], ids=["greedy", "penalty", "beams"]
)
def test_texts_are_those_of_one_at_a_time(
    extra: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []

    def watched(model: object, prefix: list[int], rows: int, room: int) -> object:
        used.append(len(prefix))
        return begun(model, prefix, rows, room)

    monkeypatch.setattr(hf_engine, "begun", watched)
    sampling = Sampling(max_tokens=16, extra=extra)
    assert answers(sampling, together=True) == answers(sampling, together=False)
    if "num_beams" in extra:
        assert not used
    else:
        assert len(used) == 1, "one batch; a row alone has nobody to share with"
        assert used[0] > SHORTEST


def test_the_prefix_is_kept_for_each_row() -> None:
    model = AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32).eval()
    ids = list(range(10, 30))
    with torch.inference_mode():
        cache = begun(model, ids[:12], rows=3, room=40)
        assert cache.get_seq_length() == 12
        after = model(input_ids=torch.tensor([ids[12:]] * 3), past_key_values=cache).logits
        whole = model(input_ids=torch.tensor([ids])).logits
    assert cache.get_seq_length() == 20
    assert torch.allclose(after, whole[:, 12:].expand_as(after), atol=1e-4)


def test_a_model_that_keeps_a_window_only_is_left_alone() -> None:
    config = MistralConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        sliding_window=4,
    )
    with torch.inference_mode():
        assert begun(MistralForCausalLM(config).eval(), range(10), rows=2, room=20) is None


def test_a_batch_is_made_to_fit_and_its_memory_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Room for the libraries, the weights, and less than half of a batch."""
    monkeypatch.setattr(hf, "available", lambda: 0.56e9)
    model = HFModel("demo", Endpoint(device="cpu"))
    first = model.sizes["generate"].size

    async def ask() -> None:
        turn = [{"role": "user", "content": "Hello"}]
        await model.complete(turn, Sampling(max_tokens=1000))
        await model.close()

    with caplog.at_level("INFO", "medsafetybench"):
        monkeypatch.setattr(hf_engine.Engine, "generate", lambda *_: [[1]])
        asyncio.run(ask())
    assert model.sizes["generate"].size < first
    assert any(line.startswith("hf:demo takes about ") for line in caplog.messages), caplog.messages
