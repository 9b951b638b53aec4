"""What a vendor's distribution of OpenTelemetry brings, and hooks that break something of ours before it is started."""

from __future__ import annotations

import sys

from opentelemetry.instrumentation.distro import BaseDistro
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from opentelemetry.sdk.trace import TracerProvider


class Distro(BaseDistro):
    """Gives options to the instrumentations that it starts."""

    def _configure(self, **kwargs):
        pass

    def load_instrumentor(self, entry_point, **kwargs):
        if entry_point.name == "otel_sessions":
            kwargs["user_privacy"] = "drop"
        super().load_instrumentor(entry_point, **kwargs)


class Configurator(_OTelSDKConfigurator):
    """Gives the resource a name of its own."""

    def _configure(self, **kwargs):
        super()._configure(resource_attributes={"vendor": "acme"}, **kwargs)


def without_our_sdk_module():
    sys.modules["otel_sessions._setup.instrument"] = None  # type: ignore[assignment]


def with_an_sdk_that_raises():
    from otel_sessions._setup import instrument as module

    def instrument(tracer_provider=None):  # noqa: ARG001
        raise RuntimeError("conv-42")  # noqa: EM101

    module.instrument = instrument


def with_a_provider_that_raises():
    def add_span_processor(self, span_processor):  # noqa: ARG001
        raise RuntimeError("conv-42")  # noqa: EM101

    TracerProvider.add_span_processor = add_span_processor  # type: ignore[method-assign]
