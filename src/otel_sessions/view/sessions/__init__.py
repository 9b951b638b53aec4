"""Which session, which turn, what sum? The facts of a trace's spans to its parts, and the parts of a session to it. Pure.

Comes in: `Facts` of all spans of one trace, in any order, each span once. Goes out: a `TraceSummary`; from the parts
of all traces of a session its turns and its sums. The same spans give the same result, in whatever order they came.
"""
