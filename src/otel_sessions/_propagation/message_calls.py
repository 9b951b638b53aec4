"""Which libraries write into a message of a queue, where no span tells that it is one.

A message is sent by a PRODUCER span, and is the user's own doing. A tracer that is switched off, by a tracer configurator,
or that is none, as without an SDK, makes no such span; the instrumentation of the queue injects all the same. Each row was run,
or read in the source of the version that it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .callers import is_installed, module_of

if TYPE_CHECKING:
    from types import FrameType

_OF = "opentelemetry.instrumentation."
_LIBRARIES = (
    f"{_OF}aio_pika.",  # 0.66b1, run
    f"{_OF}aiokafka.",  # 0.66b1, run
    f"{_OF}boto3sqs.",  # 0.66b1, source
    f"{_OF}botocore.extensions._messaging.",  # SNS, and of older releases SQS: 0.66b1, run
    f"{_OF}celery.",  # 0.66b1, run
    f"{_OF}confluent_kafka.",  # 0.66b1, run
    f"{_OF}kafka.",  # 0.66b1, run
    f"{_OF}pika.",  # 0.66b1, run
    f"{_OF}remoulade.",  # 0.66b1, source
    "taskiq.middlewares.opentelemetry_middleware.",  # taskiq 0.13.0, source
)


def is_message(frame: FrameType | None) -> bool:
    """Tell whether ``frame``, which injects, is of a library that writes into messages and nowhere else."""
    return f"{module_of(frame)}.".startswith(_LIBRARIES) and is_installed(frame)
