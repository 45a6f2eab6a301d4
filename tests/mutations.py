"""Valid files with something wrong in them: what an attacker sends, and what a bad day leaves.

    mutated({"id": "a", "text": "How?"}, Random(7))      # {"id": [[]], "text": "How?"}
    damaged(b"id,text", Random(7))                       # b"id,te,,,,,,,,,,,xt"

Random bytes end at the first line of a reader; a file that is right but for a place or three goes
in as far as that place. What is put there is what has been wrong somewhere before.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pyarrow
import yaml
from pyarrow import parquet

HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 1, 5, 6, 2**31, 2**53 + 1, 2**63, 2**64, -(2**70), 10**400),
    *(float("nan"), float("inf"), -float("inf"), -0.0, 0.5, 1e308, 5e-324, 12345678901234567890.0),
    *("", " ", "\n", "\x00", "\ud800", "\u202e", "\x1b[2J", "a\n::error::b", "=1+1", "\u3000=1"),
    *("NaN", "null", "1e999", "9" * 400, "9" * 5000, "-1", "4.0", "true", "2001-99-99", "!!int x"),
    *("../../x", "/", "~", "~nobody/x", "\x00/x", "-o", "{request}", "{{ 7 }}", "%s", "*a", "<<"),
    *("a" * 5000, "<" * 3000, "\n" * 3000, "\u0130" * 500, "e\u0301" * 500, "<think>", "[{", "{"),
    *([], {}, [[]], [{}], [None], [[[[[[[[]]]]]]]], {"": 1}, {"a": {"a": {"a": {}}}}),
    *({"role": "user"}, {"role": "user", "content": None}, [{"role": "tool", "content": [{}]}]),
    *({"type": "text", "text": {"value": 1}}, [{"type": "image"}], {"parts": [{"thought": True}]}),
]

PIECES = [
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n", b'"', b"'", b",", b";", b"\t"),
    *(b"{", b"}", b"[", b"]", b":", b"- ", b"&a ", b"*a", b"!!int ", b"? ", b"|\n", b"---\n", b"#"),
    *(b"\\ud800", b"\\u0000", b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"9" * 5000, b"\xf0\x9f"),
    *(b"VERDICT 0000000000000000: 1\n", b"#score: 1\n", b"<think>", b"</think>", b"<|channel|>"),
    *(b"data: ", b"data: [DONE]\n\n", b": \n", b"<html>", b"{%", b"{{", b"%}", b"{% for a in b %}"),
]
TIMES = [1, 1, 1, 2, 10, 300, 20_000]
"""How often in a row: depth and length are what exhausts."""
LONGEST = 200_000
"""Bytes that are put in at once."""


def mutated(valid: Any, chance: Random) -> Any:
    """The value with up to three places changed: replaced, taken away, renamed, moved, wrapped."""
    value = copy.deepcopy(valid)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(value))
        if not places:
            return copy.deepcopy(chance.choice(HOSTILE))
        _change(*chance.choice(places), places, chance)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each part of a value as what holds it and its key, the outermost first."""
    keys: Any = value if isinstance(value, dict) else ()
    keys = range(len(value)) if isinstance(value, list) else keys
    for key in list(keys):
        yield value, key
    for key in list(keys):
        yield from _places(value[key])


def _change(holder: Any, key: Any, places: list[Any], chance: Random) -> None:
    how = chance.choice(["replace", "replace", "remove", "swap", "wrap", "rename", "repeat"])
    if how == "remove":
        del holder[key]
    elif how == "swap":
        other, name = chance.choice(places)
        if name in other if isinstance(other, dict) else name < len(other):
            holder[key] = copy.deepcopy(other[name])
    elif how == "wrap":
        holder[key] = chance.choice([[holder[key]], {"a": holder[key]}, [holder[key]] * 2])
    elif how == "rename" and isinstance(holder, dict):
        holder[chance.choice(["", "id", "text", "\u00e9", "a\nb", "__class__"])] = holder.pop(key)
    elif how == "repeat" and isinstance(holder, list):
        holder.extend(copy.deepcopy([holder[key]] * chance.choice([1, 2, 50])))
    else:
        holder[key] = copy.deepcopy(chance.choice(HOSTILE))


def damaged(valid: bytes, chance: Random) -> bytes:
    """The bytes with up to three places changed: put in, cut out, repeated, or overwritten."""
    found = valid
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(0, len(found))
        end = min(len(found), at + chance.choice([0, 1, 2, 8, 100, 10_000]))
        piece = chance.choice([chance.choice(PIECES), found[at:end], chance.randbytes(3)])
        times = min(chance.choice(TIMES), 1 + LONGEST // max(1, len(piece)))
        found = found[:at] + piece * times + found[chance.choice([at, end]) :]
    return found


@dataclass(frozen=True)
class Form:
    """A kind of file: what a value is as its bytes."""

    written: Callable[[Any], bytes]

    def nearly(self, valid: Any, chance: Random) -> bytes:
        """A file of a value with something wrong in it; one in three is damaged besides."""
        while True:
            try:
                content = self.written(mutated(valid, chance))
            except CANNOT_HOLD:
                continue
            return content if chance.randrange(3) else damaged(content, chance)


class Plain(Form):
    """Bytes as they are: all that can be wrong with them is damage."""

    def nearly(self, valid: Any, chance: Random) -> bytes:
        """The bytes, damaged."""
        return damaged(valid, chance)


CANNOT_HOLD = (pyarrow.ArrowException, TypeError, ValueError, AttributeError, OverflowError)
"""What writing a value raises that this kind of file has no place for."""


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _lines(value: Any) -> bytes:
    rows = value if isinstance(value, list) else [value]
    return b"".join(_dumped(row) + b"\n" for row in rows)


def _yaml(value: Any) -> bytes:
    try:
        return str(yaml.safe_dump(value, allow_unicode=True)).encode()
    except (yaml.YAMLError, UnicodeEncodeError, ValueError):
        return _dumped(value)


def _separated(value: Any) -> bytes:
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return written.getvalue().encode("utf-8", "surrogatepass")


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return _dumped(value).decode()
    return "" if value is None else str(value)


def _table(value: Any) -> bytes:
    names = dict.fromkeys(name for row in value for name in row)
    columns = {name: [row.get(name) for row in value] for name in names}
    written = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), written)
    return written.getvalue()


def _archive(members: Any) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            archive.writestr(name.replace("\x00", "x") or "x", _dumped(value))
    return written.getvalue()


def _weights(header: Any) -> bytes:
    content = _dumped(header)
    return len(content).to_bytes(8, "little") + content + b"\x00" * 16


JSON, LINES, YAML, CSV = Form(_dumped), Form(_lines), Form(_yaml), Form(_separated)
PARQUET, ARCHIVE, WEIGHTS = Form(_table), Form(_archive), Form(_weights)
PLAIN = Plain(bytes)
