"""Runs moto, ministack or the server of `model_server.py`, unchanged in what they decide, with four things around them:

* it ends when the process that started it ends: its standard input is then at its end;
* a journal, one JSON object a line, of every request: which key and session signed it, for which service and region,
  what was asked, and how many requests were under way at that moment;
* a list, one a line, of all secrets that the server has given out;
* `--delay ACTION=SECONDS` lets the answer to an action take its time, `--longest-session SECONDS` lets sessions of ministack last
  that long at most: the server then says so in `Expiration`, and holds to it.
"""

import argparse
import asyncio
import io
import json
import os
import sys
import threading
import time
import urllib.parse

LOCK = threading.Lock()


class Journal:
    """Writes what was asked for. All files are only ever appended to, a whole line at a time."""

    def __init__(self, path, delays):
        self.file = open(path, "a", encoding="utf-8")
        self.delays = delays
        self.under_way = 0
        self.sessions = {}  # the RoleSessionName of every access key that belongs to a session

    def begin(self, headers, path, body):
        entry = {"path": path, "action": None, "service": None, "region": None, "access_key_id": None, "session": None,
                 "parameters": {}}
        authorization = headers.get("authorization", "")
        if "Credential=" in authorization:
            scope = authorization.split("Credential=")[1].split(",")[0].split("/")
            entry.update(access_key_id=scope[0], region=scope[2], service=scope[3], session=self.sessions.get(scope[0]))
        text = body.decode("utf-8", "replace")
        if headers.get("x-amz-target"):
            entry["action"] = headers["x-amz-target"].split(".")[-1]
            entry["parameters"] = json.loads(text or "{}")
        elif "form" in headers.get("content-type", ""):
            entry["parameters"] = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
            entry["action"] = entry["parameters"].pop("Action", None)
        with LOCK:
            self.under_way += 1
            entry["under_way"] = self.under_way
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()
        return self.delays.get(entry["action"], 0)

    def end(self):
        with LOCK:
            self.under_way -= 1


class Issued:
    """Writes the secrets that the server gives out."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")

    def add(self, *secrets):
        with LOCK:
            self.file.writelines(secret + "\n" for secret in secrets if secret)
            self.file.flush()


def end_with_parent():
    """Standard input is a pipe whose other end only the parent holds."""

    def watch():
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def serve_moto(options, journal, issued):
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from moto.sts import models as sts
    from werkzeug.serving import run_simple

    create = sts.AssumedRole.__init__

    def creating(self, *args, **kwargs):
        create(self, *args, **kwargs)
        issued.add(self.secret_access_key, self.session_token)
        journal.sessions[self.access_key_id] = self.session_name

    sts.AssumedRole.__init__ = creating
    moto = DomainDispatcherApplication(create_backend_app)

    def application(environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        delay = journal.begin(headers, environ["PATH_INFO"], body)
        try:
            answer = moto(environ, start_response)
            time.sleep(delay)
            return answer
        finally:
            journal.end()

    certificate = (options.certificate, options.key) if options.certificate else None
    run_simple("127.0.0.1", options.port, application, threaded=True, request_handler=MotoRequestHandler,
               ssl_context=certificate)


def serve_ministack(options, journal, issued):
    import ministack.app
    from ministack.services import sts

    register, parameter, served = sts.register_session, sts._p, ministack.app.app

    def registering(access_key, session):
        issued.add(session.get("SecretAccessKey"), session.get("SessionToken"))
        journal.sessions[access_key] = session.get("Arn", "").rpartition("/")[2]
        register(access_key, session)

    def limited(parameters, name, *default):
        value = parameter(parameters, name, *default)
        if name == "DurationSeconds" and options.longest_session:
            return str(min(int(value or 3600), options.longest_session))
        return value

    async def application(scope, receive, send):
        if scope["type"] != "http":
            return await served(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        replayed = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again():
            return next(replayed, None) or await receive()

        delay = journal.begin(headers, scope["path"], body)

        # What is decided is decided when the request comes in; only the answer takes its time.
        async def later(message):
            if delay and message["type"] == "http.response.start":
                await asyncio.sleep(delay)
            await send(message)

        try:
            await served(scope, again, later)
        finally:
            journal.end()

    sts.register_session, sts._p, ministack.app.app = registering, limited, application
    sys.argv = ["ministack"]
    ministack.app.main()


def serve_model(options, journal, _issued):
    import model_server

    model_server.serve(options.port, journal)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=["moto", "ministack", "model"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--issued", required=True)
    parser.add_argument("--delay", action="append", default=[], metavar="ACTION=SECONDS")
    parser.add_argument("--longest-session", type=int, metavar="SECONDS")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    options = parser.parse_args()
    end_with_parent()
    delays = {action: float(seconds) for action, seconds in (delay.split("=") for delay in options.delay)}
    serve = {"moto": serve_moto, "ministack": serve_ministack, "model": serve_model}[options.server]
    serve(options, Journal(options.journal, delays), Issued(options.issued))


main()
