"""The Claude Agent SDK under OpenInference, with a program in the place of its command."""

from __future__ import annotations

import stat
import sys

import claude_agent_sdk
import pytest
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient
from openinference.instrumentation.claude_agent_sdk import ClaudeAgentSDKInstrumentor

from claude_command import COMMAND
from conversations import AsyncCalls, AsyncStreams


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    ClaudeAgentSDKInstrumentor().instrument(tracer_provider=_pipeline.provider)


class Claude:
    scope = "openinference.instrumentation.claude_agent_sdk"

    @pytest.fixture(autouse=True, scope="class")
    @staticmethod
    def _options(request, tmp_path_factory):
        command = tmp_path_factory.mktemp("claude") / "claude"
        command.write_text(COMMAND.replace("{python}", sys.executable))
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        request.cls.options = ClaudeAgentOptions(cli_path=command)


class TestQuery(Claude, AsyncCalls, AsyncStreams):
    async def aask(self, user):
        return [message async for message in claude_agent_sdk.query(prompt=user.question, options=self.options)]

    async def astream(self, user):
        async for message in claude_agent_sdk.query(prompt=user.question, options=self.options):
            yield message


class TestClient(Claude, AsyncCalls, AsyncStreams):
    async def aask(self, user):
        return [message async for message in self.astream(user)]

    async def astream(self, user):
        async with ClaudeSDKClient(self.options) as client:
            await client.query(user.question)
            async for message in client.receive_response():
                yield message
