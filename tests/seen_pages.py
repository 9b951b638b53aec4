"""Pages as a browser sees them, and content that would like to be more than text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from view_documents import a_check, a_log, a_span, a_turn, an_answer

HOSTILE = "</pre></style><script>alert(1)</script><img src=x onerror=alert(1)> \"'& \x1b[2J\x00 \u202egnp \ud800"


ELEMENTS = frozenset((
    "a", "article", "bdi", "body", "br", "button", "caption", "circle", "code", "dd", "details", "div", "dl", "dt", "figcaption",
    "figure", "footer", "form", "g", "h1", "h2",
    "h3", "head", "header", "html", "i", "input", "label", "li", "link", "main", "meta", "nav", "ol", "option", "p", "path",
    "pre", "rect", "script", "section", "select", "span", "strong", "style", "summary", "svg", "text", "table", "tbody", "td", "th", "thead",
    "time", "title", "tr", "ul",
))  # fmt: skip
ATTRIBUTES = frozenset((
    "action", "aria-labelledby", "autocomplete", "aria-current", "aria-hidden", "aria-label", "aria-live", "aria-sort", "charset", "checked", "class", "colspan", "content", "cx", "cy",
    "d", "data-ago", "data-code", "data-next", "data-previous", "data-stop", "data-up", "data-copy", "data-keep", "data-key", "data-label", "data-revision", "datetime", "defer", "dir", "for", "height", "hidden", "href", "http-equiv",
    "id", "lang", "list", "method", "name", "open", "placeholder", "preserveaspectratio", "r", "rx", "rel", "role", "scope", "selected",
    "src", "tabindex", "title", "type", "value", "viewbox", "width", "x", "y",
))  # fmt: skip
_WITHOUT_END = frozenset(("br", "input", "link", "meta"))


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _WITHOUT_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "title"}:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all such elements."""
        return [attributes for name, attributes in self.elements if name == tag]

    def check(self) -> None:
        """It has what such a page has, and no more, whatever stands on it."""
        assert self.open == []
        assert {tag for tag, _ in self.elements} <= ELEMENTS
        names = {name for _, attributes in self.elements for name in attributes}
        assert names <= ATTRIBUTES


def hostile_answer(words: str) -> dict[str, object]:
    event = {"name": words, "time": None, "attributes": {words: [words]}}
    span = a_span(
        "1", name=words, service=words, error=words, model=words, path=words, session_id=words, events=[event]
    )
    span["attributes"] = {words: words, "n": 1, "none": None, "map": {words: words}}
    return an_answer(
        [span, a_span("2", trace_id="b" * 32)],
        [a_turn("1", input=words, output=words, path=words, errors=1)],
        id=words,
        name=words,
        users=[words],
        services=[words],
        torn=True,
        checks=[a_check("1", name=words, label=words, explanation=words, passed=False, score=0.5)],
        logs=[a_log(event=words, body=words), a_log(body={words: 1}, time=None)],
    )
