"""Carries the Dockerfile's steps out where no builder runs: each as it stands, in its own root.

    python ci/docker_steps.py           # make docker-steps; needs Linux, and root

A stage's root has this system's programs, read-only, and a Python of the version asked for at
/usr/local, as the official image has. Into it the files go that .dockerignore lets through, and
nothing else of this tree; RUN is carried out in it by chroot. At the end the image is used: as its
user, by its entry point. What it does not show is that the official image itself holds up.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

from check_pythons import interpreter

ROOT = Path(__file__).resolve().parent.parent
SYSTEM = ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/share/ca-certificates")
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
TOLD = ("PIP_", "SSL_", "HTTP", "HTTPS", "http", "https", "NO_PROXY", "no_proxy")
"""Settings of this machine's network, without which pip comes to no index here."""
TRIED = (["--version"], ["doctor"], ["data", "list"])
"""What the image is asked in the end, besides its CMD."""


@dataclass
class Stage:
    """An image as far as it is made: where its root is, and what later steps stand on."""

    root: Path
    args: dict[str, str]
    env: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: int = 0
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def filled(self, text: str) -> str:
        """The text with its variables put in."""
        known = {**self.args, **self.env, "PATH": self.path}
        return re.sub(r"\$\{?(\w+)\}?", lambda found: known.get(found[1], ""), text)

    @property
    def path(self) -> str:
        return self.env.get("PATH", "/usr/local/bin:/usr/bin:/usr/sbin")

    def at(self, path: str) -> Path:
        """A path of the image, out here."""
        return self.root / os.path.normpath(os.path.join(self.folder, path)).lstrip("/")

    def run(self, command: list[str]) -> str:
        """Carry a command out in the image, as its user; its output."""
        told = {k: v for k, v in os.environ.items() if k.startswith(TOLD)}
        env = {**told, **self.args, **self.env, "PATH": self.path}
        env.setdefault("HOME", "/root")
        into = ["chroot", f"--userspec={self.user}:{self.user}", str(self.root)]
        inner = ["/usr/bin/env", "-C", self.folder, *command]
        done = subprocess.run([*into, *inner], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout


def main() -> None:
    """All steps, in a namespace of mounts that ends with this program."""
    if "--inside" not in sys.argv:
        command = ["unshare", "--mount", sys.executable, __file__, "--inside"]
        raise SystemExit(subprocess.run(command, check=False).returncode)
    with TemporaryDirectory(prefix="docker-steps-") as place:
        try:
            used(built(Path(place)))
        finally:
            for mount in sorted(mounts(Path(place)), reverse=True):
                subprocess.run(["umount", "--lazy", mount], check=True)


def built(place: Path) -> Stage:
    """The last stage, when every step was carried out."""
    stages: dict[str, Stage] = {}
    shared: dict[str, str] = {}
    stage: Stage | None = None
    for word, rest in instructions():
        print(f"{word} {rest}", flush=True)
        if word == "FROM":
            image, *named = re.sub(r"\$\{?(\w+)\}?", lambda v: shared[v[1]], rest).split()
            stage = begun(place / str(len(stages)), image)
            stages[named[-1] if named else str(len(stages))] = stage
        elif word == "ARG":
            name, _, usual = rest.partition("=")
            (stage.args if stage else shared)[name] = usual
        else:
            assert stage, "nothing stands before FROM but ARG"
            carry_out(stage, word, rest, stages)
    assert stage
    return stage


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction of the Dockerfile with what it says, its lines joined."""
    text = "\n".join(
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if line[:1] != "#"
    )
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def begun(root: Path, image: str) -> Stage:
    """A root as the official image of a Python would be."""
    found = re.fullmatch(r"python:([\d.]+)-slim", image)
    assert found, f"{image} is not known here"
    python = interpreter(found[1])
    assert python, f"there is no Python {found[1]} here"
    for name in (*SYSTEM, "usr/local", "proc", "root", "home", "opt", "var", "dev", "tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    shutil.copytree("/etc", root / "etc", symlinks=True)
    # A build writes where the official image lets it, so Python is a copy.
    shutil.copytree(python.parents[1], root / "usr/local", symlinks=True, dirs_exist_ok=True)
    for name in SYSTEM:
        if Path("/", name).is_dir():
            bind(Path("/", name), root / name)
    for device in ("null", "urandom", "random", "zero"):
        (root / "dev" / device).touch()
        bind(Path("/dev", device), root / "dev" / device, read_only=False)
    stage = Stage(root, {})
    stage.run(["ldconfig"])
    return stage


def bind(source: Path, to: Path, read_only: bool = True) -> None:
    subprocess.run(["mount", "--bind", str(source), str(to)], check=True)
    if read_only:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(to)], check=True)


def mounts(below: Path) -> list[str]:
    found = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    return [mount for mount in found if mount.startswith(f"{below}/")]


def carry_out(stage: Stage, word: str, rest: str, stages: dict[str, Stage]) -> None:
    """One instruction other than FROM and ARG."""
    if word == "RUN":
        print(stage.run(["/bin/sh", "-c", rest]), end="")
    elif word == "COPY":
        copy(stage, shlex.split(stage.filled(rest)), stages)
    elif word == "ENV":
        pairs = (one.partition("=") for one in shlex.split(rest))
        stage.env |= {name: stage.filled(value) for name, _, value in pairs}
    elif word == "WORKDIR":
        stage.folder = os.path.join(stage.folder, rest)
        stage.at(".").mkdir(parents=True, exist_ok=True)
    elif word == "USER":
        stage.user = int(rest)
    elif word in ("ENTRYPOINT", "CMD"):
        listed = [one.strip().strip('"') for one in rest.strip("[]").split(",")]
        stage.entry, stage.command = (listed, []) if word == "ENTRYPOINT" else (stage.entry, listed)
    else:
        raise SystemExit(f"{word}: not known here")


def copy(stage: Stage, words: list[str], stages: dict[str, Stage]) -> None:
    """Files of the context, or of an earlier stage."""
    if words[0].startswith("--from="):
        source, to = words[1:]
        shutil.copytree(stages[words[0].partition("=")[2]].at(source), stage.at(to), symlinks=True)
        return
    *sources, to = words
    for path in context():
        for source in sources:
            inner = path.relative_to(source) if path.is_relative_to(source) else None
            if inner is None:
                continue
            # A folder's content is copied, a file under its name.
            into = stage.at(to) / (path.name if path == Path(source) else inner)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, into)


def context() -> list[Path]:
    """The files that .dockerignore lets go to a builder."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and line[0] != "#"]
    found = []
    kept = [
        path for p in patterns if p[0] == "!" for path in (ROOT / p[1:], *(ROOT / p[1:]).rglob("*"))
    ]
    for path in sorted(kept):  # the rest of the tree, environments among it, is not walked
        inner = path.relative_to(ROOT)
        above = [inner, *inner.parents][:-1]
        ignored = False
        for pattern in patterns:
            plain = pattern.lstrip("!").replace("**/", "*")
            if any(fnmatch(str(one), plain) for one in above):
                ignored = pattern[0] != "!"
        if path.is_file() and not ignored:
            found.append(inner)
    return found


def used(stage: Stage) -> None:
    """The image as it is run: its CMD, and what else it should do, as a user without rights."""
    assert stage.user, "the image runs as root"
    for command in (stage.command, *TRIED):
        said = stage.run([*stage.entry, *command])
        assert said.strip(), command
        print(f"as user {stage.user}: {shlex.join([*stage.entry, *command])}")
        print(f"  {said.strip().splitlines()[0]}")


if __name__ == "__main__":
    main()
