"""A hub in this process, with the endpoints that huggingface_hub's client calls for a push and a download."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_somebodys"


class Hub:
    """A server on a free local port. ``repositories[OWNER/NAME][PATH]`` is the content of a file, in bytes.

    ``requests``: all requests. ``unknown``: the requests to endpoints that it does not have. ``large``: the endings of
    files that are uploaded as large files, each in its own request.
    """

    def __init__(self, large: tuple[str, ...] = (".safetensors", ".png")) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.unknown: list[str] = []
        self.large, self.objects = large, dict[str, bytes]()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def revision(self, name: str) -> str:
        """Return the name of a commit, which is a hash of the repository's content."""
        content = sorted((path, hashlib.sha1(data).hexdigest()) for path, data in self.repositories[name].items())
        return hashlib.sha1(repr(content).encode()).hexdigest()

    def downloaded(self) -> set[str]:
        """Return the paths of the files whose content was requested."""
        return {found[1] for line in self.requests if (found := re.match(r"GET /\S+/resolve/\w+/(.+)", line))}


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing to the terminal."""

    def _answer(self, content: Any, status: int = 200, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_any(self) -> None:
        hub, path, body = self.hub, self.path.partition("?")[0], self._body()
        hub.requests.append(f"{self.command} {path}")
        name = "/".join(re.sub(r"^/(api/models/)?", "", path).split("/")[:2]).removesuffix(".git")
        if path.startswith(("/api/repos/create", "/lfs/")) or self.command == "POST":
            if self.headers.get("Authorization") != f"Bearer {TOKEN}" and not path.startswith("/lfs/"):
                return self._answer({"error": "Invalid username or password."}, 401)
        elif name not in hub.repositories:
            return self._answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        for (method, pattern), answer in ANSWERS.items():
            if method == self.command and (found := re.fullmatch(pattern, path)):
                return answer(self, name, body, *found.groups())
        hub.unknown.append(f"{self.command} {path}")
        return self._answer({"error": "not found"}, 404)

    do_GET = do_HEAD = do_POST = do_PUT = do_any

    def create(self, _: str, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        made = {"url": f"{self.hub.endpoint}/{name}", "name": name, "id": name}
        if name in self.hub.repositories:
            return self._answer({"error": "You already created this model repo", **made}, 409)
        self.hub.repositories[name] = {".gitattributes": b"*.safetensors filter=lfs\n"}
        self.hub.private[name] = asked.get("private") is True or asked.get("visibility") == "private"
        return self._answer(made)

    def validate(self, _: str, body: bytes) -> None:
        assert json.loads(body)["content"].startswith("---\n")
        self._answer({"errors": [], "warnings": []})

    def tree(self, name: str, body: bytes, revision: str) -> None:
        files = self.hub.repositories[name]
        if revision not in ("main", self.hub.revision(name)):
            return self._answer({"error": "Revision not found"}, 404, X_Error_Code="RevisionNotFound")
        return self._answer([{"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                             for path, data in files.items()])  # fmt: skip

    def info(self, name: str, body: bytes, revision: str = "main") -> None:
        if revision not in ("main", self.hub.revision(name)):
            return self._answer({"error": "Revision not found"}, 404, X_Error_Code="RevisionNotFound")
        files = [{"rfilename": path} for path in self.hub.repositories[name]]
        return self._answer({"id": name, "sha": self.hub.revision(name), "siblings": files,
                             "private": self.hub.private.get(name, False)})  # fmt: skip

    def preupload(self, name: str, body: bytes, _: str) -> None:
        paths = [file["path"] for file in json.loads(body)["files"]]
        self._answer({"files": [{"path": path, "uploadMode": "lfs" if path.endswith(self.hub.large) else "regular",
                                 "shouldIgnore": False, "oid": None} for path in paths]})  # fmt: skip

    def batch(self, _: str, body: bytes) -> None:
        objects = [
            {**asked, "actions": {"upload": {"href": f"{self.hub.endpoint}/lfs/{asked['oid']}"}}}
            for asked in json.loads(body)["objects"]
        ]
        self._answer({"transfer": "basic", "objects": objects})

    def put(self, _: str, body: bytes, digest: str) -> None:
        assert hashlib.sha256(body).hexdigest() == digest
        self.hub.objects[digest] = body
        self._answer(b"")

    def commit(self, name: str, body: bytes, _: str) -> None:
        files = self.hub.repositories[name]
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.hub.messages.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            else:
                assert line["key"] == "deletedFile"
                del files[value["path"]]
        revision = self.hub.revision(name)
        self._answer({"commitUrl": f"{self.hub.endpoint}/{name}/commit/{revision}", "commitOid": revision})

    def resolve(self, name: str, body: bytes, revision: str, path: str) -> None:
        data = self.hub.repositories[name].get(path)
        if data is None:
            return self._answer({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")
        return self._answer(data, ETag=f'"{hashlib.sha1(data).hexdigest()}"', X_Repo_Commit=revision)


MODEL = r"/api/models/[\w.-]+/[\w.-]+"
ANSWERS = {
    ("POST", "/api/repos/create"): _Handler.create,
    ("POST", "/api/validate-yaml"): _Handler.validate,
    ("GET", rf"{MODEL}/tree/(\w+)"): _Handler.tree,
    ("GET", MODEL): _Handler.info,
    ("GET", rf"{MODEL}/revision/(\w+)"): _Handler.info,
    ("POST", rf"{MODEL}/preupload/(\w+)"): _Handler.preupload,
    ("POST", r"/[\w.-]+/[\w.-]+\.git/info/lfs/objects/batch"): _Handler.batch,
    ("PUT", r"/lfs/(\w+)"): _Handler.put,
    ("POST", rf"{MODEL}/commit/(\w+)"): _Handler.commit,
    ("HEAD", r"/[\w.-]+/[\w.-]+/resolve/(\w+)/(.+)"): _Handler.resolve,
    ("GET", r"/[\w.-]+/[\w.-]+/resolve/(\w+)/(.+)"): _Handler.resolve,
}
