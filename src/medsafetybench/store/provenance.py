"""What makes a run: the command, the packages it stands on, the kind of machine. No secrets.

    here()
    # {"at": "2026-11-25T19:26:52+00:00", "command": ["msb", "evaluate", ...], "python": "3.11.7",
    #  "packages": {"medsafetybench": "0.1.0", ...}, "machine": {"os": "Linux 6.1", ...}}

A run that is resumed in another way has one for each way.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

PACKAGES = (
    *("medsafetybench", "aiohttp", "numpy", "scipy"),
    *("torch", "transformers", "tokenizers", "peft", "inspect-ai"),
)
"""Those that may change what a model is asked, what it answers or what is made of it."""

REMOVED = "[removed]"
_NAME = re.compile(r"(key|token|secret|password|passwd|authorization|credentials?)$", re.I)
_NAMED = re.compile(r"^(-*[\w-]+?)=(.+)$", re.DOTALL)
_SECRET = re.compile(
    r"\b(?:sk|pk|rk|hf|gsk|xai|gh[pousr]|github_pat|glpat|AKIA|AIza)[-_]?[\w-]{12,}"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"
    r"|(?<=\bBearer )\S+"
    r"|(?<=://)[^/@\s]+(?=@)"
)
"""Shapes of keys: the beginnings that providers give theirs, tokens, passwords in addresses."""


def here() -> dict[str, Any]:
    """This command on this machine, now."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": without_secrets(sys.argv, os.environ),
        "python": platform.python_version(),
        "packages": dict(_packages()),
        "machine": {
            "os": f"{platform.system()} {platform.release()}",
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
            "gpu": _gpu(),
        },
    }


@cache
def _packages() -> Mapping[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _gpu() -> str | None:
    """The GPU in use; whoever uses one has loaded torch."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return str(torch.cuda.get_device_name())


def without_secrets(argv: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """A command without what may be a secret: what is given for a key or a password, what looks
    like one, and what a variable holds that is named like one or named as holding one."""
    values = sorted(_secret_values(argv, environment), key=len, reverse=True)
    told = [Path(argv[0]).name] if argv else []
    for before, argument in pairwise(argv):
        if _asks_for_secret(before) and not argument.startswith("-"):
            told.append(REMOVED)
            continue
        if (named := _NAMED.match(argument)) and _asks_for_secret(f"--{named[1].lstrip('-')}"):
            told.append(f"{named[1]}={REMOVED}")
            continue
        for value in values:
            argument = argument.replace(value, REMOVED)  # noqa: PLW2901
        told.append(_SECRET.sub(REMOVED, argument))
    return told


def _asks_for_secret(option: str) -> bool:
    return option.startswith("-") and bool(_NAME.search(option))


def _secret_values(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    joined = " ".join(argv).replace("=", " ").split(" ")
    holding = {name for option, name in pairwise(joined) if "key-env" in option}
    for name, value in environment.items():
        if (name in holding or _NAME.search(name)) and len(value) >= 8:
            yield value


def with_entry(
    entries: Iterable[Mapping[str, Any]], entry: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The entries with one more, unless it says nothing new; a GPU that was not known yet is added
    to the one it belongs to."""
    kept = list(entries)
    for place, one in enumerate(kept):
        if _apart_from_gpu(one) == _apart_from_gpu(entry):
            known, now = one["machine"]["gpu"], entry["machine"]["gpu"]
            if known is None or now in (None, known):
                kept[place] = {**one, "machine": {**one["machine"], "gpu": known or now}}
                return kept
    return [*kept, entry]


def _apart_from_gpu(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "at": None, "machine": {**entry["machine"], "gpu": None}}
