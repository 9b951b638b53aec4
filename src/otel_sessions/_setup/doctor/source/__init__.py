"""What does source say of its sessions, without being run?

In come files and folders; out come findings: calls that lose a session, ids that are none, and what to write in their place.
Each file is read once and named where it is not; nothing of it is imported or run, and nothing here raises.
"""
