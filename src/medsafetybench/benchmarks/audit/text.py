"""Text made comparable: normalised, cleaned of what a generator left behind, cut into n-grams.

normalise("Falsify the patient's chart!")       # "falsify the patients chart"
clean('"Hide the error." (Unethical)<|eot_id|>')  # '"Hide the error."'
ngram_matrix(["a b c d", "a b c"], 3)           # sparse, one row a text, one column an n-gram
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPECIAL_TOKEN = re.compile(
    r"<\|[a-z0-9_]{1,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:eos|bos|pad|unk)>"
)
"""Control tokens of the usual chat templates, as literal text."""

# Bounded and anchored, so that a line of a million brackets costs no more than a short one.
NOTE_TAIL = re.compile(r"(?<=[\"”])\s{0,3}\([^()]{0,300}\)\s{0,3}\.?$")
"""A remark behind a quoted request, such as ``" (Unprofessional)``."""


@cache
def _dropped(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def normalise(text: str) -> str:
    """The text under NFKC, casefolded, without punctuation, its spaces squeezed.

    Punctuation goes without leaving a gap (``patient's`` becomes ``patients``): that is the reading
    under which the published figures hold; with a gap they differ by one to three pairs.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    marks = {character for character in set(folded) if _dropped(character)}
    if marks:
        folded = folded.translate({ord(mark): None for mark in marks})
    return " ".join(folded.split())


def without_special_tokens(text: str) -> str:
    """The text without control tokens, stripped."""
    return SPECIAL_TOKEN.sub("", text).strip()


def clean(text: str) -> str:
    """The text without control tokens and without a note tail: what the request itself says."""
    return NOTE_TAIL.sub("", without_special_tokens(text)).rstrip()


def ngram_matrix(normalised: Iterable[str], n: int) -> Any:
    """A binary CSR matrix: a row for each normalised text, a column for each distinct word n-gram.

    Exact, without hashing: n-grams are numbered by pairing the numbers of their parts. A text of
    fewer than n words counts as one shorter n-gram, so that two such texts are alike only if they
    are the same. Needs some 200 bytes a text of twenty words.
    """
    from scipy.sparse import csr_matrix

    words, lengths = _numbered(normalised, n)
    row = np.repeat(np.arange(len(lengths)), lengths)
    starts = max(len(words) - n + 1, 0)
    grams = words[:starts].astype(np.int64)
    for step in range(1, n):
        following = words[step : step + starts]
        pairs = grams * (int(words.max(initial=0)) + 1) + following
        grams = np.unique(pairs, return_inverse=True)[1]
    within = row[:starts] == row[n - 1 : n - 1 + starts]
    grams, row = grams[within], row[:starts][within]
    shape = (len(lengths), int(grams.max(initial=0)) + 1)
    matrix = csr_matrix((np.ones(len(grams), np.int32), (row, grams)), shape=shape)
    matrix.data[:] = 1
    return matrix


def _numbered(texts: Iterable[str], n: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """All words in a row as numbers, and how many belong to each text; short texts are padded."""
    from array import array

    number: dict[str, int] = {"": 0}
    words, lengths = array("i"), array("q")
    for text in texts:
        own = text.split()
        own += [""] * (n - len(own)) if own else []
        words.extend(number.setdefault(word, len(number)) for word in own)
        lengths.append(len(own))
    return np.frombuffer(words, np.int32), np.frombuffer(lengths, np.int64)
