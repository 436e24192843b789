"""Reads the code blocks of a page, and the comments before them that say how they are run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

#: A comment directly before a block: `<!-- not run: why -->`, `<!-- needs: grpcurl -->`, `<!-- file: nets.py -->` (the
#: block is a file that the reader saves) or `<!-- prints -->` (the block is what the block before it prints).
DIRECTIVE = re.compile(r"<!-- (not run|needs|file|prints)(?:: (.+))? -->")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its text, and the directives before it with their values."""

    place: str
    language: str
    text: str
    directives: dict[str, str]

    @property
    def is_run(self) -> bool:
        """Return whether a test runs the block."""
        return "not run" not in self.directives


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in order."""
    found: list[Block] = []
    directives: dict[str, str] = {}
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "html_block":
            directives |= {name: value or "" for name, value in DIRECTIVE.findall(token.content)}
        elif token.type == "fence":
            assert token.map is not None
            found.append(Block(f"{page.name}:{token.map[0] + 1}", token.info.strip(), token.content, directives))
            directives = {}
        elif token.type == "inline":  # text between a comment and a block: the comment is not about the block
            directives = {}
    return found


ROOT = Path(__file__).parents[2]
#: The pages that have code blocks.
PAGES = [page for page in [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))] if blocks(page)]
