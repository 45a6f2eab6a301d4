"""What a store says of how a run was made, as settings again.

    spec_of(run, panel, audit)
    recalled(run.settings, [judge.settings for judge in panel], [judge.name for judge in panel])

The settings of a run hold what decides the answers and the verdicts; not how fast they were asked
for, nor keys, nor the address of what is known by a revision, nor where a file was: that stands as
FILE. What a run was told word for word is kept beside it, where it was made by a command or by
settings that a file can hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import MsbError
from ..store.panel import judges_asked
from ..store.store import JudgeRecord, RunRecord, Store
from .option import Option, options
from .options import JudgeOptions, RequestOptions, TargetOptions
from .spec import EvaluationSpec, specified

FILE = "FILE"
Settings = Mapping[str, Any]


def recalled(run: Settings, judges: Sequence[Settings], names: Sequence[str]) -> dict[str, Any]:
    """Settings by their names, from those of a run and of its judges with the judges' names."""
    target = _of(TargetOptions, run["target"])
    if run["target"]["model"] == "replay":
        target = {"target": f"replay:{FILE}"}
    requests = _of(RequestOptions, run["benchmark"])
    if version := run["benchmark"].get("version"):
        requests["benchmark"] = f"{requests['benchmark']}@{version}"
    return {**target, **_panel(judges, names), **requests}


def spec_of(
    run: RunRecord, panel: Sequence[JudgeRecord], audit: JudgeRecord | None = None
) -> EvaluationSpec:
    """The settings that make the run as it is, with the judges that it has now."""
    settings, names = [judge.settings for judge in panel], [judge.name for judge in panel]
    known = recalled(run.settings, settings, names)
    if audit:
        known["audit_judge"] = _judge(audit.settings, audit.name)["judge"]
        for name in (name for name, option in options(JudgeOptions).items() if option.each):
            if name in known:
                known[name] = [*known[name], _judge(audit.settings, audit.name).get(name)]
    told = next((one["told"] for one in reversed(run.provenance) if one.get("told")), None)
    if told is None:
        return specified(**known)
    spec, now = specified(**told), specified(**{**known, "target": told["target"]})
    if _panels(spec) == _panels(now):
        return spec
    of_judges = [name for name, option in options(JudgeOptions).items() if option.each]
    again = {name: getattr(now, name) for name in (*of_judges, "judge", "audit_judge")}
    return replace(spec, **again)


def stored_spec(store: Store, identity: str) -> tuple[RunRecord, EvaluationSpec]:
    """A run, and the settings that make it as it is. Raises MsbError for one that was imported."""
    run = store.run(identity)
    if imported(run.settings):
        raise MsbError(f"{run.id} was imported; `msb import FILE` makes it, no evaluation does")
    audit = next((one for one in store.judges() if one.key == run.audit), None)
    panel = [one for one in judges_asked(store, run) if "person" not in one.settings]
    return run, replace(spec_of(run, panel, audit), store=store.path)


def _panels(spec: EvaluationSpec) -> list[tuple[str, str, int]]:
    """What tells one panel from another."""
    return [(one.model, one.rubric, one.sampling.max_tokens) for one in spec.judges]


def imported(run: Settings) -> bool:
    """True if another tool asked, so that no evaluation makes the run again."""
    return "recorded" in run["target"]


def _of(kind: type, stored: Settings) -> dict[str, Any]:
    found = {name: _stored(option, stored) for name, option in options(kind).items()}
    return {name: value for name, value in found.items() if value is not None}


def _panel(judges: Sequence[Settings], names: Sequence[str]) -> dict[str, Any]:
    each = [_judge(*one) for one in zip(judges, names, strict=True)]
    told = {name for one in each for name in one}
    return {"judge": (), **{name: [one.get(name) for one in each] for name in told}}


def _judge(judge: Settings, name: str) -> dict[str, Any]:
    if judge.get("model") == "replay":
        return {"judge": name if name.startswith("replay:") else f"replay:{FILE}"}
    if "boundary" in judge:
        return {"judge": f"{judge['judge']}@{judge['boundary']!r}"}
    model = str(judge.get("model") or judge.get("judge") or "?")
    return {**_of(JudgeOptions, judge), "judge": model}


def _stored(option: Option, settings: Settings) -> Any:
    """What the settings keep of an option; a file is known by its hash alone."""
    if option.stored is None:
        return None
    found: Any = settings
    for part in option.stored.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping) and "sha256" in found:
        return FILE
    return found
