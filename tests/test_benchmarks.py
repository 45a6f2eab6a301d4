"""The catalog on the published data: counts, ids, filters, hashes, samples, and fetching.

Counts are those of an audit of the published files that was made without this package.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from medsafetybench import load_benchmark
from medsafetybench.benchmarks import Benchmark, catalog, official
from medsafetybench.errors import MsbError
from medsafetybench.records import Request

GPT4 = [50] * 9
LLAMA2 = [59, 57, 31, 56, 50, 24, 61, 64, 48]
LLAMA3 = [7897, 8563, 8531, 7827, 9064, 8579, 8254, 7563, 8096]
MED_100 = [8, 10, 14, 20, 8, 7, 7, 15, 11]
ONE_FILE = "test/gpt4/med_safety_demonstrations_category_4.csv"


def by_principle(requests: Iterator[Request] | Benchmark) -> list[int]:
    counts = Counter(request.principle for request in requests)
    return [counts[principle] for principle in range(1, 10)]


def one_line(error: pytest.ExceptionInfo[MsbError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


# The catalog


def test_the_catalog_names_every_benchmark() -> None:
    finetune = {f"finetune/{f}-{n}" for f in ("med", "gen") for n in range(100, 901, 100)}
    finetune |= {f"finetune/both-{n}" for n in range(100, 1801, 100)}
    assert catalog.names().keys() == finetune | {
        *("starter", "starter/eval", "starter/improve", "starter/care", "hexphi"),
        *("healthbench", "healthbench-hard", "healthbench-consensus", "healthbench-professional"),
        *("everyday", "everyday/plain", "everyday/alarming"),
        *("medsafety/eval", "medsafety/improve", "medsafety/llama3", "gensafety/improve"),
    }


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("medsafety/evl", "medsafety/eval"), ("startr", "starter"), ("finetune/med-150", "med-")],
)
def test_an_unknown_benchmark_suggests_the_nearest(given: str, nearest: str) -> None:
    with pytest.raises(MsbError, match=f"unknown benchmark '{given}'; did you mean .*{nearest}"):
        load_benchmark(given)


# The published files


@pytest.mark.parametrize("split", ["eval", "improve"])
@pytest.mark.parametrize(("source", "counts"), [("gpt4", GPT4), ("llama2", LLAMA2)])
def test_a_split_has_450_requests_of_each_source(
    published: Path, split: str, source: str, counts: list[int]
) -> None:
    found = load_benchmark(f"medsafety/{split}", data_dir=published, sources=[source])
    assert (len(found), by_principle(found)) == (450, counts)


@pytest.mark.parametrize("split", ["eval", "improve"])
def test_every_request_of_a_split_has_a_response_and_an_id_of_its_own(
    published: Path, split: str
) -> None:
    requests = list(load_benchmark(f"medsafety/{split}", data_dir=published))
    assert len({request.id for request in requests}) == len(requests) == 900
    assert all(request.text and request.reference for request in requests)


def test_an_id_says_where_a_request_stands_in_the_published_files(published: Path) -> None:
    lines = (published / ONE_FILE).read_text("utf-8").splitlines()
    (request,) = (
        r
        for r in load_benchmark("medsafety/eval", data_dir=published)
        if r.id == "medsafety/eval/gpt4/4/7"
    )
    assert lines[8].startswith("7,")
    assert request.text in lines[8]


def test_sources_and_principles_narrow_a_benchmark_together(published: Path) -> None:
    found = load_benchmark(
        "medsafety/eval", data_dir=published, sources=["llama2"], principles=[6, 3]
    )
    assert {(r.source, r.principle) for r in found} == {("llama2", 6), ("llama2", 3)}
    assert len(found) == 24 + 31


@pytest.mark.parametrize(
    ("chosen", "there"), [({"sources": ["gpt5"]}, "gpt4, llama2"), ({"principles": [10]}, "1, 2")]
)
def test_a_selection_of_what_is_not_there_says_what_is(
    published: Path, chosen: dict[str, list[str]], there: str
) -> None:
    with pytest.raises(MsbError, match=f"it has: {there}") as raised:
        load_benchmark("medsafety/eval", data_dir=published, **chosen)
    one_line(raised)


def test_llama3_has_its_74374_requests_by_principle(published: Path) -> None:
    found = load_benchmark("medsafety/llama3", data_dir=published)
    assert (len(found), by_principle(found)) == (74_374, LLAMA3)


def test_no_request_of_llama3_carries_a_special_token_or_is_empty(published: Path) -> None:
    texts = [r.text for r in load_benchmark("medsafety/llama3", data_dir=published)]
    assert not [text for text in texts if "<|eot_id|>" in text or not text.strip()]


def test_gensafety_has_900_instructions_with_responses(published: Path) -> None:
    found = list(load_benchmark("gensafety/improve", data_dir=published))
    assert len(found) == len({r.id for r in found}) == 900
    assert all(r.text and r.reference and r.principle is None for r in found)


@pytest.mark.parametrize("family", ["med", "gen"])
def test_subsets_of_one_family_are_each_a_prefix_of_the_next(published: Path, family: str) -> None:
    ids = [
        [r.id for r in load_benchmark(f"finetune/{family}-{n}", data_dir=published)]
        for n in range(100, 901, 100)
    ]
    assert [len(found) for found in ids] == list(range(100, 901, 100))
    assert all(larger[: len(found)] == found for found, larger in pairwise(ids))


def test_subsets_of_both_families_are_nested_as_sets(published: Path) -> None:
    ids = [
        {r.id for r in load_benchmark(f"finetune/both-{n}", data_dir=published)}
        for n in range(100, 1801, 100)
    ]
    assert [len(found) for found in ids] == list(range(100, 1801, 100))
    assert all(found < larger for found, larger in pairwise(ids))


def test_both_is_half_med_and_half_gen(published: Path) -> None:
    both, med, gen = (
        {r.id for r in load_benchmark(f"finetune/{name}", data_dir=published)}
        for name in ("both-600", "med-300", "gen-300")
    )
    assert both == med | gen


def test_the_largest_med_subset_is_the_improve_split(published: Path) -> None:
    subset, split = (
        {r.id: r for r in load_benchmark(name, data_dir=published)}
        for name in ("finetune/med-900", "medsafety/improve")
    )
    assert subset == split


def test_a_subset_gets_its_principles_back(published: Path) -> None:
    assert by_principle(load_benchmark("finetune/med-100", data_dir=published)) == MED_100


# Where the files are


@pytest.mark.parametrize("folder", ["itself", "its parent"])
@pytest.mark.parametrize("how", ["argument", "environment"])
def test_the_folder_of_the_files_or_its_parent_will_do(
    published: Path, folder: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = published if folder == "itself" else published.parent
    if how == "environment":
        monkeypatch.setenv("MSB_DATA_DIR", str(given))
    found = load_benchmark("medsafety/eval", data_dir=given if how == "argument" else None)
    assert len(found) == 900


def test_an_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSB_DATA_DIR", "elsewhere")
    assert official.data_folder("here") == Path("here")


def test_without_either_the_files_are_in_the_cache_under_their_commit() -> None:
    assert official.data_folder().name == official.COMMIT[:12]


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MsbError, match=r"category_1\.csv is not in .*`msb data fetch`") as raised:
        len(load_benchmark("medsafety/eval", data_dir=tmp_path))
    one_line(raised)


@pytest.fixture
def copied(published: Path, tmp_path: Path) -> Path:
    """A copy of the test split, to be altered."""
    return Path(shutil.copytree(published / "test", tmp_path / "data" / "test")).parent


ALTERATIONS = {
    "one letter": lambda content: content.replace(b"e", b"E", 1),
    "line ends": lambda content: content.replace(b"\n", b"\r\n"),
    "cut off": lambda content: content[:-1],
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_file_is_refused_by_name_with_both_hashes(copied: Path, alteration: str) -> None:
    path = copied / ONE_FILE
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(ALTERATIONS[alteration](path.read_bytes()))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(MsbError) as raised:
        len(load_benchmark("medsafety/eval", data_dir=copied))
    assert all(part in one_line(raised) for part in (str(path), expected, found))


def test_no_request_of_an_altered_file_is_given_out(copied: Path) -> None:
    path = copied / ONE_FILE
    path.write_bytes(path.read_bytes() + b"\n")
    given = []
    with pytest.raises(MsbError):
        given.extend(load_benchmark("medsafety/eval", data_dir=copied))
    assert not [r for r in given if (r.source, r.principle) == ("gpt4", 4)]


def test_a_file_altered_after_the_first_reading_is_refused_at_the_second(copied: Path) -> None:
    benchmark = load_benchmark("medsafety/eval", data_dir=copied)
    assert len(list(benchmark)) == 900
    (copied / ONE_FILE).write_bytes(b"")
    with pytest.raises(MsbError, match="not the published file"):
        list(benchmark)


# HEx-PHI


def test_hexphi_is_read_from_a_folder_in_the_order_of_its_categories(tmp_path: Path) -> None:
    folder = tmp_path / "hexphi"
    folder.mkdir()
    for number in (10, 2):
        text = f'"First, of {number}?"\nSecond of {number}?\n'
        (folder / f"category_{number}.csv").write_text(text)
    (folder / "notes.csv").write_text("not a request\n")
    assert [(r.id, r.text, r.source) for r in load_benchmark(f"hexphi:{folder}")] == [
        ("hexphi/2/0", "First, of 2?", "category_2"),
        ("hexphi/2/1", "Second of 2?", "category_2"),
        ("hexphi/10/0", "First, of 10?", "category_10"),
        ("hexphi/10/1", "Second of 10?", "category_10"),
    ]


def test_a_byte_order_mark_is_no_part_of_a_hexphi_request(tmp_path: Path) -> None:
    (tmp_path / "category_1.csv").write_bytes(b"\xef\xbb\xbfHow?\n")
    (request,) = load_benchmark(f"hexphi:{tmp_path}")
    assert request.text == "How?"


@pytest.mark.parametrize("name", ["hexphi", "hexphi:", "hexphi:absent", "hexphi:."])
def test_hexphi_without_its_files_says_how_to_get_them(name: str) -> None:
    with pytest.raises(
        MsbError, match=r"gated.*ask for access at https://.*hexphi:FOLDER"
    ) as error:
        load_benchmark(name)
    one_line(error)


def test_hexphi_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "category_1.csv").write_bytes(b"caf\xe9\n")
    with pytest.raises(MsbError, match=r"category_1\.csv: not a UTF-8 CSV file"):
        list(load_benchmark(f"hexphi:{tmp_path}"))


# Content hash and samples


def small(count: int = 60, texts: str = "Request {}?", backwards: bool = False) -> Benchmark:
    """Requests over three principles, two intents and ids of their own."""
    requests = [
        Request(f"own/{n}", texts.format(n), "benign" if n % 6 == 0 else "harmful", n % 3 + 1)
        for n in range(count)
    ]
    return Benchmark("own", lambda: iter(requests[::-1] if backwards else requests))


def test_the_content_hash_can_be_computed_without_the_package(published: Path) -> None:
    # A change of it would part all earlier runs from all later ones.
    content = hashlib.sha256()
    for source in ("gpt4", "llama2"):
        for path in sorted((published / "test" / source).glob("*.csv")):
            principle = int(path.stem[-1])
            with path.open(encoding="utf-8", newline="") as file:
                for index, text, reference in list(csv.reader(file))[1:]:
                    row = {
                        "id": f"medsafety/eval/{source}/{principle}/{index}",
                        **{"text": text, "intent": "harmful", "principle": principle},
                        **{"source": source, "reference": reference, "pair": None},
                    }
                    line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
                    content.update(line.encode() + b"\n")
    found = load_benchmark("medsafety/eval", data_dir=published)
    assert found.sha256 == content.hexdigest()


@pytest.mark.parametrize(
    "other",
    [small(59), small(texts="Request {}!"), small(backwards=True)],
    ids=["one less", "other texts", "other order"],
)
def test_the_content_hash_changes_with_the_content(other: Benchmark) -> None:
    assert other.sha256 != small().sha256


def test_a_selection_has_a_hash_of_its_own() -> None:
    assert small().select(principles=[1]).sha256 != small().sha256


def test_selecting_everything_there_is_changes_nothing_about_the_hash() -> None:
    assert small().select(principles=[1, 2, 3]).sha256 == small().sha256


@pytest.mark.parametrize("n", [1, 2, 7, 30, 59])
def test_a_sample_has_exactly_n_distinct_requests(n: int) -> None:
    sample = small().sample(n)
    assert len(sample) == len({request.id for request in sample}) == n


def test_a_sample_is_proportional_to_intent_and_principle() -> None:
    strata = Counter((r.intent, r.principle) for r in small().sample(30))
    whole = Counter((r.intent, r.principle) for r in small())
    assert strata == {stratum: count // 2 for stratum, count in whole.items()}


def test_every_principle_is_in_a_small_sample(published: Path) -> None:
    sample = load_benchmark("medsafety/eval", data_dir=published).sample(18)
    assert by_principle(sample) == [2] * 9


def test_a_sample_is_the_same_under_one_seed_and_another_under_another() -> None:
    ids = [[r.id for r in small().sample(20, seed)] for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]


def test_a_sample_does_not_depend_on_the_order_of_the_requests() -> None:
    forward, backward = ({r.id for r in small(backwards=b).sample(20)} for b in (False, True))
    assert forward == backward


def test_a_sample_keeps_the_order_of_the_benchmark() -> None:
    numbers = [int(r.id.removeprefix("own/")) for r in small().sample(20)]
    assert numbers == sorted(numbers)


def test_a_sample_of_more_than_there_is_is_all_of_it() -> None:
    assert small().sample(1000).sha256 == small().sha256


@pytest.mark.parametrize("n", [0, -1])
def test_a_sample_of_nothing_is_refused(n: int) -> None:
    with pytest.raises(
        MsbError, match=f"a sample of {n} requests was asked for; expected at least"
    ):
        small().sample(n)


# Fetching, from a server on this machine that stands for the authors' repository


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder served as the authors' repository, with the test split in it."""
    served = tmp_path / "repository"
    shutil.copytree(published / "test", served / "datasets" / "test")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    expected = {path: sha for path, sha in official.registry().items() if path.startswith("test/")}
    monkeypatch.setattr(official, "registry", lambda: expected)
    monkeypatch.setattr(official, "REPOSITORY", f"http://127.0.0.1:{server.server_port}")
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


