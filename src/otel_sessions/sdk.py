"""What needs the SDK: the one import of people who build their own pipeline."""

from ._setup.instrument import instrument, uninstrument  # first: it says where the SDK is missing

# isort: split
from ._pipeline.dialect_exporter import DialectSpanExporter
from ._pipeline.log_processor import SessionLogRecordProcessor
from ._pipeline.phoenix import PhoenixAnnotationExporter
from ._pipeline.sampler import ParentBasedSessionRatio, SessionRatioSampler
from ._pipeline.span_processor import SessionSpanProcessor
from ._pipeline.stats import Stats, stats
from ._propagation.propagator import SessionPropagator

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
    "stats",
    "uninstrument",
]
