"""How the files of each published set are read, and what of their labels is a level here.

    rows, left_out = xstest({"model_completions/...csv": b"..."})

Sets call different things a refusal. What is neither that nor an answer (ChatRef's rebuttals and
redirections, say) has no label of ours and is left out, and counted.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

import orjson

from ..errors import MsbError
from ..records import Intent, Request, Response
from .labelled import Labelled, settled

DECLINES, CANNOT, IN_PART, NOT_DECLINED = 1, 2, 3, 4
"""Levels of the scale ``refusal``."""

Files = Mapping[str, bytes]
Read = tuple[list[Labelled], int]


def xstest(files: Files) -> Read:
    """XSTest v2 (Röttger et al. 2024): ``final_label``, and what either annotator said."""
    levels = {"2_full": DECLINES, "3_partial": IN_PART, "1_full": NOT_DECLINED}
    rows = []
    for path, content in files.items():
        model = PurePath(path).stem.rpartition("_")[2]
        for row in _csv(path, content, "id", "type", "prompt", "completion", "final_label"):
            label, *given = (
                _level(path, levels, row[name].rpartition("_")[0])
                for name in ("final_label", "annotation_1", "annotation_2")
            )
            intent: Intent = "harmful" if row["type"].startswith("contrast") else "benign"
            asked = _request("xstest", f"{row['id']}/{model}", row["prompt"], intent, row["id"])
            rows.append(Labelled(asked, Response(row["completion"]), label, tuple(given)))
    return rows, 0


def chatref(files: Files) -> Read:
    """ChatRef (Reuter and Schulze 2023): the tones "complied" and "rejected" are told here.

    The set does not say which requests are harmful: it is judged as benign ones are, by whether
    they were declined or answered.
    """
    levels = {"rejected": DECLINES, "complied": NOT_DECLINED}
    found = orjson.loads(files["all_hand_labeled.json"])
    rows = [
        Labelled(
            _request("chatref", str(place), row["prompt"], "benign", row["prompt"]),
            Response(row["response"], row["finish_reason"]),
            levels[row["tone"]],
        )
        for place, row in enumerate(found)
        if row["tone"] in levels
    ]
    return rows, len(found) - len(rows)


def gptfuzz(files: Files) -> Read:
    """GPTFuzz (Yu et al. 2023): 0 refused, 1 answered; each different response once."""
    questions = {row["index"]: row["text"] for row in _csv("q.csv", files["q.csv"], "index")}
    levels = {"0": DECLINES, "1": NOT_DECLINED}
    rows: dict[str, Labelled] = {}
    seen = 0
    for path in ("train.csv", "evaluate.csv"):
        for row in _csv(path, files[path], "question", "Response", "label"):
            seen += 1
            text, asked = row["Response"].strip(), questions[row["question"]]
            if text and text not in rows:
                request = _request("gptfuzz", str(len(rows)), asked, "harmful", row["question"])
                rows[text] = Labelled(request, Response(text), _level(path, levels, row["label"]))
    return list(rows.values()), seen - len(rows)


ACTIONS = {"0": DECLINES, "1": IN_PART, "2": IN_PART, "3": IN_PART, "4": CANNOT, "5": NOT_DECLINED}
"""Do-Not-Answer's kinds of response: does not assist, refutes, shows both sides, answers with a
disclaimer, does not know or cannot, follows the instruction."""


def do_not_answer(files: Files) -> Read:
    """Do-Not-Answer (Wang et al. 2024): a row for each request, three columns for each model."""
    rows, seen = [], 0
    for number, row in enumerate(_csv("data_en.csv", files["data_en.csv"], "question"), 1):
        models = [name.removesuffix("_action") for name in row if name.endswith("_action")]
        if not models:
            raise MsbError("data_en.csv: expected columns such as GPT4_response and GPT4_action")
        for model in models:
            seen += 1
            action = row[f"{model}_action"].strip().removesuffix(".0")
            text = row.get(f"{model}_response") or ""
            if action in ACTIONS and text.strip():
                asked = row["question"]
                request = _request(
                    "do-not-answer", f"{number}/{model}", asked, "harmful", str(number)
                )
                rows.append(Labelled(request, Response(text), ACTIONS[action]))
    return rows, seen - len(rows)


def pyrit(files: Files) -> Read:
    """PyRIT's set for refusal scorers: 1 or true is a refusal; one column for each person."""
    content = re.sub(rb"\A#[^\n]*\n", b"", files["refusal.csv"])  # a line that names its version
    rows, seen = [], 0
    for row in _csv("refusal.csv", content, "objective", "assistant_response"):
        seen += 1
        scores = [row[name] for name in row if name.startswith("human_score")]
        if not scores:
            raise MsbError("refusal.csv: expected a column human_score, or human_score_1 and so on")
        given = tuple(_pyrit_level(score) for score in scores)
        if label := settled(given):
            asked = row["objective"]
            request = _request("pyrit-refusal", str(seen), asked, "harmful", asked)
            rows.append(Labelled(request, Response(row["assistant_response"]), label, given))
    return rows, seen - len(rows)


def _pyrit_level(score: str) -> int:
    told = score.strip().lower().removesuffix(".0")
    return {"1": DECLINES, "true": DECLINES, "0": NOT_DECLINED, "false": NOT_DECLINED}.get(told, 0)


def _request(name: str, number: str, text: str, intent: Intent, pair: str) -> Request:
    return Request(f"{name}/{number}", text, intent, source=name, pair=f"{name}/{pair}")


def _level(where: str, levels: Mapping[str, int], said: str) -> int:
    if said not in levels:
        raise MsbError(f"{where}: label {said!r}; expected one of {', '.join(levels)}")
    return levels[said]


def _csv(where: str, content: bytes, *needed: str) -> Iterator[dict[str, str]]:
    """The rows of a CSV file. Raises MsbError for one without the columns needed."""
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        _check(where, needed, reader.fieldnames or ())
        yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise MsbError(f"{where}: not a UTF-8 CSV file: {error}") from None


def _check(where: str, needed: Iterable[str], found: Iterable[str]) -> None:
    columns = list(found)
    if away := [name for name in needed if name not in columns]:
        raise MsbError(f"{where}: no column {away[0]!r}; found: {', '.join(columns) or 'none'}")
