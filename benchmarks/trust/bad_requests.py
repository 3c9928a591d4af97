"""Requests to the server of ``ganzoo play`` for other files than its page's, or from other sites or machines."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from cases import Case

from ganzoo_play.serve import ADDRESS, make_server

SECRET = b"what lies beside the page"


def _feed(ask: Callable[[int], str], place: Path) -> str:
    """Serve a directory with a page, with a secret outside and links to the secret inside. Return the answer.

    ask: sends a request to the server's port and returns the answer in words.
    """
    page = place / "play"
    (page / "runs").mkdir(parents=True)
    (page / "index.html").write_text("the page")
    (page / "runs/0.onnx").write_text("a model")
    (place / "secret.txt").write_bytes(SECRET)
    (place / "play-other").mkdir()
    (place / "play-other/secret.txt").write_bytes(SECRET)
    (page / "link.txt").symlink_to(place / "secret.txt")
    (page / "linked").symlink_to(place)
    with make_server(page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            return ask(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def _request(expected: int, path: str, port: int, host: str = "", method: str = "GET") -> str:
    connection = HTTPConnection(ADDRESS, port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    if host != "none":
        connection.putheader("Host", host or f"{ADDRESS}:{port}")
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != expected or SECRET in content or (expected != 200 and b"the page" in content):
        raise AssertionError(f"{answer.status} {answer.reason}, expected {expected}: {content[:80]!r}")
    return f"{answer.status} {answer.reason}"


def _bound(port: int) -> str:
    """Check that only the loopback address accepts connections. Raises AssertionError if another one does."""
    others = {ip for *_, (ip, *_) in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} | _routed()
    for address in others - {ADDRESS}:
        if address.startswith("127."):
            continue
        with socket.socket() as client:
            client.settimeout(5)
            if client.connect_ex((address, port)) == 0:
                raise AssertionError(f"{address} lets in")
    with socket.socket() as second:  # fails if the server listens on every address
        second.bind(("127.0.0.2", port))
    return f"bound to {ADDRESS} alone"


def _routed() -> set[str]:
    """Return this machine's address on its network; empty without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return {str(probe.getsockname()[0])}
        except OSError:
            return set()


def cases() -> list[Case]:
    """Return all cases of this file."""

    def request(what: str, expected: int, path: str = "/", **how: str) -> Case:
        return Case(what, partial(_feed, partial(_asked, expected, path, how)))

    return [
        request("the page itself", 200),
        request("Host: evil.example, a name that was made to point here", 403, host="evil.example"),
        request("Host: evil.example with the right port", 403, host="evil.example:PORT"),
        request("Host: this machine with another port", 403, host="127.0.0.1:1"),
        request("Host: one that begins as this machine", 403, host="127.0.0.1:PORT.evil.example"),
        request("no Host", 403, host="none"),
        request("HEAD with Host: evil.example", 403, host="evil.example", method="HEAD"),
        request("/../secret.txt", 404, "/../secret.txt"),
        request("/%2e%2e/secret.txt", 404, "/%2e%2e/secret.txt"),
        request("/runs/..%2f..%2fsecret.txt", 404, "/runs/..%2f..%2fsecret.txt"),
        request("/..%5csecret.txt", 404, "/..%5csecret.txt"),
        request("/%252e%252e/secret.txt, encoded twice", 404, "/%252e%252e/secret.txt"),
        request(
            "/../play-other/secret.txt, a directory whose name begins as the page's", 404, "/../play-other/secret.txt"
        ),
        request("/etc/passwd by //etc/passwd", 404, "//etc/passwd"),
        request("a link to a file beside the page", 404, "/link.txt"),
        request("a link to the directory above it", 404, "/linked/secret.txt"),
        request("the list of a directory", 404, "/runs/"),
        request("a name with a zero byte", 404, "/index.html%00.png"),
        *(
            request(f"the method {method}", 501, method=method)
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE")
        ),
        Case("another address of this machine", partial(_feed, _bound)),
    ]


def _asked(expected: int, path: str, how: dict[str, str], port: int) -> str:
    return _request(expected, path, port, **{name: value.replace("PORT", str(port)) for name, value in how.items()})
