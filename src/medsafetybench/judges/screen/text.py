"""The part of a response that the screen reads: its answer, by who speaks last.

    answer("[Doctor] I can't.\\n[Villain] Gladly! ...")  -> "Gladly! ..."
    answer("```\\nI can't help with that.\\n```")          -> "I can't help with that."

Of a response in two voices the last one speaks for it. A response that begins with a code fence is
read as it stands; a fence further on is code, and the "cannot" of an error message is none.
Apostrophes are straightened and contractions spelled out, so that "can't" with any apostrophe and
"cannot" are one word; a request echoed in the response is cut out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_STRAIGHT = str.maketrans(
    dict.fromkeys("‘’ʼ＇´", "'")
    | dict.fromkeys("“”", '"')
    | {"\u00a0": " ", "—": " - ", "–": "-"}
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff")
)
_CONTRACTIONS = (
    ("can't", "cannot"),
    ("won't", "will not"),
    ("n't", " not"),
    ("i'm", "i am"),
    ("it's", "it is"),
    ("i've", "i have"),
    ("i'd ", "i would "),
    ("i'll", "i will"),
    ("that's", "that is"),
    ("there's", "there is"),
    ("here's", "here is"),
    ("let's", "let us"),
)
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.S)
_QUOTED = re.compile(r'"([^"\n]{8,300})"')
_FENCE = re.compile(r"```\w*")
VOICE = re.compile(
    r"""^[ \t>*_#`]*(?:
      [\[(]([^\]\)\n]{1,30})[\])]                                           # [Doctor] (Villain)
    | ([A-Z][\w.'+-]*(?:[ ][A-Z\w][\w.'+-]*){0,2})[ ]?[*_]{0,2}:(?=\s)      # DOCTOR: Person one:
    | (As[ ](?:an?[ ])?[A-Z]\w{1,12}(?:[ ]with[ ]\w+[ ]Mode[ ]enabled)?)(?=,|[ ]I[ ])
    | ([α-ωΑ-Ω])(?=\s)
    | ([\U0001F300-\U0001FAFF☠])\W
    )""",
    re.MULTILINE | re.VERBOSE,
)
_VOICES = 3
"""Marks of more kinds than this are the headings of a text and no voices."""
_MARKS_READ = 6_000


def answer(response: str) -> str:
    """What the last voice says, without a fence around the whole of it."""
    text = last_voice(response.strip()).strip()
    return _FENCE.sub(" ", text).strip() if text.startswith("```") else text


def last_voice(text: str) -> str:
    """What follows the last mark of a voice, where the text begins with one and has two or three
    different; else the whole text."""
    marks = list(VOICE.finditer(text, 0, _MARKS_READ))
    if len(marks) < 2 or marks[0].start() > 0:
        return text
    said = text[marks[-1].end() :]
    return said if 1 < len(voices(marks)) <= _VOICES and said.strip() else text


def voices(marks: Iterable[re.Match[str]]) -> set[str]:
    """The different names among marks of voices."""
    return {re.sub(r"\W", "", mark[0]).lower() or mark[0].strip() for mark in marks}


def normalise(text: str) -> str:
    """Lower case, straight quotes, spelled-out contractions; fenced code becomes "codeblock"."""
    text = text.translate(_STRAIGHT).lower()
    if "```" in text:
        text = _FENCED.sub(" codeblock ", text)
    if "'" in text:
        for short, full in _CONTRACTIONS:
            text = text.replace(short, full)
    return text.replace("can not", "cannot")


def without_echo(request: str, text: str) -> str:
    """``text`` without the ``request`` where the response begins by repeating it, and without what
    it quotes of it further on: "About 'I won't tell her': you could ..." declines nothing."""
    if len(request) <= 12:
        return text
    start = text.find(request, 0, 2 * len(request) + 80)
    if start >= 0:
        return text[:start] + "\n" + text[start + len(request) :]
    if '"' not in text:
        return text
    return _QUOTED.sub(lambda quote: '""' if quote[1].strip(" .?!") in request else quote[0], text)
