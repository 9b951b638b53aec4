"""Text and style of pages without a script: everything is escaped, and only the one style is allowed. Pure."""

from __future__ import annotations

import base64
import hashlib
import html
import re

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.dim { opacity: .65; }
.bad { color: #c62828; font-weight: 600; }
.said { border: 1px solid var(--line); border-radius: .6rem; margin: .4rem 0; overflow-wrap: anywhere;
        padding: .5rem .8rem; white-space: pre-wrap; unicode-bidi: isolate; }
.user { background: color-mix(in srgb, currentColor 6%, transparent); margin-right: 15%; }
.answer { margin-left: 15%; }
details { margin: .3rem 0; }
code, pre { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
"""
STYLE_PATH = "/plain.css"
"""Where a page that is served has it from."""

_STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src '{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"

# Controls but line ends and tabs, what turns the direction of the text around it, surrogates and private characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\uf8ff\ufff0-\ufffb]"
)
_SHOWN_HIDDEN = "\ufffd"


def text(content: object) -> str:
    """Return ``content`` as text of a page: escaped, and with a sign for what is not to be seen."""
    return html.escape(_HIDDEN.sub(_SHOWN_HIDDEN, str(content)))


def served_page(title: str, body: str) -> str:
    """Return a document whose server says what it may load; ``title`` is escaped here, ``body`` is HTML."""
    return _document(title, f'<link rel="stylesheet" href="{STYLE_PATH}">\n', body)


def page_alone(title: str, body: str) -> str:
    """Return a document for a file: by its own policy nothing is loaded, nothing runs, and only our style holds."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">\n'
    return _document(title, f'{policy}<meta name="referrer" content="no-referrer">\n<style>{STYLE}</style>\n', body)


def _document(title: str, head: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{text(title)}</title>\n{head}</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )
