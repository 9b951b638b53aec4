"""What is shown in a terminal? The list of sessions, and one session, as lines of text by `rich`.

Comes in: what the API answers, from a store here or over HTTP. Goes out: lines that no content can break.
"""
