"""Every reader of what comes from elsewhere, against files with something wrong in them.

    PYTHONPATH=tests python bench/fuzz.py --seconds 600      # what `make fuzz` does
    PYTHONPATH=tests python bench/fuzz.py --only "a study" --seed 7

Each reader (tests/fuzzed.py) is tried in turn in a process of its own, with another seed each time,
until the time is over. A file that is not read and not refused in one line, that takes more than
five seconds of the processor (or of waiting four times that), or a gigabyte, is a fault: it is kept
in build/fuzz, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzzed import READERS, Reader
from medsafetybench.errors import MsbError

LONGEST, MOST = 5.0, 1 << 30
"""Seconds and bytes that reading one file may take."""
TURN = 8.0
"""Seconds that each reader is tried for at a time."""


@dataclass
class Tried:
    """What came of the files that one reader was given."""

    taken: int = 0
    refused: int = 0
    longest: float = 0.0
    faults: dict[str, bytes] = field(default_factory=dict)


def attempt(reader: Reader, content: bytes, tried: Tried) -> None:
    """Have a file read, and count what came of it."""
    path = Path(f"fuzzed{reader.suffix}")
    path.write_bytes(content)
    faulthandler.dump_traceback_later(4 * LONGEST, exit=True)  # ends what never comes back as well
    started = time.process_time()
    try:
        reader.read(path)
        tried.taken += 1
    except MsbError as error:
        tried.refused += 1
        if not str(error).isprintable():
            tried.faults.setdefault(f"more than a line: {error!r:.80}", content)
    except Exception as error:
        tried.faults.setdefault(_where(error), content)
    finally:
        faulthandler.cancel_dump_traceback_later()
        took = time.process_time() - started
        tried.longest = max(tried.longest, took)
        if took > LONGEST:
            tried.faults.setdefault(f"took {took:.0f} s", content)


def _where(error: Exception) -> str:
    """The error and the innermost line of ours that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "medsafetybench" in f.filename] or frames
    said = " ".join(str(error).split())[:80]
    return f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}: {said}"


def turn(what: str, number: int, seconds: float, answer: Any) -> None:
    """Try one reader for a while, in a folder and a process of its own."""
    reader, tried, until = READERS[what], Tried(), time.monotonic() + seconds
    chance = random.Random(number)
    valid = Path(f"fuzzed{reader.suffix}")
    valid.write_bytes(reader.valid())
    reader.read(valid)  # what is imported for it is no part of the time
    while time.monotonic() < until:
        attempt(reader, reader.nearly(chance), tried)
    answer.send(tried)


def in_a_process(what: str, number: int, seconds: float) -> tuple[Tried, float]:
    """What came of one turn, and the megabytes that it took."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
            child = multiprocessing.get_context("fork").Process(
                target=turn, args=(what, number, seconds, theirs)
            )
            child.start()
            theirs.close()
            try:
                tried = ours.recv()
            except EOFError:  # it was ended at LONGEST, or has run out of memory
                content = Path(f"fuzzed{READERS[what].suffix}").read_bytes()
                tried = Tried(faults={f"ended, or more than {4 * LONGEST:g} s": content})
            child.join()
        finally:
            os.chdir(before)
    return tried, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--only", choices=READERS, action="append")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    told = parser.parse_args()
    kept, until, n = Path("build/fuzz").absolute(), time.monotonic() + told.seconds, Counter[str]()
    limit = MOST + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (4 * limit, resource.RLIM_INFINITY))
    faults: dict[tuple[str, str], Path] = {}
    print(f"seed {told.seed}")
    number, turns = told.seed, told.only or list(READERS)
    longest: dict[str, float] = {}
    while time.monotonic() < until:
        for what in turns:
            number += 1
            tried, most = in_a_process(what, number, min(TURN, told.seconds / len(turns)))
            if most * 2**20 > limit:
                tried.faults[f"more than {MOST >> 20} MiB"] = b""
            n["taken"] += tried.taken
            n["refused"] += tried.refused
            longest[what] = max(longest.get(what, 0), tried.longest)
            for fault, content in tried.faults.items():
                if (what, fault) not in faults:
                    kept.mkdir(parents=True, exist_ok=True)
                    path = kept / f"{len(faults)}{READERS[what].suffix}"
                    path.write_bytes(content)
                    faults[what, fault] = path
                    print(f"{what}: {fault}\n    {path}, seed {number}", flush=True)
    slowest = max(longest, key=lambda what: longest[what])
    print(
        f"{n['taken']:,} files taken, {n['refused']:,} refused in a line, {len(faults)} faults; "
        f"the slowest took {longest[slowest]:.2f} s ({slowest}), the largest {most:,.0f} MiB"
    )
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
