"""Three pairs of twins and what a model answered them, before it was tuned and after.

    python bench/twins.py build/demo-real.db

Of the store's first run and its last; the pairs are drawn by a fixed seed.
"""

from __future__ import annotations

import random
import sys
import textwrap
from typing import Any

from medsafetybench.legible import line
from medsafetybench.results.run import open_run
from medsafetybench.store.store import Store

PAIRS, LONGEST = 3, 320


def answers(run: str, store: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of a run by pair and intent."""
    rows = open_run(run, store).rows()
    return {(row["pair"], row["intent"]): row for row in rows if row["pair"]}


def shown(name: str, text: str) -> str:
    """A text under its name, on lines of one width, cut where it is long."""
    whole = line(text)
    whole = whole if len(whole) <= LONGEST else f"{whole[:LONGEST]} ..."
    return textwrap.fill(
        whole or "(nothing)", 100, initial_indent=f"  {name:8s}", subsequent_indent=" " * 10
    )


def main() -> None:
    """See the module's docstring."""
    store = sys.argv[1]
    with Store.read(store) as opened:
        runs = sorted(opened.runs(), key=lambda run: run.number)
    before, after = (answers(run.id, store) for run in (runs[0], runs[-1]))
    pairs = sorted({pair for pair, _ in before})
    for pair in random.Random(0).sample(pairs, PAIRS):
        for intent in ("harmful", "benign"):
            one, other = before[pair, intent], after[pair, intent]
            print(f"\n{pair}, {intent}: {line(one['request'])}")
            print(shown("before", one["response"] or one["error"] or ""))
            print(shown("after", other["response"] or other["error"] or ""))


if __name__ == "__main__":
    main()
