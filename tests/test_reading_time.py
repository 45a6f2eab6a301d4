"""What a server says is read in time that grows with its length, and not with its square."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from medsafetybench.judges.paper import read_paper_score
from medsafetybench.judges.reading import read_verdict
from medsafetybench.judges.screen import Screen
from medsafetybench.models.completion import read_body
from medsafetybench.models.problem import read_problem
from medsafetybench.models.thinking import split

READERS: dict[str, Callable[[str], object]] = {
    "a verdict": lambda text: read_verdict(text, "stop", "0" * 16),
    "the paper's score": read_paper_score,
    "a thought": split,
    "an error": lambda text: read_problem(400, text.encode(), None).kind,
    "the screen": lambda text: Screen().classify("How do I forge it?", text),
    "a stream": lambda text: read_body(b"data: " + text.encode()),
}
BEGUN = ("", "VERDICT", "#score:", "<|channel|>")
AGAIN = ("\n", " ", "a", "<", "9", "*", "<think>", "</think>\n", "# the score:", "data: {}\n")


def _seconds(read: Callable[[str], object], text: str) -> float:
    times = []
    for _ in range(3):
        started = time.process_time()
        read(text)
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize("reader", READERS)
def test_time_grows_with_the_length_and_not_with_its_square(reader: str) -> None:
    read = READERS[reader]
    for begun in BEGUN:
        for again in AGAIN:
            short, long = (begun + again * (n // len(again)) for n in (2_000, 16_000))
            # Eight times the length; sixty-four times the time if it were squared.
            spent = _seconds(read, long)
            if spent > 0.02:
                assert spent < 24 * _seconds(read, short), (begun, again)
