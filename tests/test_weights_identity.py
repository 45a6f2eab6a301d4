"""A model is what its bytes are: no name of a file, and no second config, stands for them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from medsafetybench.errors import MsbError
from medsafetybench.models.hf_files import DEMO, ModelFiles, resolve

CONSTANTS = "huggingface_hub.constants.HF_HUB_CACHE"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo model that a test may change."""
    return Path(shutil.copytree(DEMO, tmp_path / "model"))


def linked(weights: Path, blob: Path, content: bytes) -> None:
    """The weights as a link to a file that is called by the hash of the demo's."""
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    weights.unlink()
    weights.symlink_to(blob)


@pytest.mark.parametrize("place", ["", "blobs", "models--a--b/blobs", "hub/models--a--b/snapshots"])
def test_a_link_called_as_a_hash_is_hashed(
    folder: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CONSTANTS, str(tmp_path / "hub"))
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    changed = content[:-1] + bytes([content[-1] ^ 1])
    linked(weights, tmp_path / place / hashlib.sha256(content).hexdigest(), changed)
    assert ModelFiles(folder).base_identity != ModelFiles(DEMO).base_identity


def test_the_hub_s_own_cache_is_believed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CONSTANTS, str(tmp_path / "hub"))
    weights = folder / "model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    linked(weights, tmp_path / "hub" / "models--a--b" / "blobs" / digest, b"not read")
    assert ModelFiles(folder).base_identity == ModelFiles(DEMO).base_identity


def test_a_file_that_changes_is_hashed_again(folder: Path) -> None:
    before = ModelFiles(folder).base_identity
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    now = weights.stat()
    os.utime(weights, ns=(now.st_atime_ns, now.st_mtime_ns + 1))
    assert ModelFiles(folder).base_identity != before


def test_a_model_that_names_another_base_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/base"}')
    with pytest.raises(MsbError, match="names another base"):
        resolve(str(folder))


@pytest.mark.parametrize("shard", ["../other/model.safetensors", "sub/a.safetensors", "/a.b"])
def test_weights_that_lie_elsewhere_are_refused(folder: Path, shard: str) -> None:
    index = {"weight_map": {"lm_head.weight": shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(MsbError, match="elsewhere"):
        resolve(str(folder))


NAMED = {
    "code": ("config.json", {"auto_map": {"AutoModelForCausalLM": "other/repo--modeling.Net"}}),
    "code of a part": ("config.json", {"text_config": {"auto_map": {"AutoConfig": "o/r--c.C"}}}),
    "a tokenizer's code": ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["o/r--t.T"]}}),
    "code by a path": ("config.json", {"auto_map": {"AutoConfig": "../other/c.C"}}),
    "a kernel": ("config.json", {"attn_implementation": "other/kernel"}),
    "a part's kernel": ("config.json", {"_attn_implementation": {"text": "o/k@v1:f"}}),
    "generation's": ("generation_config.json", {"auto_map": {"a": "other/repo--g.G"}}),
}


@pytest.mark.parametrize("what", NAMED)
def test_a_model_that_names_what_lies_elsewhere_is_refused(folder: Path, what: str) -> None:
    file, changes = NAMED[what]
    before = json.loads((folder / file).read_text()) if (folder / file).is_file() else {}
    (folder / file).write_text(json.dumps({**before, **changes}))
    with pytest.raises(MsbError, match=f"its {file} names") as error:
        resolve(str(folder), remote_code=True)
    assert "\n" not in str(error.value)


def test_code_of_its_own_and_code_that_does_not_run_are_no_reason(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    own = {**config, "auto_map": {"AutoConfig": "modeling.Net"}, "attn_implementation": "sdpa"}
    (folder / "config.json").write_text(json.dumps(own))
    resolve(str(folder), remote_code=True)
    own["auto_map"] = {"AutoConfig": "other/repo--modeling.Net"}
    (folder / "config.json").write_text(json.dumps(own))
    resolve(str(folder))  # a class that transformers has itself


@pytest.mark.parametrize("place", ["modeling.py", "custom_generate/generate.py", "a/b/c.py"])
def test_whatever_code_may_run_is_in_the_identity(folder: Path, place: str) -> None:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    identities = set()
    for content in ("a = 1", "a = 2"):
        path.write_text(content)
        identities.add(resolve(str(folder), remote_code=True).base_identity)
    assert len(identities) == 2
    assert len({resolve(str(folder)).base_identity, ModelFiles(DEMO).base_identity}) == 1


def test_files_of_one_name_in_two_folders_both_count(folder: Path) -> None:
    identities = set()
    for first, second in (("1", "2"), ("3", "2"), ("3", "4")):
        for where, content in (("a", first), ("b", second)):
            (folder / where).mkdir(exist_ok=True)
            (folder / where / "m.py").write_text(content)
        identities.add(resolve(str(folder), remote_code=True).base_identity)
    assert len(identities) == 3


def test_a_folder_by_a_link_is_what_it_holds(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    by_link = resolve(str(tmp_path / "link"))
    assert by_link.base_identity == ModelFiles(DEMO).base_identity
    (folder / "generation_config.json").write_text('{"eos_token_id": 7}')
    assert resolve(str(tmp_path / "link")).base_identity != ModelFiles(DEMO).base_identity


@pytest.mark.parametrize(
    "settings",
    [
        {"peft_type": "XLORA", "adapters": {"0": "other/adapter"}},
        {"megatron_config": {"a": 1}, "megatron_core": "antigravity"},
        {"tokenizer_name_or_path": "o/r", "tokenizer_kwargs": {"trust_remote_code": True}},
        {"peft_type": "SHADOW", "shadow_model": "other/model"},
    ],
)
def test_an_adapter_that_loads_or_imports_something_else_is_refused(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **settings}))
    shutil.copy(DEMO / "model.safetensors", adapter / "adapter_model.safetensors")
    with pytest.raises(MsbError, match=r"adapter_config\.json names"):
        resolve(f"demo+{adapter}")
