"""One way to write a file: whole, its owner's alone, through no link."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import medsafetybench
from commands import msb
from medsafetybench.building.project import Config, Project, append
from medsafetybench.errors import MsbError
from medsafetybench.wholefiles import adding, appearing_folder, put
from scripted import scripted_run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX")

PACKAGE = Path(medsafetybench.__file__).parent
WRITERS = {
    *("write_text", "write_bytes", "touch", "symlink_to", "hardlink_to"),
    *("mkstemp", "NamedTemporaryFile", "TemporaryFile", "mktemp"),
    *("save_pretrained", "savefig", "write_table", "ParquetWriter", "to_csv", "to_parquet"),
    *("copy", "copy2", "copyfile", "copytree", "tofile", "savez", "save_file"),
}
SAFE = {"appearing", "appearing_folder", "put", "adding"}
EXCUSED = {
    "wholefiles.py": "the one writer",
    "tables/writing.py": "each is given what `appearing` made",
    "store/database.py": "a copy of the store, by mkstemp and with the store's own mode",
    "batches/http.py": "what goes up or came down, in a folder or a file of its own without a name",
    "models/hf_gguf.py": "weights, into a TemporaryDirectory in the cache",
    "reporting/figures.py": "into memory",
    "improvement/checkpoints.py": "an empty mark in a folder of a training's own",
    "cli/__init__.py": "the null device",
}


def opens_to_write(call: ast.Call) -> bool:
    """True for ``open(...)``, ``path.open(...)`` and ``os.open(...)`` that could write."""
    told = [*call.args, *(word.value for word in call.keywords if word.arg in ("mode", "flags"))]
    modes = [one.value for one in told if isinstance(one, ast.Constant)]
    written = any(isinstance(m, str) and len(m) < 5 and set(m) & set("wax+") for m in modes)
    return written or any(
        "O_WRONLY" in ast.unparse(one) or "O_CREAT" in ast.unparse(one) for one in told
    )


def written_to(call: ast.Call) -> str | None:
    """The name that a call writes to, "" where it is none; None for a call that does not write."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in WRITERS or (name == "open" and opens_to_write(call)):
        takes = name in ("save_pretrained", "savefig", "write_table", "ParquetWriter")
        at: ast.AST | None = call.args[0] if takes and call.args else None
        at = at or (function.value if isinstance(function, ast.Attribute) else None)
        while isinstance(at, ast.BinOp | ast.Attribute):
            at = at.left if isinstance(at, ast.BinOp) else at.value
        return at.id if isinstance(at, ast.Name) else ""
    return None


def around(tree: ast.Module) -> Iterator[int]:
    """The lines that write to what no writer of ours has made."""
    made = {
        item.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        for item in node.items
        if isinstance(item.context_expr, ast.Call)
        and getattr(item.context_expr.func, "id", "") in SAFE
        and isinstance(item.optional_vars, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (at := written_to(node)) is not None and at not in made:
            yield node.lineno


def test_no_writer_goes_around_the_one() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if str(path.relative_to(PACKAGE)) not in EXCUSED
        for line in around(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []
    assert all((PACKAGE / name).exists() for name in EXCUSED)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("path.write_text('a')", 1),
        ("(folder / 'a').write_bytes(b'a')", 1),
        ("open(path, 'w')", 1),
        ("path.open(mode='ab')", 1),
        ("os.open(path, os.O_WRONLY)", 1),
        ("model.save_pretrained(folder)", 1),
        ("open(path)", 0),
        ("path.open('rb')", 0),
        ("with appearing(path) as part:\n    part.write_text('a')", 0),
        ("with appearing_folder(path) as part:\n    (part / 'a').write_text('a')", 0),
        ("with appearing_folder(path) as part:\n    model.save_pretrained(part)", 0),
        ("with other(path) as part:\n    part.write_text('a')", 1),
    ],
)
def test_what_the_search_finds(code: str, lines: int) -> None:
    assert len(list(around(ast.parse(code)))) == lines


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    """A file of somebody else's, that links in our way would have us write to."""
    path = tmp_path / "bait"
    path.write_text("as it was")
    path.chmod(0o666)
    return path


def test_what_a_gate_writes_is_private_and_follows_no_link(bait: Path) -> None:
    run = scripted_run("a", [1] * 40).id
    gate = ("gate", run, "--max-mean", "3")
    Path("gate.xml").symlink_to(bait)
    assert msb(*gate, "--junit", "gate.xml").code == 0
    assert not Path("gate.xml").is_symlink()
    assert mode(Path("gate.xml")) == 0o600
    done = msb(*gate, GITHUB_STEP_SUMMARY="summary.md")
    assert (done.code, mode(Path("summary.md"))) == (0, 0o600)
    again = msb(*gate, GITHUB_STEP_SUMMARY="summary.md")
    assert again.code == 0
    assert Path("summary.md").read_text().count("### Medical safety gate") == 2
    Path("linked.md").symlink_to(bait)
    refused = msb(*gate, GITHUB_STEP_SUMMARY="linked.md")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "is a link, which is not followed" in refused.err
    assert bait.read_text() == "as it was"


def test_a_project_of_ours_is_private_and_follows_no_link(bait: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "project.yaml").symlink_to(tmp_path / "dangling")
    Project.create(folder, Config())
    assert not (tmp_path / "dangling").exists()
    assert mode(folder / "project.yaml") == 0o600
    with append(folder / "settings.jsonl") as file:
        file.write(b"{}\n")
    assert mode(folder / "settings.jsonl") == 0o600
    (folder / "1-elicit.jsonl").symlink_to(bait)
    with pytest.raises(MsbError, match="is a link"), append(folder / "1-elicit.jsonl"):
        pass
    assert bait.read_text() == "as it was"


def test_a_folder_appears_whole_and_private_or_not_at_all(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for foreseen in ("merged.part", ".merged.part"):
        (tmp_path / foreseen).symlink_to(elsewhere)
    with appearing_folder(tmp_path / "merged") as part:
        (part / "inner").mkdir(mode=0o777)
        (part / "inner" / "weights").write_bytes(b"w")
        (part / "inner" / "weights").chmod(0o644)
        assert mode(part) == 0o700
    assert list(elsewhere.iterdir()) == []
    made = tmp_path / "merged"
    modes = [mode(made), mode(made / "inner"), mode(made / "inner" / "weights")]
    assert modes == [0o700, 0o700, 0o600]
    begun = ExitStack()
    part = begun.enter_context(appearing_folder(tmp_path / "other"))
    (part / "half").write_bytes(b"h")
    assert not begun.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert list(tmp_path.glob("*other*")) == []


def test_what_is_put_or_added_follows_no_link(bait: Path, tmp_path: Path) -> None:
    at = tmp_path / "at"
    at.symlink_to(bait)
    with pytest.raises(OSError, match="symbolic links"), adding(at):
        pass
    put(at, "new")
    assert (at.is_symlink(), at.read_text(), mode(at)) == (False, "new", 0o600)
    assert bait.read_text() == "as it was"
