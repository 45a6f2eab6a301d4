"""What keeps the house readable: sizes of files and functions, and arrows that point down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "medsafetybench"
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_COMMAND = 400, 60, 40

ROOMS = (
    *("errors", "scale", "legible", "textfiles", "yamltext", "demo", "records"),
    *("taxonomy", "statistics", "cluster"),
    *(
        "wholefiles",
        "documents",
        "jsontext",
        "cells",
        "conversations",
        "tables",
        "fields",
        "protocol",
        "coherence",
    ),
    *("benchmarks", "labelled", "models", "targets", "judges", "store", "results", "batches"),
    *("evaluation",),
    *("checking", "capability", "studies", "improvement", "building", "reporting", "explorer"),
    *("integrations", "site", "cli"),
)
"""From the ground up: a room imports from those before it."""


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without the docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    statements = function.body[1:] if documented else function.body
    if not statements:
        return 0
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imported_rooms(path: Path, tree: ast.Module) -> Iterator[str]:
    """The rooms that a file imports from, late imports included, those for types alone not."""
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == depth and node not in typing_only:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (name.partition(".")[0] for name in names)


def test_files_can_be_read_in_a_sitting() -> None:
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in trees()}
    assert [f"{p.name}: {n}" for p, n in sizes.items() if n > LONGEST_FILE] == []
    assert 80 <= median(n for n in sizes.values() if n > 5) <= 150


def test_functions_are_small() -> None:
    long = []
    for path, tree in trees().items():
        for function in functions(tree):
            length = (function.end_lineno or 0) - function.lineno + 1
            if room(path) == "cli":
                if body_lines(function) > LONGEST_COMMAND:
                    long.append(f"{path.name}:{function.name}: {body_lines(function)}")
            elif length > LONGEST_FUNCTION:
                long.append(f"{path.name}:{function.name}: {length}")
    assert long == []


def test_every_function_says_what_it_returns() -> None:
    untyped = [
        f"{path.name}:{function.name}"
        for path, tree in trees().items()
        for function in functions(tree)
        if function.returns is None
    ]
    assert untyped == []


def test_arrows_point_down() -> None:
    up = {
        f"{path.relative_to(PACKAGE)} -> {name}"
        for path, tree in trees().items()
        for name in imported_rooms(path, tree)
        if name in ROOMS and room(path) in ROOMS
        if ROOMS.index(name) > ROOMS.index(room(path))
    }
    assert sorted(up) == []
