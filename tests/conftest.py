"""What tests share: the published data, a server process, an empty folder to work in."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from hypothesis import HealthCheck, settings

# The same examples each time, however slow the machine is, and none kept between runs.
settings.register_profile(
    "msb",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("msb")

ROOT = Path(__file__).parent.parent
SERVER = Path(__file__).with_name("server.py")


def shared(name: str) -> Path:
    """A folder of the shared data; skips where there is none, fails where CI should have it."""
    folder = Path(os.environ.get("MSB_DATA_DIR", ROOT.parent / "shared" / "data"))
    folder = folder.parent if folder.name == "medsafetybench" else folder
    if (folder / name).is_dir():
        return folder / name
    message = f"needs the published data: no {name} in {folder}; set MSB_DATA_DIR"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of the published MedSafetyBench files."""
    return shared("medsafetybench")


@pytest.fixture(scope="session")
def xstest() -> Path:
    """The folder of XSTest v2 with its human labels."""
    return shared("xstest")


@pytest.fixture(scope="session")
def refusal_labels() -> Path:
    """The folder of ChatRef and GPTFuzz: responses that people called refusals or not."""
    return shared("refusal-labels")


@pytest.fixture(scope="session")
def schemas() -> Path:
    """The folder of others' schemas: Every Eval Ever, CHAI's model card."""
    return shared("schemas")


@dataclass
class Server:
    """A running server process (see server.py)."""

    process: subprocess.Popen[str]
    url: str

    def counts(self) -> dict[str, int]:
        """What it has counted: calls, target, judge, and each fault."""
        with urlopen(self.url.replace("/v1", "/counts")) as reply:
            counts: dict[str, int] = json.load(reply)
        return counts


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts server processes: ``serve("--latency", "0.02")``; they end with the test."""
    started: list[Server] = []

    def start(*options: str, script: Path = SERVER) -> Server:
        process = subprocess.Popen(
            [sys.executable, str(script), *options], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        started.append(Server(process, f"http://127.0.0.1:{port}/v1"))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()


def free_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@pytest.fixture
def no_time_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backoff in milliseconds; what a server asks for by Retry-After is still waited for."""
    monkeypatch.setattr("medsafetybench.models.retry.FIRST_WAIT", 0.002)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys, no proxies and no store of the developer's; the work folder is empty."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "MSB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that are this machine need not be waited for."""
    monkeypatch.setattr("medsafetybench.batches.courier.FIRST_POLL_SECONDS", 0.02)
    monkeypatch.setattr("medsafetybench.models.retry.FIRST_WAIT", 0.02)


@dataclass
class Disk:
    """A small disk of memory of its own."""

    path: Path

    def change(self, options: str) -> None:
        """Mount it anew with other options."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True)

    def fill(self) -> None:
        """Leave not a byte free."""
        with (self.path / "ballast").open("wb", buffering=0) as ballast:
            for size in (65536, 4096, 1):
                try:
                    while ballast.write(b"x" * size):
                        pass
                except OSError:
                    continue


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 1 MB, where we may mount one."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a disk: {mounted.stderr.decode().strip()}")
    yield Disk(path)
    subprocess.run(["umount", "-l", path], check=True)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A folder, and how to make it read-only: by its mode, or for root by its mount."""
    path = tmp_path / "read-only"
    path.mkdir()
    if os.geteuid():
        yield path, lambda: path.chmod(0o555)
        path.chmod(0o755)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=False)
    if mounted.returncode:
        pytest.skip("root may write everywhere here, and may not mount a read-only disk")
    yield path, lambda: Disk(path).change("ro")
    subprocess.run(["umount", "-l", path], check=True)


@pytest.fixture
def client(store: Path) -> Iterator[Any]:
    """A client with a session of the explorer over a module's store, without a server."""
    from running_explorer import let_in

    with let_in(store) as client:
        yield client


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    from browsing import WINDOWLESS

    # Of the module and not of the session: no event loop can be run beside it.
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(WINDOWLESS), args=["--no-sandbox"])
        yield browser
        browser.close()
