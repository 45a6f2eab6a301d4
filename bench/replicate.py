"""The paper's experiment at toy scale: the demo model tuned on the published demonstrations.

    python bench/replicate.py --data ../shared/data -o build/replicate

Families med, gen and both without benign examples, as published, and med with benign ones mixed in
(+mix), five sizes, three seeds; safety on the 900 published requests to evaluate on, over-refusal
on the starter's benign twins and on XSTest's safe prompts, and a capability probe. What is mixed in
are the demo model's own answers to everyday requests of our wording (demo_text.py) and to the
starter's benign requests to improve on: neither is derived from what over-refusal is measured on.
The commands are printed, and each can be run by hand. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable
from pathlib import Path

from demo_text import everyday
from replication import benign, msb, own_answers, requests, xstest

EVERYDAY = 450
SHORT = ("--max-tokens", "48")
"""Enough to tell a refusal from an answer."""


def everyday_requests() -> Iterable[str]:
    """Distinct everyday requests of our own wording."""
    rng = random.Random(1)
    texts: dict[str, None] = {}
    while len(texts) < EVERYDAY:
        texts[everyday(rng)] = None
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("-o", "--output", type=Path, default=Path("build/replicate"))
    parser.add_argument("--families", default="med,gen,both,med+mix")
    parser.add_argument("--sizes", default="100,300,500,700,900")
    parser.add_argument("--seeds", default="0,1,2")
    asked = parser.parse_args()

    output, store = asked.output, str(asked.output / "replicate.db")
    daily = benign(output / "everyday.jsonl", everyday_requests())
    safe = requests(output / "xstest-safe.jsonl", xstest(asked.data, "safe"))
    mix = []
    for benchmark, share in ((daily, "0.5"), ("starter/improve", "0.25")):
        mix += ["--mix", f"{own_answers('hf:demo', benchmark, store)}:{share}"]
    msb(
        *("sweep", "--base", "hf:demo", "--recipe", "toy", *mix, "-o", str(output)),
        *("--families", asked.families, "--sizes", asked.sizes, "--seeds", asked.seeds),
        *("--evaluate-on", "medsafety/eval", "--evaluate-on", "starter/eval"),
        *("--evaluate-on", safe, "--capability", "probe", *SHORT),
        *("--data-dir", str(asked.data), "--store", store),
    )


if __name__ == "__main__":
    main()
