"""Croissant metadata of a set of requests: JSON-LD that `mlcroissant validate` takes. Pure.

    croissant(Described("ours", version="1.0.0", ...))["recordSet"]

Formats: MLCommons Croissant 1.1, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html,
and its vocabulary for responsible AI, RAI 1.0,
https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FIELDS: Mapping[str, str] = {
    "id": "Stable id.",
    "split": "improve (to train on) or eval (to evaluate on).",
    "text": "The request.",
    "intent": "harmful (to be declined) or benign (to be answered).",
    "principle": "Number of the principle the request is filed under.",
    "source": "The model that wrote it.",
    "pair": "What the two requests of a pair of twins have in common.",
    "reference": "A safe response, for harmful requests.",
    "language": "The language it is in.",
}
"""What can be in a column, for those who have not read our documents."""

CONFORMS = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
OWN_TERMS = (
    *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field"),
    *("fileObject", "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset"),
    *("jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in OWN_TERMS},
}
LICENSES = {"MIT": "https://opensource.org/license/mit"}


@dataclass(frozen=True, kw_only=True)
class Described:
    """A set of requests, as its metadata tells of it.

    ``files`` are SHA-256 by file name; ``records`` says which file each set of records is read
    from, with the ``columns`` it has, of FIELDS. ``rai`` is by the vocabulary's terms without their
    prefix: ``dataLimitations``. ``license`` is None where it is not known.
    """

    name: str
    version: str
    description: str
    sha256: str
    files: Mapping[str, str]
    records: Mapping[str, str]
    columns: Sequence[str]
    published: str
    license: str | None = None
    language: str | None = None
    rai: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


def croissant(of: Described) -> dict[str, Any]:
    """The metadata as JSON-LD."""
    known = {
        "license": LICENSES.get(of.license or "", of.license),
        "inLanguage": of.language,
    }
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS),
        "name": of.name,
        "version": of.version,
        "description": of.description,
        **{key: value for key, value in known.items() if value},
        "url": ".",
        "datePublished": of.published,
        "citeAs": f"{of.name} {of.version}, SHA-256 {of.sha256}",
        "isLiveDataset": False,
        **{f"rai:{term}": value for term, value in of.rai.items()},
        "distribution": [_file(name, of.files[name]) for name in sorted(of.files)],
        "recordSet": [_records(name, file, of.columns) for name, file in of.records.items()],
    }


def _file(name: str, sha256: str) -> dict[str, Any]:
    jsonl = name.endswith(".jsonl")
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": "application/jsonlines" if jsonl else "application/x-parquet",
        "sha256": sha256,
    }


def _records(name: str, file: str, columns: Sequence[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "key": {"@id": f"{name}/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "description": FIELDS[column],
                "dataType": "sc:Integer" if column == "principle" else "sc:Text",
                "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
            }
            for column in columns
        ],
    }
