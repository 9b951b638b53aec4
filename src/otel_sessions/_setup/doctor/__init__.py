"""Is it set up right? What ``otel-sessions doctor`` looks at, and what it says of it.

In come an environment, a program that is run, or source; out come findings: what is wrong, where, why it matters,
and what to write. Nothing here changes a pipeline, sends anything but where that was asked for, or shows an id.
"""
