"""What needs the SDK: the one import of people who build their own pipeline."""

try:
    import opentelemetry.sdk.trace  # noqa: F401  # to say what is missing, and how to get it
except ImportError as error:
    message = "otel_sessions.sdk needs opentelemetry-sdk: pip install 'otel-sessions[sdk]'"
    raise ImportError(message) from error

from ._autoconfig import instrument, uninstrument
from ._span_processor import SessionSpanProcessor

__all__ = ["SessionSpanProcessor", "instrument", "uninstrument"]
