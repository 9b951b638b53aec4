"""Turns of ours with checks and steps, a feedback later by the handle of a turn, one of a session, and logs of the application."""

import contextlib
import logging

from opentelemetry.instrumentation.logging.handler import LoggingHandler

from application import LISBON, NEIGHBOUR, ORDER, log_pipeline, pipeline
from otel_sessions import check, check_includes, feedback, set_session, step, turn
from otel_sessions.sdk import instrument

provider, logger_provider = pipeline(), log_pipeline()
instrument(provider, logger_provider=logger_provider)
logging.getLogger("shop").addHandler(LoggingHandler(logger_provider=logger_provider))
logging.getLogger("shop").setLevel(logging.INFO)

with set_session("conv-ada", user_id="ada", name="Order 4711"):
    with turn(input=ORDER) as t:
        with step("look up"):
            logging.getLogger("shop").warning("the table of orders was slow")
        t.output = "Order 4711 is sent and arrives on Friday."
        check_includes(t.output, "Friday", name="names the day")
        check("polite", passed=False, score=0.25, explanation="It does not greet.")
    with step("support"), turn(input=NEIGHBOUR) as second:
        second.output = "Yes: tell me the neighbour's name."
feedback("thumb", passed=True, session=t.handle)
feedback("thumb", passed=False, explanation="I have told you the name.", session=second.handle)
feedback("stars", score=4, session="conv-ada")
with set_session("conv-bob", user_id="bob"), contextlib.suppress(TimeoutError), turn(input=LISBON):
    raise TimeoutError
provider.shutdown()
logger_provider.shutdown()
