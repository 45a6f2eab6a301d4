"""Making a page of a template.

render(request, "run.html", card=card)
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from .environment import environment


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The page. ``session``: what the person has chosen, as to see harmful texts."""
    page = environment().get_template(template)
    return HTMLResponse(page.render(session=request.state.session, **values), status)
