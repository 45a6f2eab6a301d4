"""One table, however it was saved: strict about what it says, lenient about its form.

What we write for a spreadsheet comes back as it was, and any bytes are rows or one line.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from medsafetybench import jsontext, load_benchmark
from medsafetybench.errors import MsbError
from medsafetybench.tables import rows, write_rows

SAME = [{"id": "a", "text": "How, then?"}, {"id": "b", "text": "Why; or not?\tTell\nme."}]


def saved(separator: str, newline: str = "\n", before: str = "") -> str:
    """The same rows in another form."""
    lines = [["id", "text"], *([row["id"], row["text"]] for row in SAME)]
    quoted = [separator.join('"' + cell + '"' for cell in line) for line in lines]
    return before + newline.join(quoted) + newline


FORMS: dict[str, tuple[str, bytes]] = {
    "commas": ("t.csv", saved(",").encode()),
    "semicolons": ("t.csv", saved(";").encode()),
    "tabs": ("t.csv", saved("\t").encode()),
    "tabs, named so": ("t.tsv", saved("\t").encode()),
    "a sep= line": ("t.csv", saved(";", before="sep=;\n").encode()),
    "a quoted SEP= line": ("t.csv", saved("\t", before='"SEP=\t"\n').encode()),
    "a sep= line against the look of it": ("t.csv", saved(",", before="sep=,\r\n").encode()),
    "carriage returns": ("t.csv", saved(",", "\r\n").encode()),
    "carriage returns alone": ("t.csv", saved(",", "\r").encode()),
    "blank lines first": ("t.csv", saved(",", before="\n \n\r\n").encode()),
    "empty cells first": ("t.csv", saved(";", before=";;\n;\n").encode()),
    "a blank line before and after sep=": ("t.csv", saved(";", before="\nsep=;\n\n").encode()),
    "a mark": ("t.csv", saved(",").encode("utf-8-sig")),
    "a mark, blank lines and sep=": ("t.csv", saved(";", before="\nsep=;\n").encode("utf-8-sig")),
    "UTF-16, as spreadsheets have it": ("t.csv", saved("\t", "\r\n").encode("utf-16")),
    "UTF-16, big end first": ("t.csv", b"\xfe\xff" + saved(",").encode("utf-16-be")),
    "UTF-16 without a mark": ("t.csv", saved(",").encode("utf-16-le")),
    "UTF-32": ("t.csv", saved(",").encode("utf-32")),
    "spaces around names": ("t.csv", saved(",").replace('"id","text"', " id , text ").encode()),
    "a comma after each row": ("t.csv", saved(",", ",\n").encode()),
    "capitals": ("T.CSV", saved(",").encode()),
    "JSON lines": ("t.jsonl", "\n".join(map(json.dumps, SAME)).encode()),
    "JSON lines in capitals": ("T.JSONL", "\n".join(map(json.dumps, SAME)).encode()),
    "JSON lines by another name": ("t.ndjson", "\n".join(map(json.dumps, SAME)).encode()),
    "JSON lines with a mark": ("t.jsonl", "\n".join(map(json.dumps, SAME)).encode("utf-8-sig")),
    "JSON lines in UTF-16": ("t.jsonl", "\n".join(map(json.dumps, SAME)).encode("utf-16")),
    "blank JSON lines first": ("t.jsonl", ("\n\n" + "\n".join(map(json.dumps, SAME))).encode()),
    "two files of JSON lines in one": (
        "t.jsonl",
        b"\n".join(json.dumps(row).encode("utf-8-sig") for row in SAME),
    ),
    "a JSON list": ("t.json", json.dumps(SAME).encode()),
    "a JSON list over lines": ("t.json", json.dumps(SAME, indent=2).encode()),
    "a JSON list named as lines": ("t.jsonl", json.dumps(SAME).encode()),
    "the same over lines": ("t.jsonl", json.dumps(SAME, indent=1).encode()),
    "JSON lines named as a list": ("t.json", "\n".join(map(json.dumps, SAME)).encode()),
    "a list in an object": ("t.json", json.dumps({"data": SAME}).encode()),
    "a list in an object, over lines": ("t.jsonl", json.dumps({"data": SAME}, indent=2).encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_in_every_form(form: str) -> None:
    name, content = FORMS[form]
    Path(name).write_bytes(content)
    found = [{k: v for k, v in row.items() if k} for _, row in rows(Path(name))]
    assert found == SAME


def test_a_line_is_counted_from_the_beginning_of_the_file() -> None:
    Path("t.csv").write_text("\nsep=;\n\nid;text\na;b\n\nc;d;e\n")
    found = rows(Path("t.csv"))
    assert next(found)[0] == "t.csv:5"
    with pytest.raises(
        MsbError, match=r"^t\.csv:7: more cells .* quote cells that hold semicolons"
    ):
        next(found)


def test_what_a_file_holds_is_no_command_to_a_terminal_and_no_second_line() -> None:
    Path("t.csv").write_text('"a\nb\x1b[2J","c"\n1,2,3\n')
    with pytest.raises(MsbError) as raised:
        list(load_benchmark("t.csv"))
    assert str(raised.value).isprintable()
    Path("u.csv").write_text('"a\nb\x1b[2J",text\n,\n1,' + "x" * 10**6 + "\n")
    with pytest.raises(MsbError) as raised:
        list(load_benchmark("u.csv", columns={"principle": "text"}))
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 2100


def test_what_separates_is_told_by_rows_that_agree_and_not_by_what_is_commonest() -> None:
    Path("t.csv").write_text("text;id\nOne, two, three?;a\nFour?;b\n")
    assert dict(next(rows(Path("t.csv")))[1]) == {"text": "One, two, three?", "id": "a"}
    Path("u.csv").write_text('text,"why; or; not"\n"a;b;c",d\n')
    assert dict(next(rows(Path("u.csv")))[1]) == {"text": "a;b;c", "why; or; not": "d"}


JSON: dict[str, tuple[str, Any]] = {
    "not a number": ("NaN", None),
    "without end": ("[Infinity, -Infinity]", [float("inf"), float("-inf")]),
    "half a character": (r'"cut \ud83d"', "cut \ufffd"),
    "the other half": (r'"\ude00 cut"', "\ufffd cut"),
    "half a name": (r'{"\ud83d": 1}', {"\ufffd": 1}),
    "a whole character": (r'"\ud83d\ude00"', "\U0001f600"),
    "a whole one and a half": (r'["\ud83d\ude00\ud83d"]', ["\U0001f600\ufffd"]),
    "64 bits": ("[9223372036854775807, -9223372036854775808]", [2**63 - 1, -(2**63)]),
    "more than 64 bits": ("[18446744073709551616, 1]", [2**64, 1]),
    "a digit more than a float holds": ("12345678901234567891", 12345678901234567891),
    "a long fraction": ("0.12345678901234567891", 0.12345678901234567891),
    "a tab in a text": ('"a\tb"', "a\tb"),
}


@pytest.mark.parametrize("case", JSON)
def test_json_as_others_write_it(case: str) -> None:
    text, expected = JSON[case]
    assert jsontext.loads(text) == expected


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", "nan", "Infinitely", "1" * 5000, "[" * 100_000, '{"a": NaNs}']
)
def test_what_is_no_json_is_said_in_few_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        jsontext.loads(text)
    assert len(str(raised.value)) < 200


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_python_writes_as_json_is_read_as_it_was(value: Any) -> None:
    assert jsontext.loads(json.dumps(value)) == value
    assert jsontext.loads(json.dumps(value, ensure_ascii=False)) == value


def test_cells_of_parquet_that_say_nothing() -> None:
    numbers = pyarrow.array([1.5, float("nan"), None], pyarrow.float64())
    parquet.write_table(pyarrow.table({"score": numbers}), "t.parquet")
    assert [row["score"] for _, row in rows(Path("t.parquet"))] == [1.5, None, None]


def test_a_column_twice_in_parquet_is_named() -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["text", "text"])
    parquet.write_table(table, "t.parquet")
    with pytest.raises(MsbError, match=r"^t\.parquet: the column 'text' occurs twice"):
        list(rows(Path("t.parquet")))


CELLS = st.text(st.sampled_from("'=+-@\t\r\n \ufeff,;\"a1.é😀") | st.characters(codec="utf-8"))


@given(st.lists(st.fixed_dictionaries({"id": CELLS, "text": CELLS, "a;b": CELLS}), min_size=1))
def test_what_is_written_for_a_spreadsheet_comes_back_as_it_was(table: list[Any]) -> None:
    write_rows(Path("t.csv"), table)
    with Path("t.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.reader(file):
            runs = [c for c in line if c.lstrip(" \n\ufeff").startswith(tuple("=+-@\t\r"))]
            assert not runs
    assert [dict(row) for _, row in rows(Path("t.csv"))] == table


def test_numbers_below_zero_are_no_formulas_and_do_not_hide_that_a_file_is_ours() -> None:
    write_rows(Path("t.csv"), [{"text": "=1+1", "n": -1.5}, {"text": "'=1+1", "n": None}])
    assert [dict(row) for _, row in rows(Path("t.csv"))] == [
        {"text": "=1+1", "n": "-1.5"},
        {"text": "'=1+1", "n": ""},
    ]


def test_an_apostrophe_in_a_file_of_others_is_theirs() -> None:
    Path("t.csv").write_text("id,text\na,- a list\nb,'+' or '-'?\n")
    assert [row["text"] for _, row in rows(Path("t.csv"))] == ["- a list", "'+' or '-'?"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_conversation_is_written_as_json_where_a_cell_is_text(suffix: str) -> None:
    said = [{"role": "user", "content": "How?"}]
    write_rows(Path(f"t{suffix}"), [{"context": said}, {"context": ()}])
    cells = [row["context"] for _, row in rows(Path(f"t{suffix}"))]
    assert cells == ['[{"role":"user","content":"How?"}]', "[]"]


SUFFIXES = [".csv", ".tsv", ".jsonl", ".json", ".parquet"]
BYTES = st.binary() | st.text().map(str.encode) | st.text().map(lambda t: t.encode("utf-16"))
JSON_BYTES = st.lists(
    st.sampled_from(
        [
            b"[",
            b"]",
            b"{",
            b"}",
            b'"a"',
            b":",
            b",",
            b"NaN",
            b"1e999",
            b"\n",
            b'"\\ud800"',
            b"9" * 20,
        ]
    )
).map(b"".join)


def read_or_refused(path: Path) -> None:
    """Rows, or one line that names the file."""
    said = None
    try:
        for where, row in rows(path):
            assert where.startswith(str(path))
            assert isinstance(row, dict)
    except MsbError as error:
        said = str(error)
    assert said is None or (said.startswith(str(path)) and "\n" not in said)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(BYTES | JSON_BYTES)
def test_any_bytes_are_rows_or_one_line(suffix: str, content: bytes) -> None:
    path = Path(f"any{suffix}")
    path.write_bytes(content)
    read_or_refused(path)


@given(st.data())
def test_a_damaged_parquet_file_is_rows_or_one_line(data: st.DataObject) -> None:
    path = Path("any.parquet")
    parquet.write_table(pyarrow.table({"text": ["How?", None], "n": [1, 2]}), path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    read_or_refused(path)
