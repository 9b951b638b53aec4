"""Free text: which words a turn has, and which a query asks for."""

from __future__ import annotations

import re

from otel_sessions.view.store.rows import storable

# Scripts that write no spaces between words: each character is a word of its own, and several in a row are a phrase.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd])"
)
# FTS5 reads a text up to a NUL.
_CONTROLS = re.compile("[\x00-\x1f]")
# So much of a query is looked for; the rest of it is left out.
_MOST_WORDS = 32
_LONGEST_WORD = 256


def indexed(text: str) -> str:
    """Return ``text`` as it goes into the index."""
    if text.isascii():
        return text.replace("\x00", " ")
    return _UNSPACED.sub(r" \1 ", storable(text).replace("\x00", " "))


def match_of(query: str) -> str | None:
    """Return what FTS5 looks for: all words of ``query``; ``None`` where it has none.

    Each word is quoted, so that nothing in it is an operator.
    """
    words = _CONTROLS.sub(" ", query.replace('"', " ")).split()
    shortened = (indexed(word[:_LONGEST_WORD]) for word in words if any(map(str.isalnum, word)))
    quoted = [f'"{word}"' for word in list(shortened)[:_MOST_WORDS]]
    return " ".join(quoted) or None
