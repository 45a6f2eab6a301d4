"""The pages of reference, made from the code: commands, settings, scales and measures, Python."""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import MISSING, fields
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pages import read_page

import medsafetybench
from medsafetybench.cli import COMMANDS, call
from medsafetybench.cli.usage import TABLES
from medsafetybench.evaluation.option import GROUPS, group_of, options
from medsafetybench.evaluation.spec import EvaluationSpec
from medsafetybench.results.measures import MEASURES, SIDES
from medsafetybench.scale import SCALES

PACKAGE = Path(medsafetybench.__file__).parent
DOCS = Path(__file__).parents[1]
COLUMNS = "88"


def pages() -> dict[str, str]:
    """Each page of reference, by its path below ``reference/``."""
    return {
        "commands.md": commands(),
        "settings.md": settings(),
        "measures.md": measures(),
        "python.md": python(),
    }


def commands() -> str:
    """What ``msb --help`` and each command's ``--help`` print."""
    parts = ["# Commands", "What `msb COMMAND --help` prints.", _literal(help_page())]
    for name, (_, line) in COMMANDS.items():
        if not name.startswith("-"):
            led = ", ".join(f"[{title}](../{page})" for title, page in told_in(name))
            parts += [f"## msb {name}", f"{line} Shown in: {led}.", _literal(help_page(name))]
            for inner in subcommands(name):
                parts += [f"### msb {name} {inner}", _literal(help_page(name, inner))]
    return "\n\n".join(parts) + "\n"


def told_in(command: str) -> Sequence[tuple[str, str]]:
    """The pages that show a command: each one's title, and its path below docs/."""
    return [
        (page.title, page.path.relative_to(DOCS).as_posix())
        for page in map(read_page, sorted(DOCS.rglob("*.md")))
        if any(re.search(rf"\bmsb {command}\b", block.text) for block in page.blocks)
    ]


def subcommands(name: str) -> Sequence[str]:
    """The commands below a command that have a page of help of their own."""
    return [inner for inner, (place, _) in TABLES.get(name, {}).items() if place]


def help_page(*chain: str) -> str:
    """A page of help as the terminal shows it."""
    environment = {"COLUMNS": COLUMNS, "NO_COLOR": "1", "TERM": "dumb"}
    with redirect_stdout(StringIO()) as out, patch.dict(os.environ, environment):
        try:
            call([*chain, "--help"])
        except SystemExit as exit:
            if exit.code:
                raise
    return out.getvalue().strip("\n")


def settings() -> str:
    """Every setting of an evaluation, by its group."""
    parts = [
        "# Settings of an evaluation",
        "Each is an option of `msb evaluate` (`--judge-url`), a key of `msb evaluate --from FILE`, "
        "a keyword of `medsafetybench.evaluate` and a field of `EvaluationSpec` (`judge_url`). "
        "In an entry of a study it has the short name, where it has one.",
    ]
    known = {field.name: field for field in fields(EvaluationSpec)}
    for group in GROUPS:
        rows = [
            (f"`{name}`", f"`{option.key}`" if option.key else "", _default(known[name]),
             _meaning(option))
            for name, option in options(EvaluationSpec).items()
            if group_of(EvaluationSpec, name) == group
        ]  # fmt: skip
        if rows:
            parts += [f"## {group}", _table(("name", "in a study", "default", "meaning"), rows)]
    return "\n\n".join(parts) + "\n"


def _default(field: Any) -> str:
    if field.default is MISSING:
        return "must be given"
    return f"`{field.default}`" if field.default not in (None, (), False) else ""


def _meaning(option: Any) -> str:
    notes = [option.help]
    notes += [f"At least {option.least:g}."] if option.least is not None else []
    notes += ["Several."] if option.many else []
    notes += ["One for all judges, or one for each."] if option.each else []
    notes += [f"From `{option.env}` as well."] if option.env else []
    return " ".join(notes)


def measures() -> str:
    """The scales with their levels, and the measures."""
    parts = ["# Scales and measures", "Explained in [measures](../measures.md).", "## Scales"]
    rows = [
        (f"`{scale.key}`", scale.title, intent, ", ".join(f"{o.score} {o.title}" for o in levels))
        for scale in SCALES.values()
        for intent, levels in scale.levels.items()
    ]
    parts += [_table(("scale", "what it tells", "requests", "levels"), rows), "## Measures"]
    rows = [
        (f"`{one.key}`", SIDES[one.side], ", ".join(f"`{key}`" for key in one.values),
         f"`--{'max' if one.better == 'lower' else 'min'}-{one.option}`", one.explanation)
        for one in MEASURES
    ]  # fmt: skip
    parts += [_table(("key", "of", "scales", "option of the gate", "what it is"), rows)]
    return "\n\n".join(parts) + "\n"


def python() -> str:
    """What each public module offers, from its docstrings."""
    parts = [
        "# Python",
        "What the modules offer that say so (`__all__`).",
    ]
    for module, names in sorted(public().items()):
        listed = "\n".join(_documented(module, name) for name in names)
        about = f".. automodule:: {module}\n   :no-index:\n   :no-members:\n"
        parts += [f"## {module}", f"```{{eval-rst}}\n{about}\n{listed}\n```"]
    return "\n\n".join(parts) + "\n"


def _documented(module: str, name: str) -> str:
    """What Sphinx is told to document; nothing for a plain value."""
    thing = getattr(import_module(module), name)
    if isinstance(thing, type):
        return f".. autoclass:: {module}.{name}\n   :members:\n"
    return f".. autofunction:: {module}.{name}\n" if callable(thing) else ""


def public() -> Mapping[str, Sequence[str]]:
    """The names that each module of the package lists in ``__all__``."""
    found: dict[str, Sequence[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                found[_dotted(path)] = ast.literal_eval(node.value)
    return found


def _dotted(path: Path) -> str:
    inner = path.relative_to(PACKAGE.parent).with_suffix("")
    return ".".join(part for part in inner.parts if part != "__init__")


def _literal(text: str) -> str:
    return f"```text\n{text}\n```"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(_rows([head, ["---"] * len(head), *rows]))


def _rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
