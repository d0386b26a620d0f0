"""Our own Prefect server: started before a flow, gone with the process that started it.

The server that Prefect would start by itself outlives a killed parent. Ours is a child
that asks the kernel to be killed when its parent ends, however that ends (Linux). It
keeps its records in memory: the states that count are in our catalogue.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from phoenix.errors import ServerNotStarted

PR_SET_PDEATHSIG = 1
"""Option of prctl(2): signal to get when the parent ends."""

APPLICATION = "prefect.server.api.server:create_app"
MEMORY = "sqlite+aiosqlite:///file::memory:?cache=shared&uri=true&check_same_thread=false"
QUIET = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_API_DATABASE_CONNECTION_URL": MEMORY,
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "DO_NOT_TRACK": "1",
}


@dataclass
class Server:
    """A server under way: ``url`` of its API and the process."""

    url: str
    process: "subprocess.Popen[bytes]"

    def wait(self, timeout_s: float) -> None:
        """Wait until it answers.

        Raises
        ------
        ServerNotStarted
            If it ends, or does not answer in time.
        """
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise ServerNotStarted(
            f"the Prefect server at {self.url} did not answer in {timeout_s:g} s",
            remedy="look at the machine's load, or set PHOENIX_SERVER_TIMEOUT_S",
        )


@contextmanager
def own_server() -> Iterator[Server]:
    """Start a server for this process, without waiting for it, and end it afterwards.

    To be entered in the main thread: the kernel watches the thread that starts it.
    """
    port = _free_port()
    server = Server(f"http://127.0.0.1:{port}/api", _start(port))
    os.environ.update(QUIET)
    os.environ["PREFECT_API_URL"] = server.url
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def _free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(port: int) -> "subprocess.Popen[bytes]":
    """Start this module as a child process."""
    return subprocess.Popen(
        [sys.executable, "-m", "flows.server", str(port), str(os.getpid())],
        env={**os.environ, **QUIET},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main(port: int, parent: int) -> None:
    """Serve until the parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        return
    import uvicorn

    uvicorn.run(
        APPLICATION,
        factory=True,
        host="127.0.0.1",
        port=port,
        log_level="critical",
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
