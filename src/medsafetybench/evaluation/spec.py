"""One evaluation as a value: who is asked, by whom it is judged, on what, and what it may take.

    spec = EvaluationSpec("openai:my-model", judge="screen", benchmark="starter", limit=50)
    told(spec)                       # {"target": "openai:my-model", "limit": 50}
    specified(**told(spec)) == spec
    command_line(spec)               # ["--target", "openai:my-model", "--limit", "50"]

Equal settings are equal values, however they were told (see ``settling``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import orjson

from ..errors import MsbError, UnknownName
from .option import GROUPS, NAMES, PAIRS, Option, defaults, group_of, options
from .options import JudgeOptions, JudgeSpec, RequestOptions, RunOptions, TargetOptions

__all__ = ["EvaluationSpec", "JudgeSpec", "command_line", "named", "specified", "told"]


@dataclass(frozen=True)
class EvaluationSpec(RunOptions, RequestOptions, JudgeOptions, TargetOptions):
    """Everything that an evaluation can be told. See ``options`` for what each setting means.

    Raises MsbError for a value that is none of its kind, and for settings that exclude each other.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.converter and not self.pressure:
            raise MsbError("--converter was given without --pressure; add --pressure TURNS")


def specified(*values: Any, **keywords: Any) -> EvaluationSpec:
    """The spec that ``evaluate`` is told. Raises MsbError for an unknown name, with the nearest."""
    positional = [f.name for f in fields(EvaluationSpec) if not f.kw_only]
    if len(values) > len(positional):
        raise MsbError(f"{len(values)} values without a name; expected {', '.join(positional)}")
    given = dict(zip(positional, values, strict=False))
    given |= named("setting of an evaluation", EvaluationSpec, keywords)
    if "target" not in given:
        raise MsbError("no target was given; expected one such as openai:MODEL")
    return EvaluationSpec(**given)


def named(
    what: str, kind: type, keywords: Mapping[str, Any], strict: bool = True
) -> dict[str, Any]:
    """Settings by the names of their fields; an old name stands for the new one.

    Raises UnknownName for what is neither, unless that is left for others to say.
    """
    known = options(kind)
    homes = {name: name for name in known}
    homes |= {old: name for name, option in known.items() for old in option.also}
    for name in keywords:
        if strict and name not in homes:
            raise UnknownName(what, name, known)
    return {homes.get(name, name): value for name, value in keywords.items()}


def told(settings: Any, always: Collection[str] = ()) -> dict[str, Any]:
    """What differs from the defaults, or is asked for, as plain data for files, group by group.

    Raises MsbError for a function or requests that are in this program's memory alone.
    """
    kind, known = type(settings), options(settings)
    missing = {name: "" for name in known if name not in defaults(kind)}
    usual = kind(**missing)
    shown = {*missing, *always}
    return {
        name: _plain(name, getattr(settings, name))
        for name in sorted(known, key=lambda name: GROUPS.index(group_of(kind, name)))
        if name in shown or getattr(settings, name) != getattr(usual, name)
    }


def _plain(name: str, value: Any) -> Any:
    from ..models.settings import Price

    if isinstance(value, tuple | list):
        several = [_plain(name, one) for one in value]
        return several[0] if name == "judge" and len(several) == 1 else several
    if isinstance(value, Price):
        return f"{value.input:g},{value.output:g}"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if (where := _importable(value)) is not None:
        return where
    raise MsbError(f"{name} is in the memory of a program; a file can only hold a name")


def _importable(value: Any) -> str | None:
    """How a function is named that another program can import."""
    name, module = getattr(value, "__qualname__", ""), getattr(value, "__module__", None)
    if not name or not module or module == "__main__" or "<" in name:
        return None
    return f"python:{module}:{name}"


def command_line(settings: Any, always: Collection[str] = ()) -> list[str]:
    """What differs from the defaults, or is asked for, as options of the command line.

    Raises MsbError for what they cannot say.
    """
    known, said = options(settings), told(settings, always)
    return [part for name, value in said.items() for part in _said(name, known, value)]


def _said(name: str, known: Mapping[str, Option], value: Any) -> Iterator[str]:
    option, flag = known[name], f"--{name.replace('_', '-')}"
    if option.kind in (PAIRS, NAMES):
        if not isinstance(value, Mapping):
            raise MsbError(f"{flag} is one for all judges; a file can say it for each")
        for key, one in value.items():
            text = one if option.kind == NAMES else orjson.dumps(one).decode()
            yield from (flag, f"{key}={text}")
        return
    for one in value if isinstance(value, list) else [value]:
        if one is True:
            yield flag
        else:
            # An option that takes the next word as it is needs no "=": but one may begin with "-".
            yield from (f"{flag}={_word(one)}",) if _odd(one) else (flag, _word(one))


def _odd(value: Any) -> bool:
    return value is False or str(value).startswith("-")


def _word(value: Any) -> str:
    return "" if value is None else "false" if value is False else str(value)
