"""The judge cards that the program ships, of the judges that it ships: computed anew and written.

    python bench/judge_cards.py --data ../shared/data

A card is of a judge as it is, by its key: run this whenever a shipped judge has changed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import orjson

from medsafetybench.checking import check
from medsafetybench.checking.sets import Choice
from medsafetybench.judges import open_judge
from medsafetybench.labelled import sets_at_hand
from medsafetybench.results import checked
from medsafetybench.results.plain import plain

JUDGES = ("screen", "phrases")
SETS = ("xstest", "chatref", "gptfuzz")


def main() -> None:
    """See the module's docstring."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    data = parser.parse_args().data
    if missing := set(SETS) - set(sets_at_hand(data)):
        parser.error(f"not at hand: {', '.join(sorted(missing))}; see msb data fetch")
    with tempfile.TemporaryDirectory() as folder:
        store, choice = Path(folder) / "checked.db", Choice(data_dir=data)
        cards = [
            plain(card)
            for judge in JUDGES
            for card in check([open_judge(judge)], SETS, store, choice).cards
        ]
    target = Path(checked.__file__).with_name(checked.SHIPPED)
    document = {"schema": 1, "cards": cards}
    target.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    for card in cards:
        print(f"{card['judge']} on {card['set']}: kappa {card['kappa'][0]:.3f}, n {card['n']:,}")


if __name__ == "__main__":
    main()
