"""A GGUF file, the form in which llama.cpp's users have their models, as a folder for transformers.

    folder = folder_of(Path("SmolLM2-135M-Instruct.Q4_1.gguf"), hashed)
    # a folder with config, safetensors and tokenizer

transformers reads such a file itself and dequantises its weights. As that takes long, the outcome
is kept in the user's cache, under the hash of the file and the version that read it. It takes the
space of the full model.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..benchmarks.official import cache
from ..errors import MissingExtra, MsbError
from .hf_memory import FLOAT32, gigabytes, to_convert

SUFFIX, MAGIC = ".gguf", b"GGUF"
PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of itself: settings of text or number by name, and how many weights."""

    settings: Mapping[str, Any]
    parameters: int

    @property
    def bytes(self) -> int:
        """The space of the weights at full precision: the product of a scale and a quant has more
        digits than 16 bits hold."""
        return self.parameters * FLOAT32


def is_gguf(name: str) -> bool:
    """True if a name is that of a GGUF file, there or not."""
    return name.lower().endswith(SUFFIX)


def folder_of(path: Path, sha256: Callable[[Path], str]) -> Path:
    """The folder that holds a GGUF file's model as transformers saves it; made if it is not there.

    ``sha256`` hashes a file. Raises MsbError for a file that is none, is cut short, is a part of
    one, or that transformers does not read, and for a disk that is too small.
    """
    check_name(path)
    if importlib.util.find_spec("gguf") is None:
        raise MissingExtra(f"hf:{path.name} (gguf)", "local")
    from transformers import __version__

    folder = cache() / "gguf" / f"{sha256(path)[:32]}-{__version__}"
    if not folder.is_dir():
        header = read_header(path)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                _make(path, header, folder)
    return folder


def check_name(path: Path) -> None:
    """Raise MsbError unless the file is there, and is whole by its name and its first bytes."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise MsbError(f"hf:{path}: cannot be read: {error.strerror}") from None
    if magic != MAGIC:
        raise MsbError(
            f"hf:{path.name} is no GGUF file: it begins otherwise; expected a model of "
            "llama.cpp, a folder, or ORG/NAME"
        )
    if part := PART.search(path.name):
        raise MsbError(_in_parts(path.name, int(part[2])))


def _in_parts(name: str, parts: int) -> str:
    return (
        f"hf:{name} is one of {parts} parts, which transformers does not read; join them by "
        "`llama-gguf-split --merge FIRST-PART WHOLE.gguf` of llama.cpp, and give hf:WHOLE.gguf"
    )


def read_header(path: Path) -> Header:
    """What the file says of itself. Raises MsbError if it is cut short or is no language model."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        settings = {
            name: field.contents() for name, field in reader.fields.items() if len(field.data) == 1
        }
        parameters = sum(int(tensor.n_elements) for tensor in reader.tensors)
    except Exception as error:  # the reader meets the end of the file wherever that is
        raise MsbError(
            f"hf:{path.name} is damaged or cut short ({type(error).__name__} after "
            f"{path.stat().st_size:,} bytes); get it again"
        ) from None
    if int(settings.get("split.count", 1)) > 1:
        raise MsbError(_in_parts(path.name, int(settings["split.count"])))
    if (kind := settings.get("general.type", "model")) != "model":
        raise MsbError(
            f"hf:{path.name} is no model but of the type {kind!r}; an adapter is given as "
            "hf:BASE+ADAPTER, a folder of PEFT"
        )
    return Header(settings, parameters)


def _make(path: Path, header: Header, folder: Path) -> None:
    """Read the file by transformers and save it; the folder appears whole."""
    free = shutil.disk_usage(folder.parent).free
    if free < header.bytes * 1.05:
        raise MsbError(
            f"hf:{path.name} takes {gigabytes(header.bytes)} in {folder.parent}, which has "
            f"{gigabytes(free)} left; free some, or set XDG_CACHE_HOME to another disk"
        )
    log.info(
        "%s: %s million weights are dequantised to %s of safetensors in %s, once; that takes about "
        "%s of memory",
        *(path.name, f"{header.parameters / 1e6:,.0f}", gigabytes(header.bytes), folder),
        gigabytes(to_convert(header.bytes)),
    )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as name:
        made = Path(name) / "model"
        try:
            _convert(path, header, made)
        except MemoryError:
            raise MsbError(f"hf:{path.name}: not enough memory to dequantise it") from None
        except Exception as error:  # transformers has a class for each way of not reading
            said = " ".join(str(error).split())[:200]
            kind = header.settings.get("general.architecture", "?")
            raise MsbError(
                f"hf:{path.name}: transformers does not read this file, of the architecture "
                f"{kind!r} ({said}); serve it by llama.cpp and give openai:, or take the "
                "safetensors it was made from"
            ) from None
        os.replace(made, folder)
    _give_back()


def _convert(path: Path, header: Header, into: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging as told

    told.set_verbosity_error()
    told.disable_progress_bar()
    where = {"gguf_file": path.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(str(path.parent), **where)  # nosec B615 # a folder here
    model = AutoModelForCausalLM.from_pretrained(  # nosec B615 # a folder here
        str(path.parent),
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
        **where,
    )
    _end_also_at(model.generation_config, header.settings.get("tokenizer.ggml.eot_token_id"))
    # Names and forms as they are in memory: what reads the file cannot write it again.
    model.save_pretrained(into, save_original_format=False)
    tokenizer.save_pretrained(into)


def _give_back() -> None:
    """Freed memory to the system: glibc would keep what reading took."""
    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _end_also_at(generation: Any, token: int | None) -> None:
    """The token that ends a turn, where the file has one beside that which ends a text."""
    ends = generation.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    if token is not None and token not in ends:
        generation.eos_token_id = [int(t) for t in (*ends, token) if t is not None]