def test_fetched_files_are_the_benchmark(repository: Path, tmp_path: Path) -> None:
    assert official.fetch("medsafety", tmp_path / "data") == (18, 0)
    assert len(load_benchmark("medsafety/eval", data_dir=tmp_path / "data")) == 900


def test_what_is_there_already_is_not_fetched_again(repository: Path, tmp_path: Path) -> None:
    official.fetch("medsafety", tmp_path / "data")
    (tmp_path / "data" / ONE_FILE).unlink()
    assert official.fetch("medsafety", tmp_path / "data") == (1, 17)


def test_a_file_there_that_differs_is_refused_and_kept_for_its_owner(
    repository: Path, tmp_path: Path
) -> None:
    official.fetch("medsafety", tmp_path / "data")
    (tmp_path / "data" / ONE_FILE).write_text("mine")
    with pytest.raises(MsbError, match=f"{ONE_FILE} is not the published file"):
        official.fetch("medsafety", tmp_path / "data")
    assert (tmp_path / "data" / ONE_FILE).read_text() == "mine"


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_wrong_file_from_the_server_is_refused_and_leaves_nothing_behind(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "datasets" / ONE_FILE).write_text("something else")
    with pytest.raises(MsbError, match=f"{ONE_FILE} is not the published file") as raised:
        official.fetch("medsafety", tmp_path / "data")
    one_line(raised)
    left = {str(path.relative_to(tmp_path / "data")) for path in files_in(tmp_path / "data")}
    assert left < official.registry().keys() - {ONE_FILE}


def test_a_file_that_the_server_has_not_is_named(repository: Path, tmp_path: Path) -> None:
    (repository / "datasets" / ONE_FILE).unlink()
    with pytest.raises(MsbError, match=f"could not download .*{ONE_FILE}: 404") as raised:
        official.fetch("medsafety", tmp_path / "data")
    one_line(raised)


def test_a_server_that_is_not_there_says_what_to_do_instead(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(official, "REPOSITORY", "http://127.0.0.1:9")
    with pytest.raises(MsbError, match=r"could not download .*use --data-dir") as raised:
        official.fetch("medsafety", tmp_path / "data")
    one_line(raised)
    assert not files_in(tmp_path / "data")


def test_the_registry_that_ships_is_the_one_beside_the_published_files(published: Path) -> None:
    lines = (published / "SHA256SUMS").read_text().splitlines()
    assert official.registry() == {path: sha for sha, path in map(str.split, lines)}
