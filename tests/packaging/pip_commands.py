"""Prints the pip commands of README.md and the pages, for `make package` to run them with the wheel that it has built."""

import sys
from pathlib import Path

from markdown_it import MarkdownIt

for page in (Path("README.md"), *sorted(Path("docs").rglob("*.md"))):
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence" and token.info == "sh":
            sys.stdout.writelines(line for line in token.content.splitlines(keepends=True) if line.startswith("pip "))
