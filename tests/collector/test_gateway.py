"""gateway.yaml: whole sessions or none, the same that the SDK keeps; users hidden; spans that fit."""

from __future__ import annotations

import pytest

from otel_sessions.sdk import SessionRatioSampler
from plan import Plan
from received import partial, session_ids, tally, wait_for_spans


def gateway_to(collector, backend, **environment):
    return collector("gateway.yaml", environment={"BACKEND_ENDPOINT": backend.url, **environment})


def kept_by_the_sdk(plan: Plan, ratio: float) -> set[str]:
    sampler = SessionRatioSampler(ratio)
    return {each for each in plan.session_ids() if sampler.keeps_session(each)}


def test_hash_sampling_keeps_whole_sessions_and_the_same_ones_as_the_sampler_of_the_sdk(
    collector, backend, applications, report
):
    plan = Plan("hash", sessions=2000, turns=2)
    expected = kept_by_the_sdk(plan, 0.1)
    with gateway_to(collector, backend, SESSION_PERCENT="10") as gateway:
        applications(plan, gateway.http).wait()
        wait_for_spans([backend], len(expected) * 6)
        gateway.stop()
    kept = session_ids(backend.spans())
    report(f"hash sampling: {len(kept)} of {plan.sessions} sessions kept, {len(partial(plan, backend.spans()))} in part")
    assert partial(plan, backend.spans()) == []
    assert kept == expected
