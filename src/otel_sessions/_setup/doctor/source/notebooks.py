"""What is in a notebook: its cells of Python, without the commands of IPython.

Format: nbformat 4, "The Notebook file format": ``cells``, of which each has a ``cell_type`` and a ``source``.
"""

from __future__ import annotations

import json
import re
from typing import Any

_MAGIC = re.compile(r"^(?P<indent>\s*)(?:[%!?].*|[^#'\"]*\?{1,2}\s*)$")
_MAGIC_CELL = re.compile(r"\A\s*%%")


def cells_of(data: bytes) -> list[tuple[int, str]] | None:
    """Return the number, from 1, and the text of each cell of Python; ``None`` where it is no notebook of Python."""
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not _is_python(notebook):
        return None
    texts = ((number, _text_of(cell)) for number, cell in enumerate(cells, start=1))
    return [(number, text) for number, text in texts if text is not None]


def _is_python(notebook: dict[str, Any]) -> bool:
    metadata = notebook.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language", "python") if isinstance(kernel, dict) else "python"
    return bool(language == "python")


def _text_of(cell: object) -> str | None:
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return None
    source = cell.get("source")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    if _MAGIC_CELL.match(text):
        return None
    return "\n".join(_MAGIC.sub(r"\g<indent>pass", line) for line in text.splitlines())
