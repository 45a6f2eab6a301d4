"""Any bytes in any file that is read give what it holds, or one line that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from medsafetybench.errors import MsbError
from medsafetybench.evaluation.spec import specified
from medsafetybench.evaluation.spec_file import read_spec
from medsafetybench.judges import open_judge
from medsafetybench.results.gate_spec import read_gate
from medsafetybench.store.imported_labels import import_labels
from medsafetybench.store.store import Store
from medsafetybench.studies import read_study
from medsafetybench.targets import open_target
from medsafetybench.targets.pressure import load_script
from medsafetybench.taxonomy import load_taxonomy
from scripted import scripted_run


def labels(path: Path) -> int:
    run = scripted_run("model", harmful=[1, 5], store="labels.db")
    with Store.open(run.store) as store:
        return import_labels(store, store.run(run.id), path, "ana")


DOCUMENTS: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "settings": (lambda path: specified(**read_spec(path)), ["target", "judge", "limit", "name"]),
    "a gate": (read_gate, ["max_over_refusal", "baseline", "max_regression", "looks"]),
    "a study": (read_study, ["name", "judges", "benchmarks", "targets", "defaults"]),
    "a taxonomy": (load_taxonomy, ["name", "version", "principles"]),
    "pressure": (load_script, ["version", "framings", "turns"]),
}
TABLES: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "responses": (lambda path: open_target(f"replay:{path}"), ["id", "text", "response", "error"]),
    "verdicts": (lambda path: open_judge(f"replay:{path}"), ["id", "score", "reason"]),
    "labels": (labels, ["id", "score", "annotator", "turn"]),
}
LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["h0", "openai:m", "{request}", "starter", "[", "\u202e", "=1+1"])
)
BYTES = st.binary() | st.text().map(str.encode) | st.text().map(lambda text: text.encode("utf-16"))


def value(names: list[str]) -> st.SearchStrategy[Any]:
    """Values in each other, under the names that the reader looks for among others."""
    keys = st.sampled_from([*names, "model", "id", "title"]) | st.text(max_size=3)
    return st.recursive(
        LEAF, lambda one: st.lists(one, max_size=3) | st.dictionaries(keys, one, max_size=4)
    )


def read_or_one_line(read: Callable[[Path], Any], path: Path) -> None:
    said = ""
    try:
        read(path)
    except MsbError as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize("kind", DOCUMENTS)
@given(st.data())
@settings(max_examples=40)
def test_a_document_of_anything(kind: str, data: st.DataObject) -> None:
    read, names = DOCUMENTS[kind]
    path = Path("any.yaml")
    whole = st.dictionaries(st.sampled_from(names), value(names), max_size=5)
    content = data.draw(BYTES | whole.map(lambda found: yaml.safe_dump(found).encode()))
    path.write_bytes(content)
    read_or_one_line(read, path)


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json"])
@given(st.data())
@settings(max_examples=15)
def test_a_table_of_anything(kind: str, suffix: str, data: st.DataObject) -> None:
    read, names = TABLES[kind]
    path = Path(f"any{suffix}")
    rows = st.lists(st.dictionaries(st.sampled_from(names), value(names)), max_size=3)
    if suffix == ".csv":
        cells = st.lists(st.lists(LEAF.map(str), min_size=2, max_size=4), max_size=3)
        made = cells.map(lambda table: "\n".join(",".join(r) for r in [names, *table]))
        content = made.map(lambda text: text.encode("utf-8", "replace"))
    else:
        content = rows.map(lambda table: "\n".join(map(json.dumps, table)).encode())
    path.write_bytes(data.draw(BYTES | content))
    read_or_one_line(read, path)
