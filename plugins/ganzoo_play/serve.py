"""Serves one directory to this machine only."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError

ADDRESS = "127.0.0.1"


class Handler(SimpleHTTPRequestHandler):
    """Serves files of the directory to requests that name this machine as ``Host``.

    A page of another host whose name resolves to this machine sends its own name as ``Host`` and is refused (DNS
    rebinding).
    """

    # Do not use this machine's registry of types: browsers refuse scripts of a wrong type.
    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".wasm": "application/wasm",
        ".png": "image/png",
    }

    def send_head(self) -> Any:
        port = self.connection.getsockname()[1]
        if self.headers.get("Host") not in (f"{ADDRESS}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.FORBIDDEN, "This page is only for this machine")
            return None
        if not self._is_within():
            self.send_error(HTTPStatus.NOT_FOUND, "File not found")
            return None
        return super().send_head()

    def _is_within(self) -> bool:
        """Return whether the path is inside the directory after following links."""
        try:
            asked = Path(self.translate_path(self.path)).resolve()
        except (OSError, ValueError):  # not a valid file name
            return False
        return asked.is_relative_to(Path(self.directory).resolve())

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND, "File not found")

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a rewritten page must appear at once
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the terminal shows only the address."""


def make_server(directory: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a listening server of the directory on the loopback address. Port 0 takes a free one.

    Raises GanzooError if the port cannot be used.
    """
    try:
        return ThreadingHTTPServer((ADDRESS, port), partial(Handler, directory=str(directory)))
    except (OSError, OverflowError) as error:
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        reason = "is taken" if taken else f"cannot be used: {getattr(error, 'strerror', None) or error}"
        raise GanzooError(f"--port {port} {reason}; leave --port out for a free one") from error


def serve(directory: Path, port: int, opened: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. Call ``opened`` with the address when the server answers."""
    with make_server(directory, port) as server:
        opened(f"http://{ADDRESS}:{server.server_address[1]}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
