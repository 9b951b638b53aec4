"""Programs with ids of all kinds; each line that is to be told of is marked."""

from __future__ import annotations

IDS = {
    "may_be_none": """
        import os
        from otel_sessions import bind_session, set_session

        def a(request):
            bind_session(request.json.get("session_id"))  #! id-may-be-none
            bind_session(request.args.get("session_id", None))  #! id-may-be-none

        def b(body):
            sid = body.get("conversation")
            with set_session(session_id=sid):  #! id-may-be-none
                pass

        def c():
            with set_session(os.environ.get("SESSION")), set_session(os.getenv("SESSION")):  #! id-may-be-none, id-may-be-none
                pass

        def right(request, body, fetch):
            bind_session(request.json["session_id"])
            bind_session(body.get("sid", "none"))
            bind_session(body.get("sid") or request.path)
            bind_session(os.getenv("SESSION", "one"))
            bind_session(fetch("session"))
            bind_session(user_id=body.get("user"))
            sid = body.get("sid")
            if sid is None:
                raise KeyError
            bind_session(sid)
        """,
    "constant": """
        from fastapi import APIRouter, WebSocket
        import dramatiq
        from otel_sessions import bind_session, set_session

        api = APIRouter()
        SESSION = "conv-42"

        @api.post("/a")
        async def a():
            bind_session("conv-42")  #! constant-id

        @api.post(path="/b")
        async def b():
            bind_session(SESSION)  #! constant-id

        @api.websocket("/c")
        async def c(socket):
            with set_session("conv-42"):  #! constant-id
                pass

        @dramatiq.actor
        def job():
            with set_session("conv-42"):  #! constant-id
                pass

        with set_session("conv-42"):
            pass

        def ask():
            with set_session(SESSION):
                pass
        """,
    "made_once": """
        import uuid
        from uuid import uuid4
        from fastapi import FastAPI
        from pydantic import BaseModel, Field
        from otel_sessions import bind_session, set_session

        app = FastAPI()
        SID = str(uuid.uuid4())

        class Question(BaseModel):
            session_id: str = str(uuid4())  #! id-made-once
            conversation_id: str = Field(default_factory=uuid4)
            text: str = str(uuid4())
            session: str

        class Other:
            session_id: str = str(uuid4())

        @app.get("/a")
        def a():
            bind_session(SID)  #! id-made-once

        @app.get("/b")
        def b(sid: str = str(uuid4()), *, other: str, last: str = uuid4().hex):
            bind_session(sid)  #! id-made-once
            bind_session(other)
            bind_session(last)  #! id-made-once

        def c(sid, other="conv-42"):
            bind_session(sid)
            bind_session(other)

        def d(*sid):
            bind_session(sid)

        with set_session(SID):
            pass
        """,
    "decorated": """
        from uuid import uuid4
        from fastapi import FastAPI
        from otel_sessions import set_session

        app = FastAPI()

        @app.get("/a")
        @set_session("conv-42")  #! constant-id
        def a(): ...

        @set_session(session_id=str(uuid4()))  #! id-made-once
        def b(): ...

        @set_session("conv-42")
        def c(): ...

        @set_session(session_id=lambda: str(uuid4()))
        def d(default=set_session("conv-42")): ...
        """,
    "requests_and_stand_ins": """
        from otel_sessions import bind_session

        def a(context, request, user):
            bind_session(context.aws_request_id)  #! request-as-session-id
            bind_session(request.headers["X-Request-Id"])  #! request-as-session-id
            bind_session("None")  #! stand-in-id
            bind_session(str(None))  #! stand-in-id
            bind_session(str(user))
            bind_session("trip to Lisbon")
        """,
    "fields": """
        from otel_sessions import from_carrier, set_session, step

        def a(sid, tag):
            with set_session(sid, tags="beta"):  #! wrong-type-field
                pass
            with set_session(sid, metadata=f"{tag}"):  #! wrong-type-field
                pass
            with set_session(sid, tags=["beta"], metadata=None):
                pass
            with step(), from_carrier():  #! wrong-arguments, wrong-arguments
                pass
        """,
    "own_uuids": """
        from uuid import uuid4
        from fastapi import FastAPI
        from otel_sessions import bind_session, set_session

        app = FastAPI()

        @app.get("/a")
        def a():
            bind_session(str(uuid4()))  #! own-uuid
            with set_session(session_id=f"chat-{uuid4()}"):  #! own-uuid
                print("in here")
            print("there")

        @app.get("/b")
        def b(sid: str | None = None):
            fresh = str(uuid4())
            bind_session(fresh)
            with set_session(str(uuid4())) as session:
                print(session)
            bind_session(sid or str(uuid4()))
            mine = bind_session(str(uuid4()))
            return {"session": fresh, "other": mine}

        def job():
            with set_session(str(uuid4())):
                pass
        """,
    "personal": """
        from otel_sessions import bind_session, set_session, update_session

        def a(request, user, email, phone_number):
            bind_session(request.client.host)  #! personal-session-id
            bind_session(session_id=request.remote_addr)  #! personal-session-id
            bind_session(request.headers["X-Forwarded-For"])  #! personal-session-id
            bind_session(request.META.get("REMOTE_ADDR"))  #! personal-session-id
            bind_session(f"chat-{user.email}")  #! personal-session-id
            bind_session("chat-" + phone_number.strip())  #! personal-session-id
            bind_session("conv-42", user_id=user.email)  #! personal-user-id
            with update_session(user_id=email.lower()):  #! personal-user-id
                pass
            address = user.email
            bind_session(address if user else None)  #! personal-session-id

        def right(user, email_hash, digest):
            bind_session(digest(user.email))
            bind_session(email_hash)
            bind_session(user.conversation.id, user_id=user.id)
        """,
    "users_are_hashed": """
        from otel_sessions import bind_session
        from otel_sessions.sdk import instrument

        instrument(user_privacy="hash", user_hash_key=b"...")

        def a(user):
            bind_session("conv-42", user_id=user.email)
            bind_session(user.email)  #! personal-session-id
        """,
    "secrets": """
        from otel_sessions import bind_session, set_session
        from elsewhere import PASSWORD

        token_of_a_test = token = "of a test"

        def a(request, access_token, api_key):
            bind_session(access_token)  #! secret-as-id
            bind_session(request.headers["Authorization"].split(" ")[1])  #! secret-as-id
            bind_session(request.headers.get("authorization"))  #! secret-as-id
            bind_session(request.cookies["sessionid"])  #! secret-as-id
            bind_session(request.cookies.get("sid"))  #! secret-as-id
            bind_session(request.session.session_key)  #! secret-as-id
            bind_session("conv-42", user_id=api_key)  #! secret-as-id
            bind_session(PASSWORD)
            bind_session(request.cookies["conversation"])
            bind_session(request.json["session_id"])

        def b():
            secret = "of a test"
            bind_session(secret)
        """,
    "processes_and_clocks": """
        import random
        import time
        from datetime import datetime
        from otel_sessions import set_session

        def a(thing):
            with set_session(id(thing)), set_session(f"chat-{hash(thing)}"):  #! unstable-id, unstable-id
                pass
            with set_session(f"run-{datetime.now().isoformat()}"):  #! id-by-chance
                pass
            with set_session(str(int(time.time()))), set_session(random.randint(1, 9)):  #! id-by-chance, id-by-chance
                pass
            with set_session(thing.id):
                pass

        def own(id, thing):
            with set_session(id(thing)):
                pass
        """,
    "types": """
        import time
        from otel_sessions import bind_session, set_session

        def a():
            bind_session(1.5)  #! wrong-type-id
            bind_session(True)  #! wrong-type-id
            bind_session(b"conv")  #! wrong-type-id
            bind_session(["conv"])  #! wrong-type-id
            bind_session({"id": "conv"})  #! wrong-type-id
            bind_session(time.time())  #! wrong-type-id
            bind_session("")  #! wrong-type-id
            bind_session("conv-42", user_id=("ada",))  #! wrong-type-id
            bind_session(42)
            bind_session(None)
        """,
    "users": """
        from otel_sessions import set_session

        def a(user_id, user, other):
            with set_session(user_id):  #! user-in-session-id
                pass
            with set_session(f"chat-{user.id}"):  #! user-in-session-id
                pass
            with set_session(session_id=other, user_id=other):  #! user-as-session-id
                pass
            with set_session(session_id="ada", user_id="ada"):
                pass
            with set_session(f"{user.id}-{other.id}", user_id=user.id):
                pass
            with set_session(f"{other.id}", user_id=user):
                pass
        """,
    "traces_and_contexts": """
        from opentelemetry import context, trace
        from opentelemetry.trace import format_trace_id
        from otel_sessions import bind_session, set_session

        def a(span, ctx, sid):
            bind_session(format_trace_id(span.get_span_context().trace_id))  #! trace-as-session-id
            bind_session(span.context.trace_id)  #! trace-as-session-id
            current = context.get_current()
            with set_session(session_id=current):  #! context-as-id
                pass
            with set_session(current, sid), set_session(None, sid), set_session(ctx, sid), set_session(current):
                pass
            with set_session(*ctx), set_session(**sid), set_session(trace.set_span_in_context(span), sid):
                pass
        """,
    "two_ids": """
        from otel_sessions import set_session

        def a(sid, user, user_id, ctx):
            with set_session(sid, user_id):  #! two-ids
                pass
            with set_session("conv-42", "ada"):  #! two-ids
                pass
            with set_session(f"{sid}", user):  #! two-ids
                pass
            with set_session(ctx, user_id):  #! user-in-session-id
                pass
            with set_session(None, user_id):  #! user-in-session-id
                pass
            with set_session("conv-42", None):
                pass
        """,
    "arguments": """
        from otel_sessions import bind_session, set_session, turn, update_session

        def a(sid, rest):
            with set_session(id=sid):  #! wrong-arguments
                pass
            with set_session(sid, users="ada"):  #! wrong-arguments
                pass
            with turn("chat", question="Hi"):  #! wrong-arguments
                pass
            with turn("chat", "Hi"):  #! wrong-arguments
                pass
            with update_session(session_id=sid), update_session("ada"):  #! wrong-arguments, wrong-arguments
                pass
            with turn(zzz=1):  #! wrong-arguments
                pass
            bind_session(sid, "ada")  #! wrong-arguments
            with turn(*rest), turn(**rest), set_session(sid, user_id="ada", tags=["beta"]):
                pass
        """,
    "the_whole_process": """
        from otel_sessions.sdk import instrument

        def main(user):
            instrument(session_id="auto")
            instrument(session_id=user.email)  #! personal-session-id
            instrument()
        """,
}
