"""What is said in a session, and what is found out about it? Turns, messages, checks, feedback.

In come questions, answers and judgements of the application; out come spans and log records in the session
and the turn that they belong to. No SDK is imported: both are written by the API.
"""
