"""Prints the pip commands of README.md, for `make package` to run them with the wheel that it has built."""

import sys
from pathlib import Path

from markdown_it import MarkdownIt

for token in MarkdownIt().parse(Path("README.md").read_text()):
    if token.type == "fence" and token.info == "sh":
        sys.stdout.writelines(line for line in token.content.splitlines(keepends=True) if line.startswith("pip "))
