"""Version 2 of the screen, taken from the history of this repository, to compare with.

    import bench.screen_v2; declined, seconds = run([(request, response), ...])

Its code and weights are unpacked into a temporary folder and run in a process of their own, so that
nothing of it is installed. A copy without the history has no version 2.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

COMMIT = "9181c39"
"""The last commit whose screen was version 2 with its own levels."""

_SCRIPT = """
import json, sys, time
from medsafetybench.judges.screen import Screen
screen, rows = Screen(), json.load(sys.stdin)
for _ in range(int(sys.argv[1])):
    start = time.process_time()
    declined = [screen.classify(*row).score == 1 for row in rows]
    seconds = min(time.process_time() - start, globals().get("seconds", 1e9))
json.dump([declined, seconds], sys.stdout)
"""


def run(rows: Sequence[tuple[str, str]], passes: int = 1) -> tuple[list[bool], float] | None:
    """Whether each response is a full refusal, and the processor seconds of the fastest pass.

    None where the history is not at hand.
    """
    root = Path(__file__).resolve().parents[1]
    command = ["git", "-C", str(root), "archive", COMMIT, "src/medsafetybench"]
    packed = subprocess.run(command, capture_output=True, check=False)
    if packed.returncode:
        return None
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, str(passes)],
            input=json.dumps(list(rows)),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": f"{folder}/src", "OMP_NUM_THREADS": "1"},
        )
    declined, seconds = json.loads(done.stdout)
    return declined, seconds
