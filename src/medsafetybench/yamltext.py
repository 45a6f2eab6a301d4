"""YAML as people write it: no aliases, no nesting without end, of a size that a person types.

    load_yaml("study.yaml", text)        # {"name": "ours", ...}

A few lines with aliases become more than a memory holds, and deep nesting more than a stack does.
"""

from __future__ import annotations

from typing import Any

from .errors import MsbError

LARGEST, DEEPEST = 1_000_000, 20
"""Characters and levels of a file that a person writes."""


def load_yaml(where: str, text: str) -> Any:
    """The value of a YAML text. Raises MsbError for what ``check_yaml`` does, and yaml.YAMLError or
    ValueError (a date that is none) for what is no YAML."""
    import yaml

    check_yaml(where, text)
    return yaml.safe_load(text)


def check_yaml(where: str, text: str) -> None:
    """Raise MsbError for an alias, for too deep or too large a text; yaml.YAMLError for no YAML."""
    import yaml

    if len(text) > LARGEST:
        raise MsbError(f"{where}: larger than {LARGEST:,} characters; no file of settings is")
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        at = f"{where}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent):
            raise MsbError(f"{at}: an alias (*{str(event.anchor)[:40]}); write it out instead")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise MsbError(f"{at}: nested more than {DEEPEST} deep")
