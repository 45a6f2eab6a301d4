"""What is installed is what was read: packages by hash, actions by commit, no name of others."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import medsafetybench
from medsafetybench.errors import MissingExtra

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "requirements"
SETS = ("build", "core", "demo", "all", "docs", "dev", "pyrit", "ray", "cuda", "tools")
EXTRAS = {
    "core": [],
    "demo": ["local", "train", "capability"],
    "all": ["all"],
    "docs": ["docs"],
    "dev": ["dev"],
    "pyrit": ["pyrit"],
    "ray": ["ray"],
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "Makefile"])


@cache
def lines(name: str) -> list[str]:
    """The requirements of a set's own file, each with its hashes on one line."""
    text = (LOCKS / f"{name}.txt").read_text("utf-8").replace("\\\n", "")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pinned(name: str) -> dict[str, str]:
    """The versions of a set and of those that it stands on, by name."""
    found: dict[str, str] = {}
    for line in lines(name):
        if below := re.fullmatch(r"-r (\w+)\.txt", line):
            found |= pinned(below[1])
        else:
            package, _, version = line.split(" ")[0].partition("==")
            found[package] = version
    return found


def asked(extra: str | None) -> list[Requirement]:
    """What the project asks for, for itself (None) or for an extra, its own extras resolved."""
    project = PROJECT["project"]
    told = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    found: list[Requirement] = []
    for one in map(Requirement, told):
        if one.name == project["name"]:
            found += [inner for name in sorted(one.extras) for inner in asked(name)]
        else:
            found.append(one)
    return found


@pytest.mark.parametrize("name", SETS)
def test_every_package_is_one_version_with_the_hashes_of_its_files(name: str) -> None:
    own = [line for line in lines(name) if not line.startswith("-r ")]
    assert own
    for line in own:
        pin, *hashes = line.split("--hash=sha256:")
        assert re.fullmatch(r"[a-z0-9-]+==[^ ;=]+( ; [^\\]+)?", pin.strip()), line[:80]
        assert hashes, f"{pin} has no hash"
        assert all(re.fullmatch("[0-9a-f]{64}", one.strip()) for one in hashes), pin


@pytest.mark.parametrize("name", EXTRAS)
def test_what_the_project_asks_for_is_there_at_a_version_that_it_allows(name: str) -> None:
    versions = pinned(name)
    for one in [*asked(None), *(one for extra in EXTRAS[name] for one in asked(extra))]:
        version = versions.get(canonicalize_name(one.name))
        assert version, f"{one} is not in {name}.txt: make lock"
        assert one.specifier.contains(version, prereleases=True), f"{one}: {version}; make lock"


def test_no_package_has_two_versions() -> None:
    versions: dict[str, set[str]] = {}
    for name in set(SETS) - {"tools"}:  # these are in an environment of their own
        for package, version in pinned(name).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_the_build_backend_is_one_version_the_one_that_is_installed_by_hash() -> None:
    system = PROJECT["build-system"]
    (backend,) = map(Requirement, system["requires"])
    assert str(backend.specifier) == f"=={pinned('build')[backend.name]}"
    assert system["build-backend"].partition(".")[0] == backend.name


def installs(text: str) -> list[list[str]]:
    """Every ``pip install`` of a text: its words. Variables of a Makefile are put in."""
    known = dict(re.findall(r"(?m)^(\w+) :?= (.*)$", text))
    text = text.replace("\\\n", " ").replace("&&", "\n").replace("||", "\n")
    for _ in range(3):
        text = re.sub(r"\$\((\w+)\)", lambda one: known.get(one[1], one[0]), text)
    found = re.findall(r"(?m)^[^#\n:=]*\bpip install\b([^\n`#;)]*)", text)
    return [shlex.split(one.replace("'", "").replace('"', "")) for one in found]


@pytest.mark.parametrize(
    "file", ["Makefile", ".ci/run", "action.yml", "ci/gitlab.yml", "Dockerfile"]
)
def test_what_is_installed_unseen_is_installed_by_hash(file: str) -> None:
    found = installs((ROOT / file).read_text("utf-8"))
    assert found or file == ".ci/run"
    for words in found:
        assert "--no-deps" in words, words
        if "--require-hashes" in words:
            assert "requirements/" in words[-1]
        else:
            assert words[-1] in (".", "./.medsafetybench"), "only this checkout has no hash"
            assert "--no-build-isolation" in words, words


def test_no_doc_tells_anybody_to_install_a_name_that_others_could_take() -> None:
    """The package is in no index, so whoever puts one there by its name would be installed."""
    name = PROJECT["project"]["name"]
    ways = re.compile(  # uv pip is pip as well
        rf"""(pip3? install|uv add|uv tool install|uvx|pipx \w+)\s[^\n`]*['" ]{name}"""
    )
    sources = [*DOCS, *Path(medsafetybench.__file__).parent.rglob("*.py")]
    told = [f"{file}: {m[0]}" for file in sources for m in ways.finditer(file.read_text("utf-8"))]
    assert told == []
    assert "pip install '.[web]' in your clone" in str(MissingExtra("msb explore", "web"))


def test_workflows_name_actions_by_commit() -> None:
    used = [
        (file, step)
        for file in (*DOCS, ROOT / "action.yml", *(ROOT / ".github").rglob("*.yml"))
        for step in re.findall(r"(?m)^[\s-]*uses: (\S+.*)$", file.read_text("utf-8"))
    ]
    assert len({file for file, _ in used}) == 3
    for file, step in used:
        named = re.fullmatch(r"[\w./-]+@[0-9a-f]{40} +# v[\d.]+", step)
        assert named or step == "OWNER/medsafetybench@COMMIT", f"{file}: {step}"
    guide = (ROOT / "docs/ci-gate.md").read_text("utf-8")
    (workflow,) = re.findall(r"```yaml\n(.*?)```", guide, re.S)
    assert yaml.safe_load(workflow)["jobs"]["gate"]["steps"]


def test_no_file_names_where_packages_lie() -> None:
    hosts = re.compile("pypi" + r"\.org|pythonhosted|download\.pytorch|index-url|find-links")
    files = [*DOCS, ROOT / "pyproject.toml", ROOT / ".ci/run", *LOCKS.iterdir()]
    assert [str(file) for file in files if file.is_file() and hosts.search(file.read_text())] == []


def test_the_audit_says_when_it_asked_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    sys.path.insert(0, str(LOCKS))
    try:
        import audit
    finally:
        sys.path.remove(str(LOCKS))
    skipped = [{"name": "rich", "skip_reason": "not found"}]
    faulty = [{"name": "rich", "version": "1", "vulns": [{"id": "V-1", "fix_versions": ["2"]}]}]
    clean = [{"name": "rich", "version": "1", "vulns": []}]
    for found, code, said in (
        (lambda names: skipped, 0, "audit: skipped, as no service"),
        (lambda names: [], 0, "audit: skipped, as no service"),
        (lambda names: clean, 0, "audit: 2 of 2 packages looked up, faults: 0"),
        (lambda names: faulty, 1, "rich 1: V-1, mended in ['2']"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(audit, "audited", found)
            assert audit.main() == code
        assert said in capsys.readouterr().out
