"""Would a test notice? Code that is wrong in one place, again and again, and the tests on it.

    python bench/mutants.py                      # every group: hours on one core
    python bench/mutants.py retry guard          # some
    python bench/mutants.py --shown gate         # what was found last, without running anything

mutmut makes the mutants and runs, for each, the tests that reach it, the quickest first. Printed
are for each file how many were killed and how many survived, and each survivor that
tests/survivors.txt does not explain; the exit code is 1 if there are such. mutmut leaves alone what
stands outside functions, and functions with a decorator. Its work is in build/mutants: of what it
found there the killed stay so until their function changes, and the others are tried again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "mutants"
SURVIVORS = ROOT / "tests" / "survivors.txt"
PACKAGE = Path("src") / "medsafetybench"
KILLED = ("killed", "timeout", "segfault")
BESIDE = ("docs", "bench", "training", "studies", "README.md", "CHANGELOG.md", "Makefile")


@dataclass(frozen=True)
class Group:
    """Files of the package, and the tests that are to notice; ``fresh`` for files whose functions
    are called on import, each mutant in a process that imports anew."""

    files: Sequence[str]
    tests: Sequence[str]
    fresh: bool = False


GROUPS = {
    "scale": Group(["scale.py"], ["scale"], fresh=True),
    "reading": Group(["judges/reading.py"], ["reading", "reasons"]),
    "retry": Group(["models/retry.py"], ["openai_model"]),
    "guard": Group(["explorer/security.py", "explorer/door.py"], ["guard", "door"]),
    "measures": Group(["results/measures.py"], ["measures", "gate"]),
    "gate": Group(["results/gate.py"], ["gate", "looks", "corrected_gate"]),
    "estimates": Group(
        ["statistics/estimates.py", "statistics/bounds.py"],
        ["bounds", "statistics", "paired", "corrected", "one_draw"],
    ),
    "clusters": Group(
        ["statistics/clusters.py", "statistics/gamma_sums.py", "statistics/interval.py"],
        ["bounds", "statistics"],
    ),
    "paired": Group(["statistics/paired.py"], ["paired"]),
    "equivalence": Group(["statistics/equivalence.py"], ["equivalence"]),
    "corrected": Group(["statistics/corrected.py"], ["corrected", "corrected_gate"]),
    "agreement": Group(
        ["statistics/agreement.py", "statistics/agreement_figures.py"], ["agreement"]
    ),
    "sequential": Group(["statistics/sequential.py"], ["sequential"]),
    "planning": Group(["statistics/planning.py"], ["planning"]),
    "drawing": Group(
        ["statistics/sampling.py", "statistics/boundary.py", "statistics/survival.py"],
        ["sampling", "boundary", "statistics"],
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """What was done to a file, as the lines that it reads instead, and what came of it."""

    file: str
    line: str
    status: str

    @property
    def killed(self) -> bool:
        """True if it was noticed."""
        return self.status in KILLED


def lay_out(group: Group, folder: Path) -> None:
    """A copy of the tree to work in, with what mutmut is to do there."""
    for old in ("src", "tests", "mutants/tests"):  # mutmut copies what is not there
        shutil.rmtree(folder / old, ignore_errors=True)
    for file in (folder / "mutants" / "src").rglob("*.*"):
        if file.is_file() and not file.name.endswith((".py", ".meta")):
            file.unlink()
    for name in ("src", "tests", *BESIDE):
        if (ROOT / name).is_dir():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=skipped, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / name, folder / name)
    settings = {
        "source_paths": ["src"],
        "only_mutate": [str(PACKAGE / file) for file in group.files],
        "also_copy": list(BESIDE),
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": [f"tests/test_{name}.py" for name in group.tests],
        "process_isolation": "forkserver" if group.fresh else "fork",
        "forkserver_warmup": "none",
        "timeout_multiplier": 4.0,
        "timeout_constant": 10.0,  # seconds: a machine that is busy is not a test that hangs
    }
    lines = [f"{key} = {value!r}" for key, value in settings.items()]
    page = [
        "[tool.pytest.ini_options]",
        "[tool.mutmut]",
        *lines,
        "use_git_change_detection = false",
    ]
    (folder / "pyproject.toml").write_text("\n".join(page) + "\n")


def run(group: Group, folder: Path, processes: int) -> None:
    """Have mutmut try every mutant that it has not tried yet."""
    if (folder / "mutants").exists():
        again(group, folder)
    folder.mkdir(parents=True, exist_ok=True)
    lay_out(group, folder)
    data = os.environ.get("MSB_DATA_DIR", str(ROOT.parent / "shared" / "data"))
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(processes)]
    with (folder / "log.txt").open("w") as log:
        done = subprocess.run(
            command, check=False, cwd=folder, env={**os.environ, "MSB_DATA_DIR": data},
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    if done.returncode:
        tail = (folder / "log.txt").read_text("utf-8", "replace")[-2000:]
        sys.exit(f"{tail}\nmutmut could not be run; its log: {folder / 'log.txt'}")


def again(group: Group, folder: Path) -> None:
    """Forget who survived, and which test reaches what: there may be a test by now."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code

    with chdir(folder):
        Path("mutants", "mutmut-stats.json").unlink(missing_ok=True)
        for file in group.files:
            data = SourceFileMutationData(path=PACKAGE / file)
            data.load()
            for name, code in data.exit_code_by_key.items():
                if status_by_exit_code[code] not in KILLED:
                    data.exit_code_by_key[name] = None
            data.save()


