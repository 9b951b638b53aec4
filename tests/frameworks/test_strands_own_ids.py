"""Strands Agents, which trace themselves, told whose turns they are by a session manager or attributes, and nobody else."""

from __future__ import annotations

import tempfile

from strands.session.file_session_manager import FileSessionManager

from test_strands import TestStrands as Strands


class TestSessionManager(Strands):
    own_users = frozenset({None})

    # Its spans stay open and current then, as if it were still at work.
    test_a_stream_that_is_left_early_and_the_next_user_in_a_task = None
    test_a_stream_that_is_left_early_while_another_user_reads_theirs = None

    def ids(self, user):
        directory = tempfile.mkdtemp()
        return {"session_manager": FileSessionManager(session_id=user.session, storage_dir=directory)}


class TestTraceAttributes(Strands):
    # Its spans stay open and current then, as if it were still at work.
    test_a_stream_that_is_left_early_and_the_next_user_in_a_task = None
    test_a_stream_that_is_left_early_while_another_user_reads_theirs = None

    def ids(self, user):
        return {"trace_attributes": {"session.id": user.session, "user.id": user.name}}
