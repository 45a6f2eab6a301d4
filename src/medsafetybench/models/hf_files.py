"""The files of a local model: found, checked, and hashed, before anything heavy is loaded.

    files = resolve("ORG/NAME+my-adapter", revision=None, remote_code=False)
    files.base, files.adapter                        # folders
    files.base_identity, files.adapter_identity      # SHA-256 over what is in them

The identity of a model is what its files hold, never where they lie: config, end tokens, weights,
tokenizer, adapter. Weights are hashed in full (a fine-tuned model differs from its base in nothing
but their values), except in the Hub's cache, where a file's content hash is its name already.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from .. import jsontext
from ..errors import MsbError
from ..records import digest
from . import hf_gguf
from .elsewhere import check_settings
from .hf_memory import Shape

DEMO = Path(__file__).parent / "demo"
WEIGHTS, ADAPTER_WEIGHTS = "*.safetensors", "adapter_model.safetensors"
SETTINGS = ("config.json", "generation_config.json", "*.safetensors.index.json")
TOKENIZER = (
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "chat_template.*"),
    *("vocab.*", "merges.txt", "*.model", "*.tiktoken", "additional_chat_templates/*"),
)
VOCABULARY = ("tokenizer.json", "tokenizer.model", "vocab.*", "*.tiktoken")
"""The files of which a tokenizer has at least one; the others only set it up."""

END_TOKENS = ("bos_token", "eos_token", "add_bos_token", "add_eos_token")
CODE = ("**/*.py",)
"""A model's own code may import what lies in folders of its own."""
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
ELSEWHERE = ("_name_or_path", "base_model_name_or_path")
"""Settings that say where a model came from, not what it is."""

EMBEDDINGS = re.compile(r"base_model\.(?:.+\.)?(\w*embed\w*|wte|lm_head)(?:\.base_layer)?\.weight")
"""Weights of an adapter that stand for those of a vocabulary, whole."""

TRAINING = "training.json"
"""What `msb improve` writes beside the weights: data, recipe, template, losses."""


