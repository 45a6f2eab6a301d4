"""The pages as they lie in the repository: their links, their headings, their code.

    page = read_page(Path("docs/ci-gate.md"))
    page.links[0].target, page.links[0].line
    page.anchors                         # those that a code host and the site both have
    page.blocks[0].language, page.blocks[0].text, page.blocks[0].needs

A block that needs what is not at hand has a comment above it: ``<!-- needs: a server -->``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKDOWN = MarkdownIt("commonmark").enable("table")
NEEDS = re.compile(r"^<!-- needs: (.+?) -->$")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")


@dataclass(frozen=True)
class Link:
    """Where a page points to: a path beside it, an address, or an anchor of its own."""

    target: str
    line: int

    @property
    def elsewhere(self) -> bool:
        """True for an address, which is another's to keep."""
        return ELSEWHERE.match(self.target) is not None

    @property
    def path(self) -> str:
        """The part before the anchor; empty for an anchor of the page itself."""
        return self.target.partition("#")[0]

    @property
    def anchor(self) -> str:
        return self.target.partition("#")[2]


@dataclass(frozen=True)
class Block:
    """A block of code: its language as the page says it, and what running it needs, if not here."""

    language: str
    text: str
    line: int
    needs: str | None = None


@dataclass(frozen=True)
class Page:
    """A page of Markdown, taken apart."""

    path: Path
    title: str
    links: Sequence[Link]
    anchors: frozenset[str]
    blocks: Sequence[Block]


@cache
def read_page(path: Path) -> Page:
    """A page taken apart. Raises OSError where there is none."""
    tokens = MARKDOWN.parse(path.read_text("utf-8"))
    return Page(
        path,
        _title(tokens),
        list(_links(tokens)),
        frozenset(_anchors(tokens)),
        list(_blocks(tokens)),
    )


def _title(tokens: Sequence[Token]) -> str:
    places = (i for i, token in enumerate(tokens) if token.type == "heading_open")
    return next((tokens[i + 1].content for i in places), "")


def _links(tokens: Sequence[Token]) -> Iterator[Link]:
    line = 1
    for token in tokens:
        line = token.map[0] + 1 if token.map else line
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if target:
                yield Link(str(target), line)


def _anchors(tokens: Sequence[Token]) -> Iterator[str]:
    """A heading's anchor: small letters, spaces to hyphens, other signs gone; again is ``-1``."""
    seen: dict[str, int] = {}
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            parts = tokens[i + 1].children or ()
            title = "".join(one.content for one in parts if one.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
            yield slug if slug not in seen else f"{slug}-{seen[slug]}"
            seen[slug] = seen.get(slug, 0) + 1


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    needs = None
    for token in tokens:
        if token.type in ("fence", "code_block"):
            yield Block(token.info.strip(), token.content, token.map[0] + 1, needs)  # type: ignore[index]
        marked = NEEDS.match(token.content.strip()) if token.type == "html_block" else None
        needs = marked[1] if marked else None