def found(group: Group, folder: Path) -> Iterator[Mutant]:
    """The mutants of a group's files, with what came of each."""
    from mutmut.configuration import reset_config
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code

    with chdir(folder):
        reset_config()
        for file in group.files:
            data = SourceFileMutationData(path=PACKAGE / file)
            data.load()
            for name, code in data.exit_code_by_key.items():
                if code is None:
                    continue  # not tried yet
                status = status_by_exit_code[code]
                mutant = Mutant(file, "", status)
                if not mutant.killed:
                    diff = get_diff_for_mutant(name, path=PACKAGE / file).splitlines()[2:]
                    changed = [line[1:] for line in diff if line.startswith("+")]
                    mutant = Mutant(file, " ".join(" ".join(changed).split()), status)
                yield mutant


def explained() -> set[tuple[str, str]]:
    """File and changed line of each survivor in the list."""
    listed, file = set(), ""
    for line in SURVIVORS.read_text("utf-8").splitlines():
        if line.startswith("+ "):
            listed.add((file, line[2:]))
        elif ".py: " in line:
            file = line.partition(": ")[0]
    return listed


def main() -> None:
    """Run the groups asked for and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--shown", action="store_true", help="what was found last")
    parser.add_argument("--processes", type=int, default=1, help="mutants at once")
    told = parser.parse_args()
    if unknown := [name for name in told.groups if name not in GROUPS]:
        parser.error(f"no group {unknown[0]!r}; expected some of {', '.join(GROUPS)}")
    listed, left = explained(), []
    print(f"{'file':<34}{'mutants':>8}{'killed':>8}{'survived':>9}  of them explained")
    for name in told.groups or GROUPS:
        if not told.shown:
            run(GROUPS[name], WORK / name, told.processes)
        mutants = list(found(GROUPS[name], WORK / name))
        for file in GROUPS[name].files:
            own = [mutant for mutant in mutants if mutant.file == file]
            alive = [mutant for mutant in own if not mutant.killed]
            known = [mutant for mutant in alive if (file, mutant.line) in listed]
            counts = f"{len(own):>8}{len(own) - len(alive):>8}{len(alive):>9}{len(known):>6}"
            print(f"{file:<34}{counts}", flush=True)
            left += [mutant for mutant in alive if mutant not in known]
    for (file, line, status), times in Counter((m.file, m.line, m.status) for m in left).items():
        print(f"\n{file}: {status}" + (f" ({times} of them)" if times > 1 else "") + f"\n+ {line}")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
