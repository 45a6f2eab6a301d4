"""Tables in files, and benchmarks of one's own: what goes in comes out, and what is wrong is named.

Every error is one line: file and line, what was found, what was expected.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from medsafetybench import load_benchmark
from medsafetybench.errors import MsbError
from medsafetybench.records import Request
from medsafetybench.tables import SUFFIXES, neutral, rows, write_rows

ROWS = [
    {
        "id": "a",
        "text": 'One, "quoted", and\ntwo lines',
        "principle": 4,
        "score": 1,
        "latency": 0.5,
    },
    {"id": "b", "text": "Umlaut ä, emoji 🩺, line separator \u2028.", "principle": None},
    {"id": "c", "text": " edges kept ", "principle": 9, "score": None, "latency": 1.25},
]
COLUMNS = ("id", "text", "principle", "score", "latency")
ROWS = [{name: row.get(name) for name in COLUMNS} for row in ROWS]


def benchmark(name: str, content: str | bytes, **columns: str) -> list[Request]:
    """The requests of a file with this content."""
    data = content.encode() if isinstance(content, str) else content
    Path(name).write_bytes(data)
    return list(load_benchmark(name, columns=columns))


def refused(name: str, content: str | bytes, **columns: str) -> str:
    """The one line that a file with this content is refused with."""
    with pytest.raises(MsbError) as raised:
        benchmark(name, content, **columns)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_come_back_as_they_were_written(suffix: str) -> None:
    path = Path(f"rows{suffix}")
    assert write_rows(path, ROWS) == 3
    found = [dict(row) for _, row in rows(path)]
    if suffix == ".csv":  # CSV knows text alone
        assert found == [{n: "" if v is None else str(v) for n, v in row.items()} for row in ROWS]
    else:
        assert found == ROWS


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_of_no_rows_can_be_written(suffix: str) -> None:
    assert write_rows(Path(f"rows{suffix}"), []) == 0
    assert list(rows(Path(f"rows{suffix}"))) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_benchmark_in_three_formats_is_the_same_benchmark(suffix: str) -> None:
    table = [
        {"id": "a", "text": "First?", "intent": "harmful", "principle": 4},
        {"id": "b", "text": "Second?", "intent": "benign", "principle": None},
    ]
    write_rows(Path(f"ours{suffix}"), table)
    assert list(load_benchmark(f"ours{suffix}")) == [
        Request("a", "First?", "harmful", 4),
        Request("b", "Second?", "benign"),
    ]


def test_only_the_text_is_required_and_intent_is_harmful() -> None:
    (request,) = benchmark("ours.csv", "text\nHow?\n")
    assert (request.text, request.intent, request.principle) == ("How?", "harmful", None)


def test_columns_of_other_names_are_mapped() -> None:
    (request,) = benchmark(
        "ours.csv", "prompt,rule,text\nHow?,4,not this\n", text="prompt", principle="rule"
    )
    assert (request.text, request.principle) == ("How?", 4)


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    (request,) = benchmark("ours.csv", b"\xef\xbb\xbftext\r\nHow?\r\n")
    assert request.text == "How?"


def test_a_principle_may_come_as_a_float() -> None:
    (request,) = benchmark("ours.csv", "text,principle\nHow?,4.0\n")
    assert request.principle == 4


def test_blank_lines_are_no_rows() -> None:
    assert len(benchmark("ours.jsonl", '{"text": "A"}\n\n{"text": "B"}\n')) == 2


WRONG = {
    "no such column": ("ours.csv", "prompt\nHow?\n", "ours.csv:2: no column 'text'; found: prompt"),
    "the column in no object": ("ours.jsonl", '{"a": 1}\n', "ours.jsonl:1: no column 'text'"),
    "an empty text": ("ours.csv", "text,id\nHow?,a\n,b\n", "ours.csv:3: the text is empty"),
    "a text of spaces": ("ours.csv", "text,id\nHow?,a\n  ,b\n", "ours.csv:3: the text is empty"),
    "a text that is null": ("ours.jsonl", '{"text": null}\n', "ours.jsonl:1: the text is empty"),
    "a bad intent": (
        "ours.csv",
        "text,intent\nHow?,evil\n",
        "ours.csv:2: intent 'evil'; expected harmful, benign or care",
    ),
    "a bad principle": (
        "ours.csv",
        "text,principle\nHow?,four\n",
        "ours.csv:2: principle 'four'; expected a whole number",
    ),
    "half a principle": ("ours.csv", "text,principle\nHow?,4.5\n", "ours.csv:2: principle '4.5'"),
    "no finite principle": (
        "ours.csv",
        "text,principle\nHow?,inf\n",
        "ours.csv:2: principle 'inf'",
    ),
    "a byte that is not UTF-8": (
        "ours.csv",
        b"text\nHow?\ncaf\xe9\n",
        "ours.csv:3: not UTF-8 (byte 0xe9 at column 4); save the file as UTF-8",
    ),
    "half a UTF-16": (
        "ours.csv",
        "text\nHow?\n".encode("utf-16")[:-1],
        "ours.csv: begins as UTF-16 and is none; save the file as UTF-8",
    ),
    "broken JSON": ("ours.jsonl", '{"text": "A"}\n{"text": \n', "ours.jsonl:2: not JSON: "),
    "JSON, but no object": ("ours.jsonl", '["A"]\n', "ours.jsonl: item 1: expected an object"),
    "more cells than the header": (
        "ours.csv",
        "text,id\nHow?,a,b\n",
        "ours.csv:2: more cells than the header's 2",
    ),
    "a quote left open": ("ours.csv", 'text\n"How?\n', "ours.csv:2: not a CSV row"),
    "a column twice": (
        "ours.csv",
        "text,text\nA,B\n",
        "ours.csv:1: the column 'text' occurs twice",
    ),
    "an id used twice": (
        "ours.csv",
        "text,id\nA,x\nB,y\nC,x\n",
        "ours.csv:4: id 'x' was used before, at ours.csv:2",
    ),
    "no row": ("ours.csv", "text\n", "ours.csv: no requests in this file"),
    "nothing": ("ours.csv", "", "ours.csv: no requests in this file"),
    "no Parquet": ("ours.parquet", "text\nHow?\n", "ours.parquet: not a Parquet file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_file_is_said_with_its_line(case: str) -> None:
    name, content, expected = WRONG[case]
    assert refused(name, content).startswith(expected)


def test_a_row_of_several_lines_is_named_by_its_first() -> None:
    content = 'text,intent\n"one\ntwo\nthree",harmful\n"four\nfive",evil\n'
    assert refused("ours.csv", content).startswith("ours.csv:5: intent 'evil'")


def test_a_row_of_a_parquet_file_is_named_by_its_number() -> None:
    parquet.write_table(pyarrow.table({"text": ["A", None]}), "ours.parquet")
    with pytest.raises(MsbError, match=r"^ours\.parquet: row 2: the text is empty"):
        load_benchmark("ours.parquet")


def test_a_mapped_column_that_is_absent_says_how_to_map_it() -> None:
    line = refused("ours.csv", "prompt\nHow?\n", text="question")
    assert line == (
        "ours.csv:2: no column 'question'; found: prompt. Map one with --column text=NAME"
    )


def test_a_mapping_of_an_unknown_field_lists_those_there_are() -> None:
    assert refused("ours.csv", "text\nA\n", prompt="text").startswith(
        "--column prompt=...: expected one of id, text, intent, principle"
    )


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(MsbError, match=r"^absent\.csv: no such file"):
        load_benchmark("absent.csv")


def test_the_same_row_again_keeps_an_id_of_its_own() -> None:
    first, second, third = benchmark("ours.csv", "text\nA\nA\nA\n")
    assert (second.id, third.id) == (f"{first.id}-2", f"{first.id}-3")


def test_ids_depend_on_the_content_and_not_on_the_place() -> None:
    forward = {r.text: r.id for r in benchmark("ours.csv", "text\nA\nB\n")}
    backward = {r.text: r.id for r in benchmark("theirs.jsonl", '{"text":"B"}\n{"text":"A"}\n')}
    assert forward == backward


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "\ufeff=1"]


@pytest.mark.parametrize("cell", FORMULAS, ids=repr)
def test_a_formula_gets_an_apostrophe_in_csv(cell: str) -> None:
    write_rows(Path("rows.csv"), [{"response": cell}])
    with Path("rows.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1] == [f"'{cell}"]


@pytest.mark.parametrize("cell", ["I'm sorry.", "a=1", "1-2", "", -1, None], ids=repr)
def test_what_no_spreadsheet_runs_is_left_as_it_is(cell: Any) -> None:
    assert neutral(cell) == cell


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_formula_is_data_where_no_spreadsheet_opens_it(suffix: str) -> None:
    write_rows(Path(f"rows{suffix}"), [{"response": "=1+1"}])
    assert next(rows(Path(f"rows{suffix}")))[1]["response"] == "=1+1"


def breaking_off() -> Iterator[Mapping[str, Any]]:
    yield {"text": "one"}
    raise RuntimeError("broken off")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_broken_off_write_leaves_the_old_file_and_nothing_else(suffix: str) -> None:
    path = Path(f"rows{suffix}")
    write_rows(path, [{"text": "old"}])
    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        write_rows(path, breaking_off())
    assert path.read_bytes() == before
    assert [p.name for p in Path().iterdir()] == [path.name]


def test_a_reader_sees_the_old_file_or_the_whole_new_one() -> None:
    path, seen, done = Path("rows.jsonl"), set(), threading.Event()
    write_rows(path, [{"n": 0}] * 500)

    def read() -> None:
        while not done.is_set():
            seen.add(len(path.read_bytes().splitlines()))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        write_rows(path, [{"n": 1}] * 500)
    done.set()
    reader.join()
    assert seen == {500}


def test_a_folder_that_is_missing_is_made() -> None:
    write_rows(Path("new/deep/rows.jsonl"), [{"n": 1}])
    assert Path("new/deep/rows.jsonl").is_file()


NOWHERE = {
    "under a file": ("file/rows.csv", "cannot be written"),
    "a folder": ("folder.csv", "cannot be written"),
    "of another kind": ("rows.xlsx", r"expected a name ending in \.csv"),
}


@pytest.mark.parametrize("case", NOWHERE)
def test_a_place_that_cannot_be_written_is_one_clear_line(case: str) -> None:
    name, expected = NOWHERE[case]
    Path("file").touch()
    Path("folder.csv").mkdir()
    with pytest.raises(MsbError, match=rf"^{name}.*{expected}") as raised:
        write_rows(Path(name), [{"n": 1}])
    assert "\n" not in str(raised.value)
