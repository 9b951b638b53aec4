"""A program in the place of the command of Claude."""

COMMAND = '''#!{python}
"""Says what the command of Claude says for one question."""
import json, signal, sys

signal.alarm(5)  # where a question is left early, nobody ends the command

def say(**message):
    print(json.dumps(message), flush=True)

if "-v" in sys.argv or "--version" in sys.argv:
    print("99.0.0 (Claude Code)")
    raise SystemExit
session = "c0ffee00-0000-4000-8000-000000000000"
for line in sys.stdin:
    asked = json.loads(line)
    if asked["type"] == "control_request":
        say(type="control_response", response=dict(subtype="success", request_id=asked["request_id"], response=dict(commands=[])))
    if asked["type"] == "user":
        say(type="system", subtype="init", session_id=session, cwd="/", tools=[], mcp_servers=[], model="m", permissionMode="default", apiKeySource="none")
        for text in ("It arrives", "on Friday."):
            message = dict(id="msg_1", type="message", role="assistant", model="m", content=[dict(type="text", text=text)], usage=dict(input_tokens=1, output_tokens=1))
            say(type="assistant", message=message, parent_tool_use_id=None, session_id=session)
        say(type="result", subtype="success", duration_ms=1, duration_api_ms=1, is_error=False, num_turns=1, session_id=session, result="It arrives on Friday.", total_cost_usd=0.0, usage=dict(input_tokens=1, output_tokens=1))
'''
