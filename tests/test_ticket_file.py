"""How `msb explore` opens the browser: by a file that nobody else reads, and by nothing else."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

import pytest

pytest.importorskip("starlette", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from medsafetybench.cli.explore import Browser
from medsafetybench.explorer.ticket_file import TicketFile, ticket_file
from medsafetybench.store.store import Store

ADDRESS = "http://0a1b.localhost:8321"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def ticket_in(path: Path) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', path.read_text())
    assert found
    return found[1]


def test_the_file_and_its_folder_are_their_owners_alone_and_gone_at_the_end() -> None:
    umask = os.umask(0)
    try:
        with ticket_file() as first, ticket_file() as second:
            first.put(ADDRESS, "one")
            assert (mode(first.path), mode(first.path.parent)) == (0o600, 0o700)
            assert first.path.parent != second.path.parent
        assert not first.path.parent.exists()
    finally:
        os.umask(umask)


def test_the_next_ticket_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    file = TicketFile(tmp_path / "open.html")
    for ticket in ("one", "two"):
        file.put(ADDRESS, ticket)
        assert ticket_in(file.path) == ticket
        assert f'action="{ADDRESS}/open"' in file.path.read_text()
    assert os.listdir(tmp_path) == ["open.html"]


@pytest.mark.parametrize("kind", ["symlink", "dangling", "hard link", "readable"])
def test_what_somebody_laid_in_its_place_is_replaced_and_never_written_to(
    tmp_path: Path, kind: str
) -> None:
    theirs, file = tmp_path / "theirs", TicketFile(tmp_path / "open.html")
    theirs.write_text("theirs")
    if kind == "symlink":
        file.path.symlink_to(theirs)
    elif kind == "dangling":
        file.path.symlink_to(tmp_path / "nowhere")
    elif kind == "hard link":
        file.path.hardlink_to(theirs)
    else:
        file.path.write_text("")
        file.path.chmod(0o666)
    file.put(ADDRESS, "one")
    assert theirs.read_text() == "theirs"
    assert not (tmp_path / "nowhere").exists()
    assert not file.path.is_symlink()
    assert mode(file.path) == 0o600


def test_where_there_is_no_browser_or_no_room_a_link_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    given = Browser(TicketFile(tmp_path / "open.html"))
    given(ADDRESS, "one")
    given(ADDRESS, "next")
    said = capsys.readouterr()
    links = [f"{ADDRESS}/open?ticket={ticket}" for ticket in ("one", "next")]
    assert said.out.splitlines() == links
    assert said.err.count("There is no browser here") == 1
    (tmp_path / "taken").write_text("")
    Browser(TicketFile(tmp_path / "taken" / "open.html"))(ADDRESS, "two")
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"{ADDRESS}/open?ticket=two"]
    assert "cannot be written" in said.err


def test_a_browser_is_told_where_the_file_is_and_nothing_that_opens_anything(
    tmp_path: Path,
) -> None:
    Store.open(tmp_path / "store.db").close()
    argv = tmp_path / "argv"
    recorder = tmp_path / "browser"
    recorder.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {argv}\n')
    recorder.chmod(0o700)
    process = subprocess.Popen(
        [*(sys.executable, "-m", "medsafetybench.cli", "explore"), "--store", "store.db"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "BROWSER": f"{recorder} %s", "TMPDIR": str(tmp_path)},
    )
    assert process.stdout
    assert process.stderr
    address = process.stdout.readline().strip()
    hint = process.stderr.readline()
    with_file = process.stderr.readline()
    try:
        parts = urlsplit(address)
        # The browser is begun before the server answers, so that its words are whole by then.
        assert ask(address, "GET", "/") == 403
        (told,) = argv.read_text().splitlines()
        file = Path(unquote(urlsplit(told).path))
        assert told == file.as_uri()
        assert str(file) in hint
        assert "--no-browser" in with_file
        assert (mode(file), mode(file.parent)) == (0o600, 0o700)
        ticket = ticket_in(file)
        assert ticket not in address + hint + with_file + told
        assert parts.path == ""
        statuses = [ask(address, "POST", "/open", ticket=ticket) for _ in range(2)]
        assert statuses == [200, 403]
        assert ask(address, "POST", "/open", ticket=ticket_in(file)) == 200
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        process.stdout.close()
        process.stderr.close()
    assert not file.parent.exists()


def ask(address: str, method: str, path: str, **form: str) -> int:
    """The status of one request, as a browser sends it from the file."""
    parts = urlsplit(address)
    connection = HTTPConnection("127.0.0.1", parts.port or 80, timeout=30)
    headers = {"Host": parts.netloc, "Content-Type": "application/x-www-form-urlencoded"}
    if form:
        headers["Origin"] = "null"
    connection.request(method, path, urlencode(form), headers)
    status = connection.getresponse().status
    connection.close()
    return status
