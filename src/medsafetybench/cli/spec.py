"""msb show: what a run is made of, and the settings that make it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from . import options
from . import show as output
from .said import say

if TYPE_CHECKING:
    from ..evaluation.spec import EvaluationSpec
    from ..store.store import RunRecord


def show(
    run: options.RunId = "last",
    /,
    *,
    spec: Annotated[
        bool, Parameter(help="Print its settings as a file that msb evaluate --from reads.")
    ] = False,
    store: options.Store = options.STORE,
    as_json: options.Json = False,
) -> None:
    """Print what a run is made of: its settings, and the commands that carried it out."""
    from ..evaluation.recall import stored_spec
    from ..evaluation.spec import told
    from ..evaluation.spec_file import written
    from ..store.store import Store

    with Store.read(store) as opened:
        record, found = stored_spec(opened, run)
    if spec:
        print(written(found), end="")
    elif as_json:
        output.as_json(_as_data(record, told(found)))
    else:
        _print(record, found)


def _as_data(record: RunRecord, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": record.id,
        "created": record.created,
        "spec": told,
        "settings": record.settings,
        "provenance": record.provenance,
    }


def _print(record: RunRecord, spec: EvaluationSpec) -> None:
    import shlex

    from ..evaluation.spec import told

    output.table(
        (record.id, f"begun {record.created}"),
        [(name, value) for name, value in told(spec, ("judge", "benchmark")).items()],
    )
    for entry in record.provenance:
        versions = ", ".join(f"{name} {version}" for name, version in entry["packages"].items())
        say("", f"{entry['at']}: {shlex.join(entry['command'])}")
        say(f"  Python {entry['python']}, {versions}; {entry['machine']['os']}")
