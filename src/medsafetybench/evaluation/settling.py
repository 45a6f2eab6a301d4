"""One form for the settings of an evaluation, however they were told, so that equal is equal.

Values are of their kind and not too small; many are a tuple; one for each judge that is the same
for all is one for all; and what target and judges have in common is told for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from ..errors import MsbError
from .option import NAMES, PAIRS, PRICE, Option, defaults, options

EXPECTED = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "text",
    Path: "a path",
    PRICE: "IN,OUT in dollars for a million tokens",
    PAIRS: "values by their names",
    NAMES: "names by our names",
}
NUMBERS: dict[type | str, type] = {int: Integral, float: Real, bool: bool}


def settle(settings: Any) -> None:
    """Bring a new value into its one form. Raises MsbError for what cannot be meant."""
    for name, option in options(settings).items():
        object.__setattr__(settings, name, _settled(name, option, getattr(settings, name)))
    for name, option in options(settings).items():
        if option.each and (values := judge_values(settings, name)):
            object.__setattr__(settings, name, _short(values, values[0]))
    _share(settings)


def called(settings: Any) -> tuple[str, ...]:
    """The judges, the auditing one last."""
    audit = (settings.audit_judge,) if settings.audit_judge else ()
    return (*settings.judge, *audit)


def judge_values(settings: Any, name: str) -> list[Any]:
    """A setting's value for each judge; where none was told, its default.

    Raises MsbError if it was told for another number of judges.
    """
    given, judges = getattr(settings, name), called(settings)
    values = given if isinstance(given, tuple) else (given,) * len(judges)
    if len(values) != len(judges):
        raise MsbError(
            f"{name} is given {len(values)} times for {len(judges)} judges; give it once for all, "
            "or once for each"
        )
    default = defaults(settings)[name]
    return [default if value is None else value for value in values]


def _settled(name: str, option: Option, given: Any) -> Any:
    several = isinstance(given, Sequence) and not isinstance(given, str)
    if option.many:
        values = tuple(given) if several else () if given is None else (given,)
        return tuple(_one(name, option, value) for value in values)
    if option.each:
        values = tuple(given) if several else (given,)
        settled = [None if v in (None, "") else _one(name, option, v) for v in values]
        return settled[0] if len(settled) == 1 else tuple(settled)
    return None if given is None else _one(name, option, given)


def _one(name: str, option: Option, value: Any) -> Any:
    """One value in its kind's form."""
    kind = option.kind
    if kind == PRICE:
        from ..models.settings import Price

        value = Price.parse(value) if isinstance(value, str) else value
        fits = isinstance(value, Price)
    elif kind in (PAIRS, NAMES):
        fits, value = isinstance(value, Mapping), value or None
    elif kind is Path:
        fits, value = isinstance(value, str | Path), Path(value)
    elif kind is str:
        # Requests and functions that are in memory stand where their names would.
        fits, value = not isinstance(value, Real | bytes), _text(value)
        value = tuple(value) if isinstance(value, list) else value
    else:
        fits = isinstance(value, NUMBERS[kind]) and isinstance(value, bool) == (kind is bool)
    if not fits:
        raise MsbError(f"{name} {value!r}; expected {EXPECTED[kind]}")
    if option.least is not None and not value >= option.least:
        raise MsbError(f"{name} {value!r}; expected at least {option.least:g}")
    return kind(value) if kind in (int, float) else value  # 0 and 0.0 are stored as two things


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _short(values: Sequence[Any], alike: Any) -> Any:
    return alike if all(value == alike for value in values) else tuple(values)


def _share(settings: Any) -> None:
    """What is the same for all is told for both, the rest for the role it is for."""
    known, usual = options(settings), defaults(settings)
    for name in (name for name, option in known.items() if option.shared):
        roles = [role for role in ("target", "judge") if f"{role}_{name}" in known]
        both = getattr(settings, name)
        values = {role: list(_resolved(settings, f"{role}_{name}", both)) for role in roles}
        every = [value for role in roles for value in values[role]] or [both]
        alike = all(value == every[0] for value in every)
        object.__setattr__(settings, name, every[0] if alike else usual[name])
        for role in roles:
            own = values[role]
            if alike or all(value == usual[name] for value in own):
                own = []
            short = _short(own, own[0]) if own else None
            object.__setattr__(settings, f"{role}_{name}", short)


def _resolved(settings: Any, name: str, both: Any) -> Iterator[Any]:
    one = [getattr(settings, name)]
    for value in one if name.startswith("target") else judge_values(settings, name):
        yield both if value is None else value
