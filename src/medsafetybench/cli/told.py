"""Settings of an evaluation as options of a command, made from their fields.

    @takes(JudgeOptions, needed=["judge"])
    def rejudge(told: Told[JudgeOptions], run: RunId = "last", /, *, as_json: Json = False): ...

The command has an option for every field, in the group of its class; what was given on the command
line comes as one value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Generic, TypeVar, get_type_hints

from cyclopts import Group, Parameter

from ..evaluation.option import GROUPS, NAMES, PAIRS, PRICE, Option, defaults, group_of, options
from . import reading
from .usage import at_least

T = TypeVar("T")

PANELS = {name: Group(name, sort_key=place) for place, name in enumerate(GROUPS)}


@dataclass(frozen=True)
class Told(Generic[T]):
    """What a command line says of the settings of a class."""

    kind: Callable[..., T]
    given: Mapping[str, Any]
    usual: Mapping[str, Any]

    def value(self, **base: Any) -> T:
        """The settings: the command line's, else those of ``base``, else the command's usual."""
        return self.kind(**{**self.usual, **base, **self.given})


def takes(
    kind: type,
    *,
    make: Callable[..., Any] | None = None,
    needed: Collection[str] = (),
    leave_out: Collection[str] = (),
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    **usual: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of a class of settings, but those left out.

    ``needed`` have to be given; ``usual`` are the command's own defaults; ``changes`` are what
    an option is here, its ``help`` or its further names (``also``); ``make`` makes the value, else
    the class does. The command is called with a ``Told`` before its other arguments.
    """
    known = {name: option for name, option in options(kind).items() if name not in leave_out}
    for name, change in (changes or {}).items():
        known[name] = replace(known[name], **change)

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        def run_command(*values: Any, **given: Any) -> None:
            names = known.keys() & given.keys()
            said = {name: _read(name, known[name], given.pop(name)) for name in names}
            command(Told(make or kind, said, usual), *values, **given)

        added = [
            _option_parameter(kind, name, option, usual, needed) for name, option in known.items()
        ]
        _take_signature(run_command, command, added)
        return run_command

    return with_options


def _option_parameter(
    kind: type, name: str, option: Option, usual: Mapping[str, Any], needed: Collection[str]
) -> inspect.Parameter:
    shown = _shown({**defaults(kind), **usual}.get(name))
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if name in needed else None,
        annotation=Annotated[_hint(option), parameter(name, option, group_of(kind, name), shown)],
    )


def _take_signature(
    made: Any, command: Callable[..., None], added: list[inspect.Parameter]
) -> None:
    """Show cyclopts the command's own parameters and those added, positional ones first."""
    hints = get_type_hints(command, localns={"Told": Told}, include_extras=True)
    own = [
        one.replace(annotation=hints[one.name])
        for one in list(inspect.signature(command).parameters.values())[1:]
    ]
    positional = [one for one in own if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    every = [*positional, *added, *(one for one in own if one not in positional)]
    made.__name__, made.__doc__ = command.__name__, command.__doc__
    made.__signature__ = inspect.Signature(every)
    made.__annotations__ = {one.name: one.annotation for one in every}


def parameter(
    name: str, option: Option, group: str | None = None, default: str | None = None
) -> Parameter:
    """How cyclopts takes an option; ``default`` is what a page of help says of it."""
    names = [f"--{one.replace('_', '-')}" for one in (name, *option.also)]
    return Parameter(
        name=names,
        help=option.help,
        metavar=option.metavar,
        env_var=option.env,
        validator=at_least(option.least) if option.least is not None else None,
        allow_leading_hyphen=option.file,
        group=PANELS[group] if group else None,
        show_default=default,
    )


def _hint(option: Option) -> Any:
    """The type that cyclopts reads."""
    text = option.kind in (PRICE, PAIRS, NAMES)
    one: Any = str if text or option.kind is str else option.kind
    several = option.many or option.each or option.kind in (PAIRS, NAMES)
    return list[one] | None if several else one | None


def _shown(value: Any) -> str | None:
    """A default as a page of help says it: nothing where there is none."""
    return None if value is None or value is False or value == () else f"{value}"


def _read(name: str, option: Option, given: Any) -> Any:
    """A value as the settings hold it, from the words of the command line."""
    flag = f"--{name.replace('_', '-')}"
    if option.kind == PAIRS:
        return reading.parameters(flag, given)
    if option.kind == NAMES:
        return reading.pairs(flag, given)
    if option.file:
        return reading.text(flag, given)
    return given
