"""What a model's settings name that lies elsewhere, and would run with it, or be taken for it.

    named_elsewhere({"auto_map": {"AutoModel": "other/repo--model.Net"}}, remote_code=True)
    # "code of other/repo"

A model is identified by what its folder holds. Code of another repository, an attention kernel of
the Hub, an adapter made of other adapters would run without being part of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import jsontext
from ..errors import MsbError

SETTINGS_FILES = (
    *("config.json", "tokenizer_config.json", "generation_config.json", "adapter_config.json"),
    *("processor_config.json", "preprocessor_config.json"),
)
"""Files of a model's folder that transformers and peft follow."""

KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation")
"""Settings by which transformers loads a kernel from the Hub, if it is called as a repository."""

OF_PEFT: Mapping[str, str] = {
    "adapters": "other adapters",
    "shadow_model": "another model",
    "tokenizer_kwargs": "a tokenizer to be loaded",
    "megatron_config": "a module to be imported",
}
"""Settings of adapters by which peft loads or imports something else."""


def check_settings(folder: Path, name: str, remote_code: bool) -> None:
    """Raise MsbError for settings by which something would run that the folder does not hold."""
    for path in filter(Path.is_file, (folder / file for file in SETTINGS_FILES)):
        found = jsontext.read(path)
        if not isinstance(found, dict):
            raise MsbError(f"{path.name} in {folder.name} is no JSON object")
        if what := named_elsewhere(found, remote_code):
            raise MsbError(
                f"hf:{name}: its {path.name} names {what}, which is no part of its folder and "
                "would run with it; take a model that brings all it needs"
            )


def named_elsewhere(settings: Mapping[str, Any], remote_code: bool) -> str | None:
    """What settings name that lies elsewhere, or None.

    Code of another repository counts where a model's own code may run; else none does.
    """
    for key, value in _settings(settings):
        if key in KERNELS and (kernel := next((v for v in _texts(value) if "/" in v), None)):
            return f"the kernel {kernel}"
        if key == "auto_map" and remote_code:
            for reference in _texts(value):
                repository, apart, _ = reference.partition("--")
                if apart or "/" in reference or ".." in reference:
                    return f"code of {repository or 'another repository'}"
    return next((what for key, what in OF_PEFT.items() if settings.get(key)), None)


def _settings(value: Any) -> Iterator[tuple[str, Any]]:
    """Every setting, also those of the models in a model."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield from one.items()
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _texts(value: Any) -> Iterator[str]:
    """The texts in a setting."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
