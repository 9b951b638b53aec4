"""What did the user ask for? Environment and arguments, and the values that they may have.

In come ``os.environ`` and the arguments of ``instrument()``; out comes one `settings.Settings`, which nobody changes,
with every value that can't be used replaced by one that is not more open than what was asked for.
"""
