"""Runs proxy.py, unchanged in what it decides, on loopback. Names that end in `.test.invalid`, which no name server knows,
are loopback to it: who reaches them has come through it.

Arguments: the port, and a file that gets a line for every request that it lets pass (method, host, port). With
`--basic-auth USER:PASSWORD` it asks for these, with `--busy NUMBER` it answers 503 to so many requests first. It ends,
with all its processes, when the process that started it ends.
"""

import argparse
import os
import sys
import threading

import proxy
from proxy.http.exception import HttpRequestRejected
from proxy.http.proxy import HttpProxyBasePlugin

# Its processes close their standard input: they watch a copy of it.
PARENT = os.dup(sys.stdin.fileno())


def end_with_parent():
    def watch():
        while os.read(PARENT, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


class Names(HttpProxyBasePlugin):
    # Set before the one process that serves is forked.
    journal, busy = None, 0

    def resolve_dns(self, host, port):
        return ("127.0.0.1" if host.endswith(".test.invalid") else None), None

    def before_upstream_connection(self, request):
        if Names.busy:
            Names.busy -= 1
            raise HttpRequestRejected(status_code=503, reason=b"Service Unavailable")
        line = f"{request.method.decode()} {request.host.decode()} {request.port}\n"
        with open(Names.journal, "a", encoding="utf-8") as journal:
            journal.write(line)
        return request


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port")
    parser.add_argument("journal")
    parser.add_argument("--basic-auth")
    parser.add_argument("--busy", type=int, default=0)
    options = parser.parse_args()
    Names.journal, Names.busy = options.journal, options.busy
    end_with_parent()
    os.register_at_fork(after_in_child=end_with_parent)
    sys.argv[1:] = ["--hostname", "127.0.0.1", "--port", options.port, "--num-acceptors", "1", "--num-workers", "1"]
    if options.basic_auth:
        sys.argv += ["--basic-auth", options.basic_auth]
    proxy.main(plugins=[Names])


if __name__ == "__main__":
    main()
