"""msb doctor: what is installed, which keys and servers are found, where data and store are."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from .. import __version__
from . import options, show

PACKAGES = ("aiohttp", "numpy", "scipy", "pydantic", "matplotlib")
EXTRAS = {
    "local": ("torch", "transformers", "peft", "gguf"),
    "train": ("trl",),
    "capability": ("lm_eval",),
    "web": ("starlette", "uvicorn"),
    "pdf": ("fpdf2",),
    "parquet": ("pyarrow", "pandas"),
    "inspect": ("inspect_ai",),
}
"""What each optional feature stands on."""
KEYS = ("MSB_TARGET_API_KEY", "MSB_JUDGE_API_KEY", "OPENAI_API_KEY")
SERVERS = {"vLLM": 8000, "llama.cpp": 8080, "Ollama": 11434, "LM Studio": 1234}
PROBE_SECONDS = 0.5
LISTED = 1 << 20
"""Bytes that are read of a server's list of models."""


def doctor(*, data_dir: options.DataDir = None, store: options.Store = options.STORE) -> None:
    """Say what is installed and what is found. Keys are looked for, and never printed."""
    rows = [("medsafetybench", __version__), ("python", platform.python_version())]
    rows += [(name, _version(name) or "not installed") for name in PACKAGES]
    for extra, names in EXTRAS.items():
        rows += [(name, _version(name) or f"not installed (extra {extra})") for name in names]
    rows += [(name, "set" if os.environ.get(name) else "not set") for name in KEYS]
    rows += [(name, _server(port)) for name, port in SERVERS.items()]
    rows += [("published data", _data(data_dir)), ("store", _store(store))]
    show.table(("", "found"), rows)


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _server(port: int) -> str:
    from urllib.error import URLError
    from urllib.request import ProxyHandler, build_opener

    import orjson

    url = f"http://127.0.0.1:{port}/v1"
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/models", timeout=PROBE_SECONDS) as reply:
            models = [str(model["id"]) for model in orjson.loads(reply.read(LISTED))["data"]]
    except (URLError, OSError):
        return f"nothing at {url}"
    except (ValueError, LookupError, TypeError):
        return f"something else at {url}"
    return f"{url} serves {', '.join(models) or 'no model'}"


def _data(data_dir: Path | None) -> str:
    from ..benchmarks import official

    folder, registry = official.data_folder(data_dir), official.registry()
    there = sum((folder / path).is_file() for path in registry)
    advice = "" if there == len(registry) else "; `msb data fetch` downloads them"
    return f"{there} of {len(registry)} files in {folder}{advice}"


def _store(path: Path) -> str:
    from ..errors import MsbError
    from ..store.store import Store

    if not path.exists():
        return f"none yet at {path}"
    try:
        with Store.read(path) as store:
            return f"{len(store.runs())} runs in {path}"
    except MsbError as error:
        return str(error)
