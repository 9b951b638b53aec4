"""What needs the SDK: the one import of people who build their own pipeline."""

from ._autoconfig import instrument, uninstrument
from ._span_processor import SessionSpanProcessor

__all__ = ["SessionSpanProcessor", "instrument", "uninstrument"]
