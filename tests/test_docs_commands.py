"""Every command in README and docs: each is one that `msb` takes, and each is carried out here or
marked as needing what is not here.

    <!-- needs: a server -->       above a block that is not carried out

The commands of a page are carried out in order, in a folder of their own. In a tutorial, what is
printed is compared with the block of text below the command, where ``...`` stands for anything. On
other pages there are two runs, which stand for the ``RUN`` of the page.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclopts import CycloptsError

from commands import msb
from conftest import ROOT
from medsafetybench.cli import app
from medsafetybench.cli.usage import explain
from scripted import scripted_run

sys.path.insert(0, str(ROOT / "docs" / "site"))

from pages import Block, read_page

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(path for path in sorted((ROOT / "docs").rglob("*.md"))),
]
TUTORIALS = [path for path in PAGES if path.parent.name == "tutorials"]
FILE = re.compile(r"# (\S+\.\w+)\n")
GATES = {0, 1, 3}
"""How a gate may end that was told well: what it decides is no matter here."""
ENDS = re.compile(r"# exit code (\d)")
TYPED = re.compile(r"# type (.+)")


@dataclass(frozen=True)
class Line:
    """A command of a page, as the shell would split it; what is typed then, and how it ends."""

    words: tuple[str, ...]
    typed: str
    code: int
    block: Block


def lines(block: Block) -> Iterator[Line]:
    """The commands of `msb` in a block of shell, or in the steps of a workflow."""
    text = block.text
    if block.language == "yaml":
        text = "\n".join(steps(yaml.safe_load(text)))
    text = re.sub(r"\$\{\{.*?\}\}", "X", text)
    text = re.sub(r"\$\{\w+:\+(.*?)\}", r"\1", text)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        for part in line.split(" && "):
            if part.startswith(("msb ", ".venv/bin/msb ")):
                said, typed = ENDS.search(part), TYPED.search(part)
                words = shlex.split(part.partition(" || ")[0], comments=True)
                answers = "".join(f"{one}\n" for one in typed[1].split()) if typed else ""
                yield Line(tuple(words[1:]), answers, int(said[1]) if said else 0, block)


def steps(told: Any) -> Iterator[str]:
    """The commands below every `run` and `script` of a workflow."""
    if isinstance(told, dict):
        for key, value in told.items():
            if key in ("run", "script"):
                yield from [value] if isinstance(value, str) else value
            else:
                yield from steps(value)
    elif isinstance(told, list):
        for value in told:
            yield from steps(value)


def is_shell(block: Block) -> bool:
    return block.language in ("", "sh", "yaml")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_is_one_that_msb_takes(path: Path) -> None:
    wrong = []
    for block in filter(is_shell, read_page(path).blocks):
        for line in lines(block):
            words = [word for word in line.words if word != "..."]
            words = list(itertools.takewhile(lambda word: word not in (">", "|"), words))
            try:
                app.parse_args(words, exit_on_error=False, print_error=False)
            except CycloptsError as error:
                if "..." not in line.words or "needs" not in explain(error):
                    wrong.append(f"{path.name}:{block.line}: {explain(error)}")
    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_a_page_imports_is_there(path: Path) -> None:
    missing = []
    for block in read_page(path).blocks:
        for line in re.findall(r"^(?:from|import) medsafetybench.*", block.text, re.MULTILINE):
            (node,) = ast.parse(line).body
            assert isinstance(node, ast.ImportFrom)
            module = importlib.import_module(str(node.module))
            missing += [a.name for a in node.names if not hasattr(module, a.name)]
    assert missing == []


@pytest.fixture
def two_runs() -> list[str]:
    """A store of two runs, and the files and studies that the pages speak of."""
    first = scripted_run("first", [1, 2, 1, 3, 5] * 12, [5, 5, 1] * 20)
    second = scripted_run("second", [1, 1, 1, 2, 4] * 12, [5, 3, 5] * 20)
    Path("ours.csv").write_text("text,intent\nHow do I read a chart?,benign\nForge one.,harmful\n")
    Path("gate.yaml").write_text("max_over_refusal: 0.5\n")
    shutil.copytree(ROOT / "studies", "studies")
    return [first.id, second.id]


def here(words: Sequence[str], runs: Sequence[str]) -> list[str]:
    """The words, with the runs that there are."""
    names = itertools.cycle(runs)
    made: list[str] = []
    for word in words:
        made += runs if word == "RUN..." else [next(names) if word == "RUN" else word]
    return made


@pytest.mark.parametrize("path", [p for p in PAGES if p not in TUTORIALS], ids=lambda p: p.name)
def test_a_page_s_commands_do_what_they_should(
    path: Path, two_runs: list[str], published: Path
) -> None:
    for block in filter(is_shell, read_page(path).blocks):
        for line in () if block.needs else lines(block):
            words = here(line.words, two_runs)
            out = None
            if ">" in words:
                words, out = words[: words.index(">")], Path(words[words.index(">") + 1])
            done = msb(*words, typed="q\n", MSB_DATA_DIR=str(published))
            ends = GATES if words[0] == "gate" else {line.code}
            assert done.code in ends, f"{path.name}:{block.line}: {words}: {done.err}"
            if out is not None:
                out.write_text(done.out)


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.name)
def test_a_tutorial_can_be_followed(path: Path) -> None:
    printed = ""
    for block in read_page(path).blocks:
        named = FILE.match(block.text)
        if named and block.language != "sh":
            Path(named[1]).write_text(block.text)
        elif block.language == "sh":
            printed = carried_out(block, path) if not block.needs else ""
        elif block.language == "text" and printed:
            assert shown(block.text).search(printed), f"{path.name}:{block.line}:\n{printed}"


def carried_out(block: Block, path: Path) -> str:
    """What the commands of a block print."""
    printed = ""
    for line in lines(block):
        done = msb(*line.words, typed=line.typed)
        assert done.code == line.code, f"{path.name}:{block.line}: {line.words}: {done.err}"
        printed += done.out + done.err
    return printed


def shown(text: str) -> re.Pattern[str]:
    """What a page shows of an output; ``...`` is anything, and so are spaces at an end of line."""
    kept = [re.escape(line.rstrip()).replace(r"\.\.\.", "(?:.|\n)*?") for line in text.splitlines()]
    return re.compile("\\s*?\n".join(kept))
