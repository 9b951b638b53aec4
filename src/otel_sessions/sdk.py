"""What needs the SDK: the one import of people who build their own pipeline."""

try:
    import opentelemetry.sdk.trace  # noqa: F401  # to say what is missing, and how to get it
except ImportError as error:
    message = "otel_sessions.sdk needs opentelemetry-sdk: pip install 'otel-sessions[sdk]'"
    raise ImportError(message) from error

from ._autoconfig import instrument, uninstrument
from ._dialect_exporter import DialectSpanExporter
from ._log_processor import SessionLogRecordProcessor
from ._phoenix import PhoenixAnnotationExporter
from ._propagation.propagator import SessionPropagator
from ._sampler import ParentBasedSessionRatio, SessionRatioSampler
from ._span_processor import SessionSpanProcessor
from ._stats import Stats

__all__ = [
    "DialectSpanExporter",
    "ParentBasedSessionRatio",
    "PhoenixAnnotationExporter",
    "SessionLogRecordProcessor",
    "SessionPropagator",
    "SessionRatioSampler",
    "SessionSpanProcessor",
    "Stats",
    "instrument",
    "uninstrument",
]
