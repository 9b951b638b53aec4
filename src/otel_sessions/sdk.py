"""What needs the SDK: the one import of people who build their own pipeline."""

try:
    import opentelemetry.sdk.trace  # noqa: F401  # to say what is missing, and how to get it
except ImportError as error:
    message = "otel_sessions.sdk needs opentelemetry-sdk: pip install 'otel-sessions[sdk]'"
    raise ImportError(message) from error

from ._pipeline.dialect_exporter import DialectSpanExporter
from ._pipeline.log_processor import SessionLogRecordProcessor
from ._pipeline.phoenix import PhoenixAnnotationExporter
from ._pipeline.sampler import ParentBasedSessionRatio, SessionRatioSampler
from ._pipeline.span_processor import SessionSpanProcessor
from ._pipeline.stats import Stats
from ._propagation.propagator import SessionPropagator
from ._setup.instrument import instrument, uninstrument

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