@dataclass(frozen=True)
class ModelFiles:
    """A base model's folder, and its adapter's if it has one.

    ``gguf`` is the file that the folder was made of, if it was.
    """

    base: Path
    adapter: Path | None = None
    remote_code: bool = False
    gguf: Path | None = None

    @cached_property
    def base_identity(self) -> str:
        """SHA-256 over what decides the base model's answers; of a GGUF file that of its bytes."""
        if self.gguf is not None:
            return _content(self.gguf)
        patterns = (*SETTINGS, WEIGHTS, *TOKENIZER, *(CODE if self.remote_code else ()))
        return _identity(self.base, patterns)

    @cached_property
    def adapter_identity(self) -> str | None:
        """SHA-256 over the adapter's config, weights and own tokenizer; None without an adapter."""
        if self.adapter is None:
            return None
        own = TOKENIZER if self.tokenizer == self.adapter else ()
        own = (*own, *(CODE if self.remote_code and own else ()))
        return _identity(self.adapter, ("adapter_config.json", ADAPTER_WEIGHTS, *own))

    @cached_property
    def tokenizer(self) -> Path:
        """The folder with the tokenizer: the adapter's where it brings another than the base's."""
        if self.adapter is None or not any(map(list, map(self.adapter.glob, VOCABULARY))):
            return self.base
        same = _tokens(self.adapter) == _tokens(self.base)
        return self.base if same else self.adapter

    @cached_property
    def embeddings(self) -> int | None:
        """The size of the vocabulary that the adapter brings embeddings for; None if it does not.

        They take the place of the base's, so nobody else can use the base that it is put on.
        """
        if self.adapter is None:
            return None
        layers: dict[str, list[list[int]]] = {}
        for key, shape in tensor_shapes(self.base.glob(WEIGHTS)):
            layers.setdefault(key.removesuffix(".weight").rpartition(".")[2], []).append(shape)
        for key, shape in tensor_shapes([self.adapter_weights]):
            found = EMBEDDINGS.fullmatch(key)
            there = layers.get(found[1], []) if found and len(shape) == 2 else []
            if any(base[1:] == shape[1:] for base in there):
                return shape[0]
        return None

    @cached_property
    def form(self) -> str:
        """What makes the base another one than it is for others: a tokenizer, or embeddings."""
        changed = self.tokenizer != self.base or self.embeddings is not None
        return str(self.adapter_identity) if changed else ""

    @property
    def adapter_weights(self) -> Path:
        """The adapter's file of weights."""
        assert self.adapter is not None
        return self.adapter / ADAPTER_WEIGHTS

    @property
    def label(self) -> str:
        """A short name by what the model is: ``demo``, or architecture and hash."""
        if self.base == DEMO or self.base_identity == ModelFiles(DEMO).base_identity:
            name = "demo"
        else:
            name = f"{self.config.get('model_type', 'model')}-{self.base_identity[:8]}"
        return f"{name}+{self.adapter_identity[:8]}" if self.adapter_identity else name

    @cached_property
    def shape(self) -> Shape | None:
        """The sizes that decide how much memory it takes, as far as its config names them."""
        sizes = (math.prod(shape) for _, shape in tensor_shapes(self.base.glob(WEIGHTS)))
        return Shape.of(self.config, sum(sizes))

    @cached_property
    def config(self) -> dict[str, Any]:
        """The base model's config."""
        return _json(self.base / "config.json")

    @cached_property
    def trained_template(self) -> tuple[str, str | None] | None:
        """Name and Jinja source of the template that the adapter, or the base, was tuned with."""
        for folder in (self.adapter, self.base):
            if folder and (record := training_of(folder)):
                template = record["settings"]["template"]
                return template["name"], template["source"]
        return None

    @property
    def context(self) -> int | None:
        """Tokens that prompt and response may have together, or None where unlimited."""
        text = self.config.get("text_config") or self.config
        for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"):
            if isinstance(text.get(name), int):
                return int(text[name])
        return None


def resolve(name: str, revision: str | None = None, remote_code: bool = False) -> ModelFiles:
    """The files that ``BASE`` or ``BASE+ADAPTER`` names; each a folder, a Hub id, or ``demo``.

    The base may be a GGUF file as well. A Hub id is downloaded unless it is in the cache. Raises
    MsbError if something is missing, is pickled only, or if the adapter does not fit the base.
    """
    base_name, adapter_name = _split(name)
    gguf = Path(base_name).expanduser() if hf_gguf.is_gguf(base_name) else None
    if gguf and not gguf.is_dir():
        base = hf_gguf.folder_of(gguf, _content)
    else:
        base, gguf = _folder(base_name, revision, remote_code), None
    _check_base(base, base_name)
    check_settings(base, base_name, remote_code)
    if adapter_name is None:
        return ModelFiles(base, None, remote_code, gguf)
    adapter = _folder(adapter_name, None, False)
    _check_adapter(adapter, adapter_name, base, base_name)
    check_settings(adapter, adapter_name, remote_code)
    return ModelFiles(base, adapter, remote_code, gguf)


def training_of(folder: Path) -> dict[str, Any] | None:
    """What is recorded of how the weights in a folder were tuned, if `msb improve` made them."""
    return _json(folder / TRAINING) if (folder / TRAINING).is_file() else None


def _split(name: str) -> tuple[str, str | None]:
    """Base and adapter; a folder or file whose own name has a ``+`` is taken whole."""
    if Path(name).expanduser().exists():
        return name, None
    base, plus, adapter = name.partition("+")
    if plus and not (base and adapter):
        raise MsbError(f"hf:{name}; expected hf:BASE+ADAPTER, each a folder or ORG/NAME")
    return base, adapter or None


