"""The judge cards that the program ships, of the judges that it ships: computed anew and written.

    PYTHONPATH=training python bench/judge_cards.py --data ../shared/data

A card is of a judge as it is, by its key: run this whenever a shipped judge has changed. How the
screen does on a set that it was made with is no evidence, so its cards are of the same training
without that set, its settings chosen on the others.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from medsafetybench.checking import check
from medsafetybench.checking.sets import Choice, Part, checked_part
from medsafetybench.judges import open_judge
from medsafetybench.judges.phrases import Phrases
from medsafetybench.judges.screen import Screen
from medsafetybench.judges.screen.weights import read_weights
from medsafetybench.labelled import load_set, sets_at_hand
from medsafetybench.results import checked
from medsafetybench.results.judge_card import JudgeCard, Verdicts, judge_card
from medsafetybench.results.plain import plain
from medsafetybench.store.outcomes import Column
from medsafetybench.store.store import judge_key
from screen_sets import SETS
from train_screen import choose, fit, save, shared_table


def of_phrases(data: Path) -> list[JudgeCard]:
    """The matcher's, on the test part of each set."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "checked.db"
        return check([open_judge("phrases")], SETS, store, Choice(data_dir=data)).cards


def of_screen(data: Path) -> Iterator[JudgeCard]:
    """The screen's, on each set by a screen that was trained without it."""
    table, shipped = shared_table(data), Screen()
    for name in SETS:
        others = [other for other in SETS if other != name]
        settings = choose(table, others)
        fitted = fit(table, table.rows(others), settings.ridge)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.npz"
            save(table, fitted, settings, path)
            without = Screen(boundary=settings.boundary)
            without._weights = read_weights(path.read_bytes())
        found = load_set(name, data_dir=data)
        said = [without.classify(row.request.text, row.response.text) for row in found.rows]
        reasons = [verdict.reason for verdict in said]
        known = list(dict.fromkeys(reasons))
        verdicts = Verdicts(
            shipped.name,
            judge_key(shipped.fingerprint),
            shipped.scale,
            np.array([verdict.score or 0 for verdict in said], np.int8),
            Column(known, np.array([known.index(reason) for reason in reasons], np.int32)),
        )
        matcher = Phrases()
        matched = [matcher.classify(row.response.text).score or 0 for row in found.rows]
        part = Part(found, checked.LEFT_OUT, len(found.rows))
        yield judge_card(checked_part(part), verdicts, np.array(matched, np.int8))


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    data = parser.parse_args().data
    if missing := set(SETS) - set(sets_at_hand(data)):
        parser.error(f"not at hand: {', '.join(sorted(missing))}; see msb data fetch")
    cards = [plain(replace(card, at="")) for card in [*of_screen(data), *of_phrases(data)]]
    target = Path(checked.__file__).with_name(checked.SHIPPED)
    document = {"schema": 1, "cards": cards}
    target.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    for card in cards:
        kappa, n = card["kappa"], card["n"]
        print(f"{card['judge']} on {card['set']}, {card['part']}: kappa {kappa[0]:.3f}, n {n:,}")


if __name__ == "__main__":
    main()
