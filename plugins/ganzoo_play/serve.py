"""Serving one directory to this machine alone."""

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
    """Files of the directory, to whoever asks for this very machine.

    A page of another host whose name is made to point here sends its own name as ``Host``, and is refused (DNS
    rebinding).
    """

    # Not what this machine's registry says: browsers refuse scripts of another kind.
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
        """Whether the path leads into the directory, links followed."""
        try:
            asked = Path(self.translate_path(self.path)).resolve()
        except (OSError, ValueError):  # a name that no file can have
            return False
        return asked.is_relative_to(Path(self.directory).resolve())

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND, "File not found")

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a page written anew is seen at once
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is for the address."""


def make_server(directory: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of the directory on the loopback address, listening; port 0 takes a free one. GanzooError where none
    is."""
    try:
        return ThreadingHTTPServer((ADDRESS, port), partial(Handler, directory=str(directory)))
    except (OSError, OverflowError) as error:
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        reason = "is taken" if taken else f"cannot be used: {getattr(error, 'strerror', None) or error}"
        raise GanzooError(f"--port {port} {reason}; leave --port out for a free one") from error


def serve(directory: Path, port: int, opened: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. ``opened`` is told the address once it answers."""
    with make_server(directory, port) as server:
        opened(f"http://{ADDRESS}:{server.server_address[1]}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