def _folder(name: str, revision: str | None, remote_code: bool) -> Path:
    if name == "demo":
        return DEMO
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name) or name.startswith("."):
        raise MsbError(f"hf:{name}: no such folder; expected a folder, ORG/NAME, FILE.gguf or demo")
    return _download(name, revision, remote_code)


def _download(name: str, revision: str | None, remote_code: bool) -> Path:
    from huggingface_hub import snapshot_download

    wanted = [
        *SETTINGS,
        WEIGHTS,
        *TOKENIZER,
        "adapter_config.json",
        TRAINING,
        *(CODE if remote_code else ()),
    ]
    try:
        folder = snapshot_download(
            name,
            revision=revision,
            allow_patterns=wanted,
            # The same weights again, in another layout.
            ignore_patterns=["original/*", "consolidated*", "onnx/*", "*/*.safetensors"],
        )
    except Exception as error:  # the Hub has a class for each way of not answering
        at = f" at revision {revision}" if revision else ""
        raise MsbError(
            f"hf:{name}{at} is no folder, not in the local cache, and the Hub did not give it: "
            f"{type(error).__name__}; check the name, the network, or give a folder"
        ) from None
    return Path(folder)


def _check_base(folder: Path, name: str) -> None:
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        raise MsbError(f"hf:{name} is an adapter; expected hf:BASE+{name}")
    if not (folder / "config.json").is_file():
        raise MsbError(f"hf:{name} has no config.json; {_instead(folder)}")
    if (folder / "adapter_config.json").is_file():
        # transformers would load what it names in place of the weights beside it.
        raise MsbError(
            f"hf:{name} holds a model and an adapter_config.json, which names another base; take "
            "that file away, or give hf:BASE+ADAPTER"
        )
    _json(folder / "config.json")
    _check_weights(folder, name, WEIGHTS)
    _check_index(folder, name)


def _check_index(folder: Path, name: str) -> None:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    weight_map = _json(index).get("weight_map")
    shards = set(map(str, weight_map.values())) if isinstance(weight_map, dict) else {""}
    if outside := sorted(s for s in shards if Path(s).name != s):
        raise MsbError(f"hf:{name}: its index names weights elsewhere: {outside[0]!r:.60}")
    there = {path.name for path in folder.iterdir()}
    if missing := sorted(shards - there):
        raise MsbError(f"hf:{name} lacks {len(missing)} of its weight files: {missing[0]} ...")


def _instead(folder: Path) -> str:
    """What can be done with a folder that is not as transformers saves it."""
    files = sorted(path.name for path in folder.glob("*.gguf"))
    if len(files) == 1:
        return f"it holds a GGUF file: give hf:{folder / files[0]}"
    if files:
        return f"it holds {len(files)} GGUF files: give one, as hf:{folder / files[0]}"
    return (
        "expected a folder as transformers saves it; of a Hub id with GGUF files, "
        "`hf download ID FILE.gguf --local-dir .` gets one, to be given as hf:FILE.gguf"
    )


def _check_weights(folder: Path, name: str, pattern: str) -> None:
    if any(folder.glob(pattern)):
        return
    if pattern == WEIGHTS and any(folder.glob("*.gguf")):
        raise MsbError(f"hf:{name} has no safetensors; {_instead(folder)}")
    pickled = sorted(p.name for suffix in PICKLED for p in folder.glob(suffix))
    if pickled:
        raise MsbError(
            f"hf:{name} has pickled weights only ({pickled[0]}), which can run code when read; "
            "convert them to safetensors (save_pretrained) first"
        )
    raise MsbError(f"hf:{name} has no weights; expected {pattern} in it")


