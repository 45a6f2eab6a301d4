"""The documentation as a site: static pages, with a search that works from file://.

    python docs/site/build.py [FOLDER]       # build/docs unless told; `make docs`

The pages are laid out below build/, with the pages of reference that are made from the code, and
Sphinx makes the site of them. A broken link, inside a page or between pages, is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pages import read_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"(\]\()([^()\s]+)(\))")


def main(out: Path = ROOT / "build" / "docs") -> int:
    """Lay out the pages and build them; the exit code of Sphinx."""
    from sphinx.cmd.build import build_main

    source = out.parent / f"{out.name}-source"
    shutil.rmtree(source, ignore_errors=True)
    lay_out(source)
    shutil.rmtree(out, ignore_errors=True)
    doctrees = out.parent / f"{out.name}-doctrees"
    return build_main([
        *("-b", "html", "-q", "-W", "--keep-going", "-E", "-d", str(doctrees)),
        *("-c", str(Path(__file__).parent), str(source), str(out)),
    ])  # fmt: skip


def lay_out(source: Path) -> None:
    """The pages of docs/, the files that they point to, and the reference, below a folder.

    Raises FileNotFoundError for a link to a file that is not there.
    """
    import reference

    waiting, done = [DOCS / "index.md", *sorted(DOCS.rglob("*.md"))], set[Path]()
    while waiting:
        path = waiting.pop()
        if path in done:
            continue
        done.add(path)
        placed = source / place(path)
        placed.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md":
            shutil.copyfile(path, placed)
            continue
        placed.write_text(_relinked(path), "utf-8")
        waiting += neighbours(path)
    (source / "reference").mkdir()
    for name, text in reference.pages().items():
        (source / "reference" / name).write_text(text, "utf-8")
    front = source / "index.md"
    front.write_text(front.read_text("utf-8") + "\n\n".join(_contents()), "utf-8")


def place(path: Path) -> Path:
    """Where a file of the repository lies in the site: docs/ at the top, all else below files/."""
    inner = path.relative_to(ROOT)
    return inner.relative_to("docs") if inner.parts[0] == "docs" else Path("files") / inner


def neighbours(path: Path) -> Iterator[Path]:
    """The files of the repository that a page points to."""
    for link in read_page(path).links:
        if link.path and not link.elsewhere:
            target = Path(os.path.normpath(path.parent / link.path))
            if not target.is_file():
                raise FileNotFoundError(f"{path}:{link.line}: no file {link.path}")
            yield target


def _relinked(path: Path) -> str:
    """A page's text, its links as they are where it is laid out."""

    def again(found: re.Match[str]) -> str:
        inner, hash, anchor = found[2].partition("#")
        target = Path(os.path.normpath(path.parent / inner))
        if not inner or not target.is_file():
            return found[0]
        there = os.path.relpath(place(target), place(path).parent)
        return f"{found[1]}{there}{hash}{anchor}{found[3]}"

    return LINK.sub(again, path.read_text("utf-8"))


def _contents() -> Iterator[str]:
    """The front page's sections as the site's contents, and the reference."""
    title, listed = "", dict[str, list[str]]()
    for line in (DOCS / "index.md").read_text("utf-8").splitlines():
        title = line.removeprefix("## ") if line.startswith("## ") else title
        for found in LINK.finditer(line):
            path = DOCS / found[2].partition("#")[0]
            if title and path.suffix == ".md" and path.is_file():
                listed.setdefault(title, []).append(place(path.resolve()).as_posix())
    listed["Reference"] = [*(f"reference/{n}" for n in REFERENCE), *listed.get("Reference", ())]
    for caption, entries in listed.items():
        inside = "\n".join(dict.fromkeys(entries))
        yield f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{inside}\n```"


REFERENCE = ("commands.md", "settings.md", "measures.md", "python.md")

if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
