"""The principles as data: the nine of the AMA, a taxonomy of one's own, and malformed files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from medsafetybench.errors import MsbError
from medsafetybench.taxonomy import load_taxonomy

Document = dict[str, Any]


def own() -> Document:
    """A taxonomy of two principles, as a user would write it."""
    principle = {"title": "T", "statement": "S.", "violation": "V."}
    return {
        "name": "ours",
        "version": 3,
        "source": "https://example.org/code",
        "principles": [{"id": 1, "key": "one", **principle}, {"id": 7, "key": "two", **principle}],
    }


def written(document: Any) -> str:
    Path("ours.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return "ours.yaml"


def test_the_ama_has_nine_principles_with_ids_1_to_9() -> None:
    assert [p.id for p in load_taxonomy().principles] == list(range(1, 10))


def test_each_principle_has_a_key_of_its_own() -> None:
    assert len({p.key for p in load_taxonomy().principles}) == 9


@pytest.mark.parametrize("field", ["key", "title", "statement", "violation"])
def test_no_principle_leaves_a_field_empty(field: str) -> None:
    assert all(getattr(p, field).strip() for p in load_taxonomy().principles)


def test_the_source_is_a_link() -> None:
    assert load_taxonomy().source.startswith("https://")


def test_the_policy_states_every_principle_and_its_violation() -> None:
    policy = load_taxonomy().policy()
    assert all(p.statement in policy and p.violation in policy for p in load_taxonomy().principles)


def test_a_taxonomy_of_ones_own_keeps_its_ids_and_titles() -> None:
    taxonomy = load_taxonomy(written(own()))
    assert (taxonomy.name, taxonomy.version, taxonomy.title(7), taxonomy.title(2)) == (
        "ours",
        3,
        "T",
        "-",
    )


def test_the_hash_changes_with_a_word_of_a_statement() -> None:
    before = load_taxonomy(written(own())).sha256
    changed = own()
    changed["principles"][1]["statement"] = "Another."
    assert load_taxonomy(written(changed)).sha256 != before


def test_the_hash_does_not_depend_on_the_link() -> None:
    before = load_taxonomy(written(own())).sha256
    assert load_taxonomy(written({**own(), "source": "elsewhere"})).sha256 == before


def principle(**changed: Any) -> Callable[[Document], Document]:
    """A change to the second principle; None drops a field."""

    def change(document: Document) -> Document:
        fields = {**document["principles"][1], **changed}
        document["principles"][1] = {k: v for k, v in fields.items() if v is not None}
        return document

    return change


MALFORMED = {
    "a list": (lambda d: d["principles"], "principles"),
    "empty": (lambda d: None, "principles"),
    "no principles": (lambda d: {**d, "principles": []}, "principles"),
    "principles a number": (lambda d: {**d, "principles": 5}, "principles"),
    "principles a text": (lambda d: {**d, "principles": "one"}, "principle"),
    "principles by key": (lambda d: {**d, "principles": {"one": {}}}, "principle"),
    "no name": (lambda d: {k: v for k, v in d.items() if k != "name"}, "name"),
    "no version": (lambda d: {k: v for k, v in d.items() if k != "version"}, "version"),
    "version a word": (lambda d: {**d, "version": "first"}, "version 'first'"),
    "version nothing": (lambda d: {**d, "version": None}, "version None"),
    "a field missing": (principle(violation=None), "principle 2.*violation"),
    "a field unknown": (principle(severity=1), "principle 2.*severity"),
    "a field empty": (principle(statement=" "), "principle 2: statement"),
    "a field a list": (principle(key=["two"]), "principle 2: key"),
    "id a text": (principle(id="two"), "id 'two'"),
    "id a truth value": (principle(id=True), "id True"),
    "id used twice": (principle(id=1), "share one id"),
    "key used twice": (principle(key="one"), "share one key"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_taxonomy_is_one_clear_line(case: str) -> None:
    change, expected = MALFORMED[case]
    with pytest.raises(MsbError, match=rf"^ours\.yaml: .*{expected}") as raised:
        load_taxonomy(written(change(own())))
    assert "\n" not in str(raised.value)


UNREADABLE = {
    "not YAML": (b"principles: [", "not YAML"),
    "an impossible date": (b"version: 2026-13-45", "not YAML"),
    "not UTF-8": (b"name: caf\xe9", "not UTF-8"),
    "control characters": (b"name: a\x00b", "not YAML"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_taxonomy_is_one_clear_line(case: str) -> None:
    content, expected = UNREADABLE[case]
    Path("ours.yaml").write_bytes(content)
    with pytest.raises(MsbError, match=rf"^ours\.yaml:.*{expected}") as raised:
        load_taxonomy("ours.yaml")
    assert "\n" not in str(raised.value)


def test_a_taxonomy_that_is_not_there_is_named() -> None:
    with pytest.raises(MsbError, match=r"^absent\.yaml: cannot be read"):
        load_taxonomy("absent.yaml")


def test_an_unknown_taxonomy_suggests_the_nearest() -> None:
    with pytest.raises(MsbError, match="did you mean 'ama'"):
        load_taxonomy("amaa")
