"""What is a session? The value, its ids, fields, users, paths and names.

In come texts and objects of anybody; out come values that are fit to carry, or nothing. Pure: no
Context, no settings, no SDK. What is wrong with a value is said by the logger, never by an exception.
"""
