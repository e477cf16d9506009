"""An EC2 whose instances have every member that AWS's own service model (the one that boto3 carries) knows of.

No emulator fills more than a third of them. Nothing here is written by hand but how a value of each type looks: names
and structure come from the model. STS and DescribeRegions are as little as a run needs.
"""

import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from xml.sax.saxutils import escape

import botocore.session

ACCOUNT = "900000000001"
MODEL = botocore.session.get_session().get_service_model("ec2")


class Values:
    """Values in an order that is not the order of anything, the same in every answer."""

    def __init__(self, seed):
        self.numbers = ((seed + step * 7919) % 10007 for step in count())

    def scalar(self, shape, name):
        number = next(self.numbers)
        if shape.type_name == "boolean":
            return "true" if number % 2 else "false"
        if shape.type_name in ("integer", "long"):
            return str(number)
        if shape.type_name in ("float", "double"):
            return str(number / 8)
        if shape.type_name == "timestamp":
            fraction = ["", ".000", ".120", ".007"][number % 4]
            return f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:{number % 60:02}{fraction}Z"
        # One value in three is one that the model does not know: AWS adds some every month.
        enum = getattr(shape, "enum", [])
        if enum and number % 3:
            return enum[number % len(enum)]
        return f"{name}-{number} <&> \"ü\"\r\n"

    def xml(self, shape, name, full):
        if shape.type_name == "structure":
            return "".join(self.member(inner, member, full) for member, inner in shape.members.items())
        return escape(self.scalar(shape, name), {"\r": "&#xD;"})

    def member(self, shape, name, full):
        tag = shape.serialization.get("name", name)
        if shape.type_name == "list":
            elements = [self.xml(shape.member, name, full) for _ in range(3 if full else 0)]
            return f"<{tag}>{''.join(f'<item>{element}</item>' for element in elements)}</{tag}>"
        if not full and shape.type_name != "structure":
            return ""
        return f"<{tag}>{self.xml(shape, name, full)}</{tag}>"


def instance(kind, number):
    """`full` has every member, `hollow` every structure and list but nothing in them, `bare` only an id."""
    identity = f"<instanceId>i-{number:017x}</instanceId>"
    if kind == "bare":
        return identity
    values, shape = Values(number), MODEL.shape_for("Instance")
    members = {name: inner for name, inner in shape.members.items() if name != "InstanceId"}
    text = "".join(values.member(inner, name, kind == "full") for name, inner in members.items())
    return text + identity


def reservation(region, number, kinds):
    values = Values(number)
    instances = "".join(f"<item>{instance(kind, number * 10 + i)}</item>" for i, kind in enumerate(kinds))
    groups = values.member(MODEL.shape_for("Reservation").members["Groups"], "Groups", "full" in kinds)
    requester = f"<requesterId>requester-{number}</requesterId>" if "full" in kinds else ""
    return (f"<item><reservationId>r-{number}-{region}</reservationId><ownerId>{ACCOUNT}</ownerId>{requester}{groups}"
            f"<instancesSet>{instances}</instancesSet></item>")


# Pages of reservations; one is empty and still not the last.
PAGES = [
    [(9, ["full", "full"]), (3, ["hollow"])],
    [],
    [(7, ["bare"]), (5, ["full", "bare", "hollow"])],
    [(1, ["full"])],
]


def describe_instances(region, form):
    page = int(form.get("NextToken", "page-0").removeprefix("page-"))
    token = f"<nextToken>page-{page + 1}</nextToken>" if page + 1 < len(PAGES) else ""
    return f"<reservationSet>{''.join(reservation(region, n, kinds) for n, kinds in PAGES[page])}</reservationSet>{token}"


def describe_regions(_region, _form):
    return "<regionInfo/>"


def get_caller_identity(_region, _form):
    return (f"<GetCallerIdentityResult><Account>{ACCOUNT}</Account><Arn>arn:aws:iam::{ACCOUNT}:user/test</Arn>"
            "<UserId>AIDATEST</UserId></GetCallerIdentityResult>")


ACTIONS = {"DescribeInstances": describe_instances, "DescribeRegions": describe_regions,
           "GetCallerIdentity": get_caller_identity}


def serve(port, journal):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer("ready")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            journal.begin(headers, self.path, body)
            form = dict(urllib.parse.parse_qsl(body.decode()))
            action = form["Action"]
            region = headers["authorization"].split("Credential=")[1].split("/")[2]
            content = ACTIONS[action](region, form)
            self.answer(f"<{action}Response>{content}<requestId>r-1</requestId></{action}Response>")
            journal.end()

        def answer(self, text):
            data = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/xml;charset=UTF-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
