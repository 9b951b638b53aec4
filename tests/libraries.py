"""Modules that a test writes and imports: of an application, or of a library that is installed."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

SENDER = """
from opentelemetry import propagate

class Headers(dict):
    pass

class Request:
    pass

class Mapping:
    def __init__(self):
        self.items_ = {}
    def keys(self):
        return self.items_.keys()
    def __setitem__(self, name, value):
        self.items_[name] = value

def inject(carrier, context=None):
    propagate.inject(carrier, context)
    return carrier

async def inject_later(carrier):
    return inject(carrier)
"""
"""A module that injects by itself, and has types of its own."""


def imported(patch: pytest.MonkeyPatch, folder: Path, name: str, source: str = SENDER) -> Any:
    """Write a module of that dotted ``name`` below ``folder``, import it, and return it; it is forgotten after the test."""
    path = Path(folder, *name.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    patch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module
