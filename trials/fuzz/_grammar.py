"""Makes hostile texts: members of a grammar, spliced and damaged.

Hypothesis draws the fragments and a seed, and each draw is spun out into several cases: drawing takes longer
than what is under test. All values that may be ids hold `SECRET`, so that a log record that shows one is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

SECRET = "s3cret"  # noqa: S105  # what no log may hold
_MOST = 90_000

KEYS = ("session.id", "user.id", "session.name", "session.path", "session.previous_id")
_OTHER_KEYS = (
    "theirs", "tenant", "langfuse_session_id", "langfuse_user_id", "session.tags", "session.metadata.plan",
    "session%2Eid", "session%2eid", "Session.Id", "SESSION.ID", "user.id%20", "session+id", "%20", "%00", "+", "",
)  # fmt: skip
_VALUES = (
    SECRET, f"{SECRET}-42", f"{SECRET}+1", f"{SECRET}%201", f"{SECRET}%00", f"{SECRET}%ED%A0%80", f"{SECRET}%F0%9F%98%80",
    f"%C3%A9{SECRET}", f"{SECRET};p=1", f"{SECRET} ; p = 1;q", f"{SECRET}%", f"{SECRET}%4", f"{SECRET}%zz", f"{SECRET}%2C%3D%3B",
    f"{SECRET}é", f"{SECRET}\udc80", f"{SECRET}\x00", f'"{SECRET}"', f"/a b/{SECRET}", f"../{SECRET}/..", "", "%20", "+", "=",
    SECRET + "x" * 194, SECRET + "x" * 195, SECRET + "%78" * 300, SECRET + "x" * 4080, "学習", "\u202e\u200b\ufeff",
)  # fmt: skip
_DELIMITERS = (",", ",", ",", ", ", " ,", "\t,\t", ",,", ";", "; ", "=", " ", "", "\n", "\r\n", ",\x0b", "%2C")
_SIGNS = "\x00\x01\t\n\x0b\x1f !\"#%&'()*+,-./:;<=>?@[\\]^_`{|}~\x7f\x80\x85\xa0é\u2028\u3000\ud800\udcff\ufffd😀"

_member = st.builds(
    lambda key, sign, value: f"{key}{sign}{value}",
    st.sampled_from(KEYS * 3 + _OTHER_KEYS),
    st.sampled_from(("=", "=", "=", "=", " = ", "==", "", "\t=")),
    st.one_of(st.sampled_from(_VALUES), st.text(max_size=12).map(lambda text: SECRET + text)),
)
_junk = st.one_of(
    st.text(alphabet=_SIGNS, max_size=12),
    st.text(max_size=12),
    st.binary(max_size=12).map(lambda octets: octets.decode("latin-1")),
    st.text(max_size=8).map(lambda text: quote(text, safe="", errors="surrogatepass")),
)


def fragments(own: Sequence[str]) -> st.SearchStrategy[list[str]]:
    """Return the strategy of the fragments of some cases: ``own``, of the target, and what all have."""
    parts = [st.sampled_from(tuple(own)), _junk] if own else [_member, _member, _junk]
    return st.lists(st.one_of(*parts), min_size=4, max_size=10)


def spliced(dice: Random, parts: Sequence[str], delimiters: Sequence[str] = _DELIMITERS) -> str:
    """Return some of ``parts`` with signs between, mostly right ones, damaged in no, one or several places."""
    usual = delimiters[0]
    text = dice.choice(parts)
    for _ in range(dice.choice((0, 0, 1, 1, 2, 3, 5, 8))):
        text += (usual if dice.random() < 0.8 else dice.choice(delimiters)) + dice.choice(parts)
    for _ in range(dice.choice((0, 0, 1, 1, 1, 2, 3, 5))):
        text = _damaged(dice, text, parts)
    return text[:_MOST]


def _damaged(dice: Random, text: str, parts: Sequence[str]) -> str:
    start = dice.randrange(len(text) + 1)
    end = min(len(text), start + dice.choice((0, 1, 2, 5, 20)))
    before, inside, after = text[:start], text[start:end], text[end:]
    how = dice.randrange(40)
    if how < 8:
        inside = dice.choice(_SIGNS) * dice.choice((1, 1, 1, 2, 3))
    elif how < 14:
        inside = ""
    elif how < 20:
        inside += inside
    elif how < 26:
        inside = quote(inside, safe="", errors="surrogatepass")
    elif how < 30:
        inside = dice.choice(parts)
    elif how < 34:
        inside = inside.swapcase()
    elif how < 38:
        before, after = after, before
    elif how == 38:
        inside = (inside or dice.choice(_SIGNS)) * dice.choice((50, 180, 500))
    else:  # seldom: what is long takes long
        inside = (inside or dice.choice(_SIGNS)) * dice.choice((1000, 4096, 70_000))
    return (before + inside[:_MOST] + after)[:_MOST]
