"""A GGUF file as a model: the demo model, written as llama.cpp's users have theirs, by its library.

The file says what the folder says; what is no such file, or only a part of one, is one line.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gguf")
pytest.importorskip("transformers")

import gguf
import torch
from safetensors.torch import load_file, save_file

from medsafetybench.errors import MsbError, StopRun
from medsafetybench.models import hf_gguf
from medsafetybench.models.hf import HFModel
from medsafetybench.models.hf_files import DEMO, ModelFiles, resolve
from medsafetybench.models.hf_memory import Shape
from medsafetybench.models.settings import Endpoint
from medsafetybench.records import Sampling

BLOCK = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    **{f"self_attn.{one}_proj": f"attn_{one}" for one in "qkv"},
    "self_attn.o_proj": "attn_output",
    **{f"mlp.{one}_proj": f"ffn_{one}" for one in ("gate", "up", "down")},
}
ASKED = ("What is a normal pulse?", "Explain how a vaccine works.", "Write a note about sleep.")


def in_gguf(name: str) -> str:
    """A weight's name in the file."""
    if name.startswith("model.layers."):
        _, _, number, rest = name.split(".", 3)
        return f"blk.{number}.{BLOCK[rest.removesuffix('.weight')]}.weight"
    return {"model.embed_tokens.weight": "token_embd.weight"}.get(name, "output_norm.weight")


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rotary halves side by side, as the authors of Llama had them and llama.cpp has."""
    halves = weight.reshape(heads, 2, len(weight) // heads // 2, -1)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weight.shape))


def write(path: Path, quantised: bool = False, architecture: str = "llama") -> Path:
    """The demo model as a GGUF file; ``quantised`` by llama.cpp's Q8_0, else in 32 bits."""
    config = json.loads((DEMO / "config.json").read_bytes())
    words = json.loads((DEMO / "tokenizer.json").read_bytes())
    out = gguf.GGUFWriter(path, architecture)
    out.add_name("demo")
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(heads := config["num_attention_heads"])
    out.add_head_count_kv(heads)
    out.add_layer_norm_rms_eps(config["rms_norm_eps"])
    out.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    out.add_vocab_size(config["vocab_size"])
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    special = {token["content"] for token in words["added_tokens"]}
    listed = sorted(words["model"]["vocab"], key=words["model"]["vocab"].__getitem__)
    out.add_token_list(listed)
    kinds = gguf.TokenType
    out.add_token_types([kinds.CONTROL if t in special else kinds.NORMAL for t in listed])
    out.add_token_merges([" ".join(m) for m in words["model"]["merges"]])
    out.add_eos_token_id(config["eos_token_id"])
    out.add_pad_token_id(config["pad_token_id"])
    out.add_chat_template((DEMO / "chat_template.jinja").read_text())
    for name, tensor in load_file(DEMO / "model.safetensors").items():
        weight = tensor.float().numpy()
        if "q_proj" in name or "k_proj" in name:
            weight = interleaved(weight, heads)
        if quantised and weight.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            out.add_tensor(in_gguf(name), gguf.quantize(weight, kind), raw_dtype=kind)
        else:
            out.add_tensor(in_gguf(name), weight)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model in 32 bits."""
    return write(tmp_path_factory.mktemp("gguf") / "demo.gguf")


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def texts(name: str) -> list[str]:
    model = HFModel(name, Endpoint(device="cpu"))

    async def ask() -> list[str]:
        turns = [[{"role": "user", "content": text}] for text in ASKED]
        said = [model.complete(turn, Sampling(max_tokens=12)) for turn in turns]
        return [one.text for one in await asyncio.gather(*said)]

    async def asked() -> list[str]:
        try:
            return await ask()
        finally:
            await model.close()

    return asyncio.run(asked())


def test_the_file_says_what_the_folder_says(made: Path) -> None:
    assert texts(str(made)) == texts("demo")


def test_its_identity_is_the_hash_of_its_bytes_wherever_it_lies(made: Path, tmp_path: Path) -> None:
    import hashlib

    copied = shutil.copy(made, tmp_path / "other name.gguf")
    files = resolve(str(copied))
    assert files.base_identity == hashlib.sha256(made.read_bytes()).hexdigest()
    assert files.base == resolve(str(made)).base
    assert files.label == f"llama-{files.base_identity[:8]}"


def test_quantised_weights_are_those_of_the_library(tmp_path: Path) -> None:
    path = write(tmp_path / "small.gguf", quantised=True)
    folder = resolve(str(path)).base
    taken = load_file(folder / "model.safetensors")["model.layers.1.mlp.up_proj.weight"]
    tensor = next(t for t in gguf.GGUFReader(path).tensors if t.name == "blk.1.ffn_up.weight")
    expected = gguf.dequantize(tensor.data, tensor.tensor_type)
    assert np.array_equal(taken.numpy(), expected)
    assert taken.dtype == torch.float32


def test_it_is_dequantised_once_and_that_is_said(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with caplog.at_level("INFO", "medsafetybench"):
        resolve(str(made))
        resolve(str(made))
    (line,) = caplog.messages
    assert line.startswith(
        "demo.gguf: 1 million weights are dequantised to 5.0 MB of safetensors in"
    )
    assert str(tmp_path) in line
    assert line.endswith("of memory")


def test_an_adapter_goes_on_a_file(made: Path, tmp_path: Path) -> None:
    with pytest.raises(MsbError, match="adapter"):
        resolve(f"{made}+{tmp_path}")


def cut(made: Path, path: Path, keep: int) -> Path:
    path.write_bytes(made.read_bytes()[:keep])
    return path


@pytest.mark.parametrize("keep", [100, 50_000, 1_000_000])
def test_a_file_cut_short(made: Path, tmp_path: Path, keep: int) -> None:
    path = cut(made, tmp_path / "short.gguf", keep)
    with pytest.raises(MsbError, match=r"damaged or cut short .* get it again"):
        resolve(str(path))


def test_another_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_text("<html>Not found</html>")
    with pytest.raises(MsbError, match="is no GGUF file"):
        resolve(str(path))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(MsbError, match="No such file"):
        resolve(str(tmp_path / "away.gguf"))


def test_an_architecture_that_transformers_does_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "strange.gguf", architecture="plamo")
    with pytest.raises(MsbError, match=r"architecture 'plamo'.* serve it by llama.cpp"):
        resolve(str(path))


def test_a_part_of_a_file(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "big-00001-of-00002.gguf"
    shutil.copy(made, path)
    with pytest.raises(MsbError, match=r"one of 2 parts.*llama-gguf-split --merge"):
        resolve(str(path))


def test_a_folder_that_holds_gguf_files(made: Path, tmp_path: Path) -> None:
    shutil.copy(made, tmp_path / "one.gguf")
    with pytest.raises(MsbError, match=r"it holds a GGUF file: give hf:.*one\.gguf"):
        resolve(str(tmp_path))
    shutil.copy(DEMO / "config.json", tmp_path)
    shutil.copy(made, tmp_path / "two.gguf")
    with pytest.raises(MsbError, match=r"it holds 2 GGUF files: give one"):
        resolve(str(tmp_path))


def test_a_sharded_folder_is_a_model(tmp_path: Path) -> None:
    folder = shutil.copytree(DEMO, tmp_path / "sharded")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    placed = {}
    for part in (1, 2):
        own = dict(list(weights.items())[part - 1 :: 2])
        name = f"model-{part:05}-of-00002.safetensors"
        save_file(own, folder / name, metadata={"format": "pt"})
        placed |= dict.fromkeys(own, name)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": placed})
    )
    assert texts(str(folder)) == texts("demo")


def test_a_quantised_folder_says_what_it_takes(tmp_path: Path) -> None:
    folder = shutil.copytree(DEMO, tmp_path / "quantised")
    config = json.loads((folder / "config.json").read_bytes())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(StopRun, match=r"quantised by gptq.*full weights or a GGUF file"):
        texts(str(folder))


def test_memory_is_reckoned_from_the_config() -> None:
    """By hand: 2 layers of 4 heads of 8, keys and values of 2 of them."""
    config = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4}
    config |= {"num_key_value_heads": 2, "intermediate_size": 64, "vocab_size": 100}
    shape = Shape.of(config, 1000)
    assert shape
    cached, reading, logits = 3 * 15 * 2 * 32 * 2, 3 * 10 * (4 * 32 + 3 * 64) * 2, 3 * 100 * 12
    assert shape.generating(batch=3, prompt=10, new=5, width=2) == 2000 + cached + reading + logits
    assert shape.training(tokens=7, learned=2, width=4) == 4000 + 9 * 96 * 2 * 7 * 4 + 2 * 100 * 12
    assert Shape.of({"model_type": "strange"}, 1000) is None
    assert (found := ModelFiles(DEMO).shape)
    assert found.parameters == 1_246_336


def test_the_extra_is_named_where_the_library_is_not_there(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hf_gguf.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MsbError, match=r"'\.\[local\]'"):
        resolve(str(made))
