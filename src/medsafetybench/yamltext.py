"""YAML as people write it: no aliases, no nesting without end, of a size that a person types.

    read_yaml(Path("study.yaml"))        # {"name": "ours", ...}
    load_yaml("study.yaml", text)        # the same of its text

A few lines with aliases become more than a memory holds, and deep nesting more than a stack does.
Whatever is wrong is an MsbError that names the place.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import MsbError
from .textfiles import short

if TYPE_CHECKING:
    import yaml

LARGEST, DEEPEST = 200_000, 20
"""Characters and levels of a file that a person writes."""


def read_yaml(path: Path) -> Any:
    """The value in a file."""
    return load_yaml(str(path), yaml_in(path))


def yaml_in(path: Path) -> str:
    """The text of a file of settings."""
    return short(path, LARGEST)


def load_yaml(where: str, text: str) -> Any:
    """The value of a YAML text."""
    return value_of(where, compose(where, text))


def compose(where: str, text: str) -> yaml.Node | None:
    """The nodes of a YAML text, which know their lines; None if there is nothing in it."""
    import yaml

    try:
        _check(where, text)
        found: yaml.Node | None = yaml.compose(text, _loader())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MsbError(f"{where}:{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise MsbError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    return found


def value_of(where: str, root: yaml.Node | None) -> Any:
    """What nodes amount to."""
    import yaml

    try:
        return None if root is None else _loader()("").construct_document(root)
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:  # a date that is none
        raise MsbError(f"{where}: not YAML: {' '.join(str(error).split())}") from None


def _check(where: str, text: str) -> None:
    """Raise MsbError for an alias, for too deep or too large a text; yaml.YAMLError for no YAML."""
    import yaml

    if len(text) > LARGEST:
        raise MsbError(f"{where}: larger than {LARGEST:,} characters; no file of settings is")
    depth = 0
    for event in yaml.parse(text, _loader()):
        at = f"{where}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent):
            raise MsbError(f"{at}: an alias (*{str(event.anchor)[:40]}); write it out instead")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise MsbError(f"{at}: nested more than {DEEPEST} deep")


def _loader() -> Any:
    """That of libyaml where it is there: Python's own takes seconds for what this takes."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
