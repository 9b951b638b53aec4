"""Prints the pip commands of the documents, for `make package` to run them.

With ``--clone`` these are the ones that install from a clone, else those that install what is released: there, the wheel
that was built.
"""

import sys
from pathlib import Path

from markdown_it import MarkdownIt

for page in (Path("README.md"), *sorted(Path("docs").rglob("*.md"))):
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence" and token.info == "sh":
            commands = [line for line in token.content.splitlines(keepends=True) if line.startswith("pip ")]
            sys.stdout.writelines(line for line in commands if ("'.[" in line) == ("--clone" in sys.argv))
