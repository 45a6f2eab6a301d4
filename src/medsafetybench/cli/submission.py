"""msb submission: would a site list this export?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from . import options
from .said import say
from .site import tell

REFUSED = 1


def submission(
    *folders: Annotated[
        Path, Parameter(help="What `msb export RUN --to eee --with-texts` wrote: folders or files.")
    ],
    benchmark: Annotated[
        list[str] | None,
        Parameter(metavar="NAME", help="A benchmark that may be asked, beside those embedded."),
    ] = None,
    against: Annotated[
        list[str] | None,
        Parameter(metavar="RUN", help="Runs that are listed: their benchmarks, cards, responses."),
    ] = None,
    data_dir: options.DataDir = None,
    store: options.Store = options.STORE,
) -> None:
    """Check a submission as `msb site --submissions` does; exit code 1 if one is refused."""
    from ..benchmarks import load_benchmark
    from ..errors import MsbError
    from ..results.run import open_run
    from ..site.admission import checked_in, known_of

    if not folders:
        raise MsbError("no submission named; expected what `msb export RUN --to eee` wrote")
    more = [load_benchmark(name, data_dir=data_dir) for name in benchmark or ()]
    known = known_of([open_run(run, store) for run in against or ()], more)
    sent = checked_in(folders, known)
    for one in sent:
        tell(one)
    if not all(one.listed for one in sent):
        say(f"{sum(not one.listed for one in sent)} of {len(sent)} refused", error=True)
        sys.exit(REFUSED)
