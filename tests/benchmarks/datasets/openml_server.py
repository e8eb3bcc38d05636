"""A loopback server that answers as OpenML does, or badly."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import arff
import pandas as pd

#: Seconds that a silent server lasts: a client without a time-out fails its test.
PATIENCE = 20.0


@dataclass(frozen=True)
class Answer:
    """What the server sends for a path; `announced` is the Content-Length."""

    body: bytes = b""
    status: int = 200
    announced: int | None = None
    silent: bool = False  # after the body; instead of all, if there is none


def error(code: int, message: str, status: int = 412) -> Answer:
    """OpenML's own way to say no."""
    text = f"<oml:code>{code}</oml:code><oml:message>{message}</oml:message>"
    xml = f'<oml:error xmlns:oml="http://openml.org/openml">{text}</oml:error>'
    return Answer(xml.encode(), status)


@dataclass
class OpenMLServer:
    """The server; `answers` maps paths to what it sends."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1/xml"

    def describe(self, data_id: int, md5: str | None, **tags: str) -> None:
        """Answer for a set's description."""
        tags = {
            "id": str(data_id),
            "name": f"set{data_id}",
            "version": "1",
            "format": "ARFF",
            "url": f"{self.url}/file/{data_id}",
            "status": "active",
            **({} if md5 is None else {"md5_checksum": md5}),
            **tags,
        }
        text = "".join(f"<oml:{k}>{v}</oml:{k}>" for k, v in tags.items())
        name, space = "oml:data_set_description", 'xmlns:oml="http://openml.org/openml"'
        xml = f"<{name} {space}>{text}</{name}>"
        self.answers[f"/api/v1/xml/data/{data_id}"] = Answer(xml.encode())

    def serve(self, data_id: int, text: str, **tags: str) -> None:
        """Answer for a set: its description and its file."""
        body = text.encode()
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.describe(data_id, md5, **tags)
        self.answers[f"/file/{data_id}"] = Answer(body)

    def change(self, path: str, **changes: Any) -> None:
        """Change the answer for a path."""
        self.answers[path] = replace(self.answers[path], **changes)


class _Handler(BaseHTTPRequestHandler):
    owner: OpenMLServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.owner.asked.append(path)
        answer = self.owner.answers.get(path, error(111, "Unknown dataset"))
        if answer.silent and not answer.body:
            self.owner.closing.wait(PATIENCE)
            return
        self.send_response(answer.status)
        length = len(answer.body) if answer.announced is None else answer.announced
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(answer.body)
        if answer.silent:
            self.wfile.flush()
            self.owner.closing.wait(PATIENCE)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[OpenMLServer]:
    """Run a server in a thread."""
    owner = OpenMLServer()
    handler = type("Handler", (_Handler,), {"owner": owner})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        owner.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield owner
        finally:
            owner.closing.set()
            server.shutdown()
            thread.join()


def to_arff(frame: pd.DataFrame) -> str:
    """Write a frame as ARFF: categories nominal, numbers numeric, the rest strings."""
    attributes: list[tuple[str, str | list[str]]] = []
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            kind: str | list[str] = [str(c) for c in column.cat.categories]
        else:
            numeric = pd.api.types.is_numeric_dtype(column)
            kind = "NUMERIC" if numeric else "STRING"
        attributes.append((str(name), kind))
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    content = {"relation": "r", "attributes": attributes, "data": rows}
    text: str = arff.dumps(content)
    return text