def _check_adapter(adapter: Path, name: str, base: Path, base_name: str) -> None:
    if not (adapter / "adapter_config.json").is_file():
        raise MsbError(f"hf:...+{name} has no adapter_config.json; expected a PEFT adapter")
    _check_weights(adapter, name, ADAPTER_WEIGHTS)
    shapes = dict(tensor_shapes(base.glob(WEIGHTS)))
    vocabulary = ModelFiles(base, adapter).embeddings
    for key, shape in tensor_shapes([adapter / ADAPTER_WEIGHTS]):
        found = re.fullmatch(r"base_model\.model\.(.+)\.lora_([AB])\.weight", key)
        expected = shapes.get(f"{found[1]}.weight") if found else None
        # lora_A reads what the layer reads, lora_B writes what it writes; GPT-2 has them swapped.
        fits = not expected or bool(set(shape) & {*expected, vocabulary})
        if found and expected and len(shape) == 2 and not fits:
            raise MsbError(
                f"adapter {name} does not fit {base_name}: {found[1]} is "
                f"{expected[0]}x{expected[1]} in the base, and the adapter is for a layer of "
                f"{shape[1 if found[2] == 'A' else 0]}; give it the base it was trained on"
            )


def tensor_shapes(paths: Iterable[Path]) -> Iterator[tuple[str, list[int]]]:
    """Names and shapes of the tensors in safetensors files, read from their headers.

    Raises MsbError for a file that is no safetensors file.
    """
    for path in paths:
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(min(length, 100_000_000)))
            yield from ((k, v["shape"]) for k, v in header.items() if k != "__metadata__")
        except (OSError, struct.error, ValueError, LookupError, TypeError, AttributeError):
            raise MsbError(f"{path.name} is no safetensors file, or is cut short") from None


def _tokens(folder: Path) -> Any:
    """What decides which tokens a text becomes, and which end it, as far as the files tell."""
    whole = folder / "tokenizer.json"
    if whole.is_file():
        left_out = ("version", "padding", "truncation")
        words = {k: v for k, v in _json(whole).items() if k not in left_out}
        model = words.get("model")
        if isinstance(model, dict) and isinstance(model.get("merges"), list):
            merges = [" ".join(m) if isinstance(m, list) else m for m in model["merges"]]
            words["model"] = {**model, "merges": merges}
    else:
        words = {"files": _identity(folder, VOCABULARY)}
    path = folder / "tokenizer_config.json"
    config = _json(path) if path.is_file() else {}
    ends = [config.get(name) for name in END_TOKENS]
    return words, [end.get("content") if isinstance(end, dict) else end for end in ends]


def _identity(folder: Path, patterns: Iterable[str]) -> str:
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    with ThreadPoolExecutor(4) as threads:  # hashing lets go of the interpreter lock
        hashes = list(threads.map(_content, paths))
    names = [path.relative_to(folder).as_posix() for path in paths]
    return digest(dict(zip(names, hashes, strict=True)))


def _content(path: Path) -> str:
    """The hash of a file's content, without the settings that say where it came from."""
    if (named := _hub_blob(path)) is not None:
        return named
    if path.name in ("config.json", "adapter_config.json"):
        return digest({k: v for k, v in _json(path).items() if k not in ELSEWHERE})
    now = path.stat()
    return _hashed(path.resolve(), now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)


@lru_cache(4096)
def _hashed(path: Path, *state: int) -> str:
    """SHA-256 of a file; once in a process for as long as it stays as it is (``state``)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hub_blob(path: Path) -> str | None:
    """The hash by which the Hub's own cache names a file; None elsewhere.

    Anybody can call a file by another's hash, so a name is believed only where the Hub's client
    keeps what it has checked: ``models--*/blobs/`` in its cache.
    """
    blob = path.resolve()
    if not path.is_symlink() or not re.fullmatch(r"[0-9a-f]{64}", blob.name):
        return None
    from huggingface_hub.constants import HF_HUB_CACHE

    repository = blob.parent.parent
    inside = repository.parent == Path(HF_HUB_CACHE).expanduser().resolve()
    kept = blob.parent.name == "blobs" and repository.name.startswith("models--")
    return blob.name if inside and kept else None


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(jsontext.read(path))
    except (MsbError, ValueError, TypeError):
        raise MsbError(f"{path.name} in {path.parent.name} is no JSON object") from None
