"""What does a span say? Attributes of any convention to facts: whose it is, what was said, read, written, judged. Pure.

Comes in: a raw span or log record and its source. Goes out: `Facts`, all that sums and lists need, and, when asked for,
the `Words` of it. The tables of names stand here, in one place each. Nothing here knows any other span.
"""
