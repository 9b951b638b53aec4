"""A logger provider whose records can be read."""

from __future__ import annotations

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor


class KeptRecords:
    """Keeps what its ``provider`` is given."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

    def records(self):
        return [found.log_record for found in self.exporter.get_finished_logs()]

    def record(self):
        """Return the only record."""
        (record,) = self.records()
        return record

    def told(self):
        """Return the attributes of the only record."""
        return dict(self.record().attributes)
