"""What a test suite needs: a pipeline in memory, an assertion over its spans, and a clean slate.

The pytest fixture `session_pipeline` of `otel_sessions.testing.fixtures` puts these together.
Nothing here is loaded by itself.
"""

from ._assertions import assert_all_spans_have_session
from ._pipeline import InMemoryPipeline
from ._slate import clean_slate, every_scope_is_entered

__all__ = ["InMemoryPipeline", "assert_all_spans_have_session", "clean_slate", "every_scope_is_entered"]
