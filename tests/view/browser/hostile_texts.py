"""Texts that would run, load or lead away if a page took them for more than texts. They do no harm where they do."""

from __future__ import annotations

_RUN = "window.ran=1"
_WAYS_OUT = (
    "", '">', "'>", "`>", "</td></tr></table>", "</bdi></a>", "</title>", "</script>", "</style>", "</textarea>", "</svg>", "-->",
    "]]>", "\u202e", "\x00", "%22%3E", "&quot;&gt;", "\\u0022\\u003e",
)  # fmt: skip
_VECTORS = (
    f"<script>{_RUN}</script>",
    "<script src=/loaded.js></script>",
    f"<img src=/loaded.png onerror={_RUN}>",
    f"<svg onload={_RUN}><image href=/loaded.svg /></svg>",
    f'<svg><a href="javascript:{_RUN}"><text y=20>x</text></a><use href=/loaded.svg#x /></svg>',
    f"<iframe src=/loaded.html srcdoc='<script>parent.{_RUN}</script>'></iframe>",
    "<style>@import '/loaded.css'; * { background: url(/loaded.png) }</style>",
    '<link rel=stylesheet href=/loaded.css><link rel=prefetch href="//elsewhere.invalid/loaded">',
    "<base href=//elsewhere.invalid/>",
    "<meta http-equiv=refresh content='0;url=/loaded.html'>",
    f"<form action=/loaded.html><button formaction=javascript:{_RUN} autofocus onfocus={_RUN}>x</button></form>",
    "<object data=/loaded.html></object><embed src=/loaded.html>",
    f"<details open ontoggle={_RUN}><summary>x</summary></details>",
    f"<video autoplay src=/loaded.mp4 onerror={_RUN}><track src=/loaded.vtt default></video>",
    f"<a href=javascript:{_RUN} id=main data-keep>x</a>",
    f"javascript:{_RUN}",
    f"data:text/html,<script>opener.{_RUN}</script>",
    "//elsewhere.invalid/loaded.png",
    f"x' onmouseover={_RUN} style='background:url(/loaded.png)' y='",
    f'x" onfocus="{_RUN}" autofocus tabindex="1" y="',
    f"{{{{ cycler.__init__.__globals__ }}}}{{% for x in range(9) %}}{_RUN}{{% endfor %}}${{{_RUN}}}",
    f"<math><mtext><table><mglyph><style><img src=/loaded.png onerror={_RUN}></style></mglyph></table></mtext></math>",
)  # fmt: skip

HOSTILE = tuple(f"{way_out}{vector}" for way_out in _WAYS_OUT for vector in _VECTORS)
