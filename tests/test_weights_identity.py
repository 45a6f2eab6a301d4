"""A model is what its bytes are: no name of a file, and no second config, stands for them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

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
