"""A Flask application, without a line of OpenTelemetry."""

import os

from flask import Flask, request

from otel_sessions import bind_session

app = Flask("shop")


@app.get("/right")
def right():
    bind_session(request.args["conversation"], user_id="ada")
    return str(os.getpid())
