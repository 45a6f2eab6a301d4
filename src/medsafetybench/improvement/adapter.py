"""An adapter's folder: weights, config, and what they were made of and by.

    ADAPTER/adapter_model.safetensors, adapter_config.json    # PEFT's own
    ADAPTER/training.json     # data hash, recipe, template, versions, losses; written last
    ADAPTER/README.md         # the same for people: a model card
    ADAPTER/checkpoints/      # only while a training is under way

``hf:BASE+ADAPTER`` asks with the template that training.json names.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from ..errors import MsbError
from ..evaluation.evaluation import differences
from ..legible import markdown
from ..models.hf_engine import load_model, load_tokenizer
from ..models.hf_files import ADAPTER_WEIGHTS, TRAINING, resolve, training_of
from ..models.templates import DEFAULT, chat_templates
from ..wholefiles import appearing_folder, put

CONFIG = "adapter_config.json"
SETTINGS, CHECKPOINTS = "settings.json", "checkpoints"


def claimed(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of a training with these settings that is done already, else None.

    Raises MsbError if the folder holds something else, or a training with other settings.
    """
    if record := training_of(folder):
        _check_same(folder, record["settings"], settings)
        return record
    if begun(folder):
        started = (folder / CHECKPOINTS / SETTINGS).read_bytes()
        _check_same(folder, orjson.loads(started), settings)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MsbError(f"{folder} exists and is no adapter of ours; give -o a new folder")
    return None


def begin(folder: Path, settings: Mapping[str, Any]) -> Path:
    """Claim the folder for a training with these settings; return where its checkpoints go."""
    _write(folder / CHECKPOINTS / SETTINGS, settings)
    return folder / CHECKPOINTS


def begun(folder: Path) -> bool:
    """True if the folder is claimed by a training that is not done."""
    return (folder / CHECKPOINTS / SETTINGS).is_file()


def _check_same(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    if changed := differences(old, new):
        raise MsbError(
            f"{folder} holds a training with other settings ({'; '.join(changed[:3])}); give -o "
            "a new folder, or remove this one"
        )


def finish(folder: Path, saved: Path, record: Mapping[str, Any]) -> None:
    """Put the adapter that was saved in ``saved`` into its folder, and drop the checkpoints."""
    for name in (CONFIG, ADAPTER_WEIGHTS):
        (saved / name).chmod(0o600)
        (saved / name).replace(folder / name)
    put(folder / "README.md", card(record))
    _write(folder / TRAINING, record)
    shutil.rmtree(folder / CHECKPOINTS)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    """The whole file or none of it."""
    put(path, orjson.dumps(value, option=orjson.OPT_INDENT_2))


def card(record: Mapping[str, Any]) -> str:
    """The model card, with the front matter that the Hub reads."""
    settings = record["settings"]
    data, recipe = settings["data"], settings["recipe"]
    counts = f"{data['harmful']} harmful, {data['benign']} benign"
    losses = [entry["loss"] for entry in record["losses"]]
    lines = [
        "---",
        f"base_model: {orjson.dumps(settings['base']['name']).decode()}",
        "library_name: peft",
        "tags: [medical, safety, lora]",
        "---",
        "",
        "# An adapter for medical safety",
        "",
        f"LoRA by {recipe['method'].upper()}, made by `msb improve`. For research. Measure it",
        "before any use, on both sides: what it declines of harmful requests, and of benign ones.",
        "",
        "| | |",
        "| --- | --- |",
        f"| base | {markdown(settings['base']['name'])}, SHA-256 `{settings['base']['sha256']}` |",
        f"| data | {markdown(', '.join(data['names']))}: {counts} |",
        f"| data's SHA-256 | `{data['sha256']}` |",
        f"| template | {markdown(settings['template']['name'])} |",
        f"| recipe | {', '.join(f'{k} {v}' for k, v in recipe.items())} |",
        f"| seed | {settings['seed']} |",
        f"| steps | {record['steps']} |",
        f"| loss, first and last step | {losses[0]:.3f}, {losses[-1]:.3f} nats a token |",
        f"| versions | {', '.join(f'{k} {v}' for k, v in record['versions'].items())} |",
        "",
        "Ask it with the template above: `hf:BASE+ADAPTER` of medsafetybench does so by itself.",
    ]
    return "\n".join(lines) + "\n"


def merge(name: str, output: Path) -> None:
    """Write ``BASE+ADAPTER`` as one model into a new folder.

    Raises MsbError if there is no adapter in the name, or the folder is not empty.
    """
    files = resolve(name)
    if files.adapter is None:
        raise MsbError(f"hf:{name} has no adapter to merge; expected BASE+ADAPTER")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise MsbError(f"{output} exists; give -o a new folder")
    from peft import PeftModel

    model = load_model(files, "float32")
    merged = PeftModel.from_pretrained(model, str(files.adapter)).merge_and_unload()
    tokenizer = load_tokenizer(files)
    if own := chat_templates(files.adapter).get(DEFAULT):
        tokenizer.chat_template = own
    with appearing_folder(output) as part:
        merged.save_pretrained(part)
        tokenizer.save_pretrained(part)
        if record := training_of(files.adapter):
            _write(part / TRAINING, record)
