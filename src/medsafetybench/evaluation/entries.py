"""Settings as they stand in files: models that check keys and types, made from the options.

    TargetEntry = entry(Strict, TargetOptions, "target", tags=(list[str], []))
    found = TargetEntry.model_validate({"model": "openai:m", "url": "..."})
    keywords(TargetOptions, "target", found)     # {"target": "openai:m", "target_url": "..."}

In an entry of a study, a setting goes by its name without the role (``url``, not ``target_url``),
or by its own ``key``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from .option import NAMES, PAIRS, PRICE, Option, defaults, options

TYPES: Mapping[type | str, Any] = {
    PRICE: str,
    PAIRS: dict[str, Any],
    NAMES: dict[str, str],
    Path: str,
}


class Strict(BaseModel):
    """A mapping that holds no key that is not ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ByName(Strict):
    """An entry that may be told by its first key alone."""

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        return {next(iter(cls.model_fields)): given} if isinstance(given, str) else given


def keys(kind: type, role: str, leave_out: Collection[str] = ()) -> dict[str, str]:
    """The fields of one role's settings, by their keys in an entry."""
    return {
        option.key or name.removeprefix(f"{role}_"): name
        for name, option in options(kind).items()
        if not option.shared and name not in leave_out
    }


def entry(
    base: type[Strict], kind: type, role: str, leave_out: Collection[str] = (), **more: Any
) -> type[Strict]:
    """A model of an entry; ``more`` are fields that are no settings."""
    found: dict[str, Any] = {}
    for key, field in keys(kind, role, leave_out).items():
        option = options(kind)[field]
        one = _one(option)
        if field == role:  # who or what it is
            found[key] = (one, ...)
        else:
            found[key] = (list[one], []) if option.many else (one | None, None)  # type: ignore[valid-type]
    made: type[Strict] = create_model(f"{role.title()}Entry", __base__=base, **found, **more)
    return made


def keywords(
    kind: type, role: str, found: BaseModel, leave_out: Collection[str] = ()
) -> dict[str, Any]:
    """What an entry says, by the names of the fields."""
    homes = keys(kind, role, leave_out)
    told = {key: getattr(found, key) for key in found.model_fields_set}
    return {homes[key]: value for key, value in told.items() if key in homes}


def whole(name: str, kind: type) -> type[Strict]:
    """A model of all settings by the names of their fields, as in a file of one evaluation."""
    found: dict[str, Any] = {}
    for field, option in options(kind).items():
        one = _one(option)
        several = Annotated[list[one | None], BeforeValidator(_as_list)]  # type: ignore[valid-type]
        needed = field not in defaults(kind)
        hint = several if option.many or option.each else one if needed else one | None
        found[field] = (hint, ... if needed else None)
    return create_model(name, __base__=Strict, **found)


def _one(option: Option) -> Any:
    """The type of one value."""
    one = TYPES.get(option.kind, option.kind)
    return one if option.least is None else Annotated[one, Field(ge=option.least)]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]
