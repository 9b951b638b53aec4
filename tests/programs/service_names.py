"""What the services share: where they are, and that every name leads to this machine, so that a host may have any.

The environment: ``SERVICE_RETRIEVAL`` and ``SERVICE_THIRD_PARTY`` are URLs, ``SERVICE_QUEUE`` is the folder of the queue.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from pathlib import Path

from celery import Celery

from otel_sessions import get_session

SECONDS = 60
RETRIEVAL = os.environ.get("SERVICE_RETRIEVAL", "")
THIRD_PARTY = os.environ["SERVICE_THIRD_PARTY"]
FOLDER = Path(os.environ["SERVICE_QUEUE"])


def to_loopback(_host, port, *_args, **_options):
    """Stand in for `socket.getaddrinfo`."""
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", int(port or 0)))]


socket.getaddrinfo = to_loopback
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with this one ignored
# Else all goes to the exporter alone, and werkzeug's line on where it listens with it.
logging.getLogger().addHandler(logging.StreamHandler())

queue = Celery("services", broker="filesystem://", set_as_current=False)
queue.conf.update(
    broker_transport_options={
        "data_folder_in": str(FOLDER / "messages"),
        "data_folder_out": str(FOLDER / "messages"),
        "control_folder": str(FOLDER / "control"),
        "processed_folder": str(FOLDER / "done"),
        "store_processed": True,
        "polling_interval": 0.01,
    },
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)


def ids():
    """Return what is known here of the session: its id, and that of its user."""
    session = get_session()
    return [None, None] if session is None else [session.id, session.user_id]
