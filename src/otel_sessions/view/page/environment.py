"""Templates to HTML: everything that is put in is escaped, and a name that is not there is an error."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import formats, links
from .assets import asset_url
from .spark import spark
from .visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def environment() -> Environment:
    """Return what knows the templates.

    Filters:
        number, amount: A number with its thousands apart, or in three digits or so.
        count: A number of what is bad.
        short: A text, cut.
        tokens: The tokens of an answer.
        duration: One in ms.
        time, ago: A time of an answer as an element: the second, or how long ago.
        spark: The last turns of a session, drawn.
        cost: One in USD; ``is_complete=`` whether that is all.
        json: A value as JSON, to be read; it is escaped as any text.
        session_url, trace_url: The address of its page.

    Functions:
        asset_url: The address of a file of the folder ``static``.
        list_url: The address of a list, with parameters.
    """
    made = Environment(
        loader=PackageLoader("otel_sessions.view.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "number": formats.number,
        "amount": formats.amount,
        "count": formats.count,
        "short": formats.short,
        "tokens": formats.tokens,
        "duration": formats.duration,
        "time": formats.time,
        "ago": _ago,
        "cost": formats.cost,
        "spark": spark,
        "json": formats.readable_json,
        "session_url": links.session_url,
        "trace_url": links.trace_url,
    }
    made.globals |= {"asset_url": asset_url, "list_url": links.list_url, "unknown": formats.UNKNOWN}
    return made


def rendered(template: str, values: Mapping[str, object]) -> str:
    """Return a page: the template of this name, with ``values`` as what it names."""
    return environment().get_template(template).render(values)


def _ago(text: str | None) -> str:
    return formats.ago(text, datetime.now(timezone.utc))
