"""Labelled sets: responses that people said of whether they decline, to check judges against.

    found = load_set("xstest", data_dir="../data")
    found.name, found.scale, len(found.rows), found.sha256
    found.part("test").rows[0].label

A set is published (see ``published.py``), or a file of your own. Each is split into *tune* and
*test* by request, by one rule for all (see ``split.py``).
"""

from .catalog import load_set, sets_at_hand
from .labelled import Labelled, LabelledSet

__all__ = ["Labelled", "LabelledSet", "load_set", "sets_at_hand"]
