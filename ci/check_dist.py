"""Builds the sdist and the wheel of the last commit, twice, and checks what they are.

    python ci/check_dist.py dist             # make dist
    python ci/check_dist.py dist all         # and that what needs an extra works with all of them

Two builds have the same bytes; the wheel holds the package's files and no other; it installs with
nothing but what it names, into an environment of its own, and works there from an empty folder.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
NEEDS = {
    "local": ("evaluate", "--target", "hf:demo", "--limit", "2"),
    "web": ("explore", "--no-browser"),
    "train": ("improve", "--base", "hf:demo", "-o", "adapter"),
    "capability": ("capability", "--target", "hf:demo"),
    "parquet": ("export", "last", "-o", "rows.parquet"),
    "inspect": ("evaluate", "--target", "inspect:mockllm/model", "--limit", "2"),
}
"""A command that each extra is for, to see what is said without it."""
TRIED = ("local", "parquet")
"""Those that are over in seconds, to see that they work with it."""


def main() -> None:
    """Build, check, and leave both files in the folder that is named."""
    output, sets = ROOT / sys.argv[1], sys.argv[2:]
    with TemporaryDirectory() as scratch:
        first, second = (build(Path(scratch) / name) for name in ("one", "two"))
        same(first, second)
        output.mkdir(exist_ok=True)
        for path in first:
            (output / path.name).write_bytes(path.read_bytes())
        wheel = next(output / path.name for path in first if path.suffix == ".whl")
        run([sys.executable, "-m", "twine", "check", "--strict", *map(str, first)], ROOT)
        whole(wheel)
        for name in ("core", *sets):
            installed(wheel, Path(scratch) / name, name)


def build(folder: Path) -> list[Path]:
    """The sdist and the wheel of the last commit, built in a copy of it."""
    source = folder / "source"
    source.mkdir(parents=True)
    packed = run(["git", "archive", "HEAD"], ROOT)
    subprocess.run(["tar", "-x", "-C", str(source)], input=packed, check=True)
    epoch = run(["git", "log", "-1", "--format=%ct"], ROOT).decode().strip()
    run(
        [sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(source)],
        ROOT,
        {"SOURCE_DATE_EPOCH": epoch},
    )
    return sorted((folder / "dist").iterdir())


def same(first: Sequence[Path], second: Sequence[Path]) -> None:
    """Both builds have the same files."""
    for one, other in zip(first, second, strict=True):
        content = one.read_bytes()
        assert (one.name, content) == (other.name, other.read_bytes()), f"{one.name} differs"
        print(f"{one.name}  {len(content):,} bytes  sha256 {hashlib.sha256(content).hexdigest()}")


def whole(wheel: Path) -> None:
    """The wheel holds every file of the package that is kept, and its own metadata."""
    kept = run(["git", "ls-tree", "-r", "--name-only", "HEAD", "src"], ROOT).decode().split()
    expected = {name.removeprefix("src/") for name in kept}
    with zipfile.ZipFile(wheel) as packed:
        found = {name for name in packed.namelist() if ".dist-info/" not in name}
    assert found == expected, f"the wheel differs from the package by {found ^ expected}"
    print(f"{wheel.name} holds the package's {len(found)} files and no other")


def installed(wheel: Path, folder: Path, packages: str) -> None:
    """The wheel works in an environment that has this set of packages and nothing else."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--no-deps"]
    pinned = [*pip, "--require-hashes", "--requirement"]
    # torch as in the Makefile: for a CPU where such a build is at hand, else NVIDIA's libraries too
    cpu = [*pinned, "requirements/cpu.txt"]
    alone = packages == "core" or not subprocess.run(cpu, cwd=ROOT, check=False).returncode
    run([*pinned, f"requirements/{packages}.txt"], ROOT)
    if not alone:
        run([*pinned, "requirements/cuda.txt"], ROOT)
    run([*pip, str(wheel)], ROOT)
    empty = folder / "empty"
    empty.mkdir()
    msb = str(folder / "bin" / "msb")
    (empty / "app.py").write_text("def answer(request):\n    return 'I can help with that.'\n")
    run([msb, "evaluate", "--target", "python:app:answer", "--limit", "4"], empty)
    run([msb, "summary", "last", "--json"], empty)
    run([msb, "site", "last", "-o", "site"], empty)
    for name, command in NEEDS.items():
        if packages == "core":
            said = one_line([msb, *command], empty)
            assert name in said, f"{command[0]} without [{name}] says: {said}"
            print(f"without [{name}]  {said}")
        elif name in TRIED:
            run([msb, *command], empty)
    print(f"works with {packages}")


def one_line(command: Sequence[str], folder: Path) -> str:
    """What a command says that cannot be carried out, which is one line."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, (command, done.returncode, done.stderr)
    assert lines, command
    assert "Traceback" not in done.stderr, done.stderr
    return lines[-1]


def run(command: Sequence[str], folder: Path, more: Mapping[str, str] | None = None) -> bytes:
    """What a command prints that has to succeed; none of this tree's code is in its way."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MSB_"))}
    done = subprocess.run(
        command, cwd=folder, env={**environment, **(more or {})}, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout


if __name__ == "__main__":
    main()
