"""Files with something wrong in them are read, or refused in a line: no traceback, no hang, no
flood. A short cut of what ``make fuzz`` tries for ten minutes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fuzzed import READERS, Reader
from medsafetybench.errors import MsbError

EXAMPLES = int(os.environ.get("MSB_FUZZ_EXAMPLES", "8"))


HEAVY = ("inspect", "inspect, packed", "a template")
"""Readers whose libraries take seconds to import: they are tried by ``make fuzz`` alone."""
LIGHT = [what for what in READERS if what not in HEAVY]


def tried(reader: Reader, content: bytes) -> str:
    """What was said of a file; empty if it was taken."""
    path = Path(f"fuzzed{reader.suffix}")
    path.write_bytes(content)
    started, said = time.process_time(), ""
    try:
        reader.read(path)
    except MsbError as error:
        said = str(error)
    assert said.isprintable()
    assert time.process_time() - started < 5
    return said


@pytest.mark.parametrize("what", LIGHT)
def test_a_valid_file_is_taken(what: str) -> None:
    assert tried(READERS[what], READERS[what].valid()) == ""


@pytest.mark.parametrize("what", LIGHT)
@given(st.integers(0, 2**32))
@settings(max_examples=EXAMPLES, phases=[Phase.generate])
def test_a_file_that_is_nearly_valid_is_read_or_refused_in_a_line(what: str, seed: int) -> None:
    tried(READERS[what], READERS[what].nearly(Random(seed)))
