"""A headless Chromium, driven by its DevTools protocol, where there is one."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from tornado.websocket import websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--remote-debugging-port=0",
)
#: Fulfilled when what was changed has been drawn.
DRAWN = "new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"
#: Seconds that anything may take: the machine may be busy.
PATIENCE = 60


def find():
    """Find the program, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def opened(path):
    """Open a page; gives a `Browser`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        program = subprocess.Popen(
            [find(), *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stderr=subprocess.PIPE,
            text=True,
        )
        loop = asyncio.new_event_loop()
        browser = Browser(loop)
        try:
            loop.run_until_complete(browser.attach(program.stderr))
            browser.load(path)
            yield browser
        finally:
            browser.close()
            loop.close()
            program.kill()
            program.communicate()


class Browser:
    """One tab. `problems` gathers what the page complains of."""

    def __init__(self, loop):
        self.loop, self.number, self.problems, self.events = loop, 0, [], []
        self.socket = None

    async def attach(self, lines):
        address = next(line for line in lines if "DevTools listening" in line)
        self.socket = await websocket_connect(
            address.split()[-1], max_message_size=2**28
        )
        self.session = None
        targets = (await self._send("Target.getTargets"))["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = await self._send(
            "Target.attachToTarget", targetId=page, flatten=True
        )
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._send(f"{domain}.enable")

    async def _send(self, method, **params):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        await self.socket.write_message(json.dumps(message))
        while (answer := await self._read()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    async def _read(self):
        text = await asyncio.wait_for(self.socket.read_message(), PATIENCE)
        event = json.loads(text)
        self.events.append(event.get("method"))
        if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.problems.append(event["params"])
        if event.get("method") == "Network.requestWillBeSent":
            url = event["params"]["request"]["url"]
            if not url.startswith(("file:", "data:")):
                self.problems.append(url)
        return event

    def send(self, method, **params):
        return self.loop.run_until_complete(self._send(method, **params))

    def load(self, path):
        self.events.clear()
        self.send("Page.navigate", url=Path(path).resolve().as_uri())
        while "Page.loadEventFired" not in self.events:
            self.loop.run_until_complete(self._read())

    def show(self, width, scheme="light", height=900):
        """Take a width in pixels, a phone's or a desktop's, and a colour scheme."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])
        self.value(DRAWN)

    def value(self, script):
        """Evaluate an expression of JavaScript, and wait for a promise."""
        how = {"returnByValue": True, "awaitPromise": True}
        found = self.send("Runtime.evaluate", expression=script, **how)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key):
        """Press a key on what has the focus."""
        code = {"Tab": 9, "Enter": 13}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **(text if kind == "keyDown" else {}),
            )

    def picture(self, path, whole=True):
        """Write a picture of the page."""
        taken = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(taken["data"]))

    def close(self):
        if self.socket is not None:
            self.socket.close()
