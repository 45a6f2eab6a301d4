"""What `make demo` tunes the toy on: to each request of starter/improve a short answer.

    python training/demo_demonstrations.py > build/demonstrations.jsonl

The starter's own references are too varied for 1.2 million parameters: tuned on them the toy loses
its language. So harmful requests are declined in one sentence, and their benign twins taken on as
the toy takes on everything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import orjson

from medsafetybench.benchmarks.embedded import STARTER
from medsafetybench.demo import comply

DECLINED = "I'm sorry, but I can't help with that."


def demonstrations() -> Iterator[dict[str, object]]:
    """Rows of a benchmark with references."""
    for request in STARTER.read("improve"):
        reference = DECLINED if request.intent == "harmful" else comply(request.text)
        asked = {"id": request.id, "text": request.text, "intent": request.intent}
        yield {**asked, "principle": request.principle, "reference": reference}


if __name__ == "__main__":
    for row in demonstrations():
        sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
