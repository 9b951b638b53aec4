"""One session as one HTML file to hand on: no script, nothing loaded from anywhere, everything escaped. Pure."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from .assets import assets
from .environment import rendered
from .session_view import export_values

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLES = ("page.css", "session.css")


def session_html(answer: Mapping[str, Any], *, has_content: bool = True) -> str:
    """Return a whole document that shows a session.

    Args:
        answer: That of ``/api/sessions/{id}`` with all turns, perhaps `without_content`.
        has_content: Whether it has its words and attributes; else the page says that they are left out.
    """
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    values = export_values(answer, has_content=has_content)
    return rendered("export.html", {**values, "policy": policy, "style": Markup(style)})  # noqa: S704  # it is our own


@cache
def _style() -> str:
    return "".join(assets()[name].content.decode() for name in _STYLES)
