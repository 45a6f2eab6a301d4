"""The explorer as an ASGI application: routes, and how a page is made.

    app = create_app(Path("medsafety.db"), door)      # to be served by uvicorn

A page is a plain function of the library and the request. All of them run in one thread, one after
the other, as the store's connection demands; one person reads here.
"""

from __future__ import annotations

import asyncio
import sqlite3
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import MsbError
from ..store.database import is_busy
from . import (
    compare_pages,
    download,
    figure_pages,
    label_one,
    label_pages,
    pages,
    run_list,
    settle_pages,
)
from .door import Door
from .door_pages import door_routes
from .forms import form
from .library import Library, NotReady
from .security import Guard
from .templating import render

STATIC = {"style.css": "text/css", "keys.js": "text/javascript", "icon.svg": "image/svg+xml"}
View = Callable[[Library, Request], Response]


def create_app(path: Path, door: Door) -> Starlette:
    """The application over the store at the path, for who comes in by the door.

    Raises MsbError if there is no store at the path.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="explorer-pages")
    library = thread.submit(Library, path).result()
    thread.submit(_warm_up, library)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        thread.submit(library.close).result()
        thread.shutdown()

    def page(view: View) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            request.state.form = await form(request)
            work = asyncio.get_running_loop().run_in_executor(thread, _make, view, library, request)
            return await work

        return answer

    routes = [
        *door_routes(door),
        Route("/", page(run_list.show)),
        Route("/runs/hide", page(run_list.hide), methods=["POST"]),
        Route("/runs/{run}", page(pages.run)),
        Route("/runs/{run}/progress", page(pages.progress)),
        Route("/runs/{run}/requests/{position:int}", page(pages.request)),
        Route("/runs/{run}/requests/{position:int}/label", page(label_one.show), methods=["GET"]),
        Route("/runs/{run}/requests/{position:int}/label", page(label_one.put), methods=["POST"]),
        Route("/runs/{run}/requests.{form}", page(download.of_run)),
        Route("/runs/{run}/label", page(label_pages.show), methods=["GET"]),
        Route("/runs/{run}/label", page(label_pages.put), methods=["POST"]),
        Route("/runs/{run}/label/undo", page(label_pages.undo), methods=["POST"]),
        Route("/runs/{run}/settle", page(settle_pages.show), methods=["GET"]),
        Route("/runs/{run}/settle", page(settle_pages.put), methods=["POST"]),
        Route("/runs/{run}/settle/undo", page(settle_pages.undo), methods=["POST"]),
        Route("/compare", page(compare_pages.table)),
        Route("/compare.{form}", page(download.of_comparison)),
        Route("/compare/pair", page(compare_pages.pair)),
        Route("/figures", page(figure_pages.show)),
        Route("/static/{name}", static),
    ]
    guard = [Middleware(Guard, door=door)]
    return Starlette(
        routes=routes,
        middleware=guard,
        exception_handlers={HTTPException: refused},
        lifespan=lifespan,
    )


def _warm_up(library: Library) -> None:
    """Begin with the numbers of the newest runs: they are most likely to be asked for first."""
    for run in reversed(library.runs()):
        library.background.snapshot(run, 0, patience=0)


def _make(view: View, library: Library, request: Request) -> Response:
    """A page; what a person can put right is a page as well."""
    try:
        return view(library, request)
    except NotReady:
        return render(request, "wait.html")
    except MsbError as error:
        return render(request, "message.html", 400, title="That did not work", text=str(error))
    except sqlite3.Error as error:
        if not is_busy(error):
            return failed(request)
        text = "Another process is writing to the store just now; nothing was changed. Try again."
        return render(request, "message.html", 503, title="Busy", text=text)
    except HTTPException:
        raise
    except Exception:
        return failed(request)


async def static(request: Request) -> Response:
    """One of our few files, by name: no path is ever made of what is asked for."""
    name = request.path_params["name"]
    if name not in STATIC:
        raise HTTPException(404, "There is no such file.")
    content = files(__package__).joinpath("static", name).read_bytes()
    return Response(content, media_type=STATIC[name])


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = {404: "Not found", 405: "Not here"}.get(error.status_code, "That did not work")
    return render(request, "message.html", error.status_code, title=title, text=error.detail)


def failed(request: Request) -> Response:
    """A fault of ours. Made here, inside the guard, so that this page has its headers as well."""
    traceback.print_exc()
    text = "Something went wrong on this page; the terminal where msb explore runs says what."
    return render(request, "message.html", 500, title="Error", text=text)
