# ruff: noqa: INP001  # a plug-in that mkdocs.yml names by its path
"""Shows the docstrings of this project in Markdown: a ``::`` before an indented block is a block of Python."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from griffe import Extension, Object

_LITERAL = re.compile(r"^(?P<indent> *)(?P<text>\S.*)?::\n\n(?P<code>(?:(?P=indent) {4}.*\n?|\n)+)", re.MULTILINE)


def _fenced(found: re.Match[str]) -> str:
    code = textwrap.dedent(found["code"]).rstrip()
    lead = f"{found['text']}:\n\n" if found["text"] else ""
    return textwrap.indent(f"{lead}```python\n{code}\n```\n\n", found["indent"])


class LiteralBlocks(Extension):
    """Makes fenced blocks of reStructuredText's literal blocks."""

    def on_object(self, *, obj: Object, **_: Any) -> None:  # noqa: ANN401  # what griffe hands over
        """Rewrite the docstring of ``obj``."""
        if obj.docstring is not None:
            obj.docstring.value = _LITERAL.sub(_fenced, obj.docstring.value)
