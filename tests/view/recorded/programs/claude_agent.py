"""The Claude Agent SDK under OpenInference, with a program in the place of its command, which says a session id."""

import asyncio
import stat
import sys
import tempfile
from pathlib import Path

import claude_agent_sdk
from claude_agent_sdk import ClaudeAgentOptions
from openinference.instrumentation.claude_agent_sdk import ClaudeAgentSDKInstrumentor

from application import NEIGHBOUR, ORDER, pipeline
from claude_command import COMMAND

provider = pipeline()
ClaudeAgentSDKInstrumentor().instrument(tracer_provider=provider)


async def main(command):
    options = ClaudeAgentOptions(cli_path=command)
    for question in (ORDER, NEIGHBOUR):
        async for _ in claude_agent_sdk.query(prompt=question, options=options):
            pass


with tempfile.TemporaryDirectory() as folder:
    command = Path(folder, "claude")
    command.write_text(COMMAND.replace("{python}", sys.executable))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    asyncio.run(main(command))
provider.shutdown()
