"""The dataset in the words of Croissant 1.1, a vocabulary of MLCommons (https://docs.mlcommons.org/croissant/).

A plain JSON-LD document, so that writing one takes no library; ``mlcroissant`` validates it in the tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from pipeline.packing.citation import read_citation
from pipeline.packing.responsible_ai import describe_responsibly
from pipeline.packing.terms import IMAGENET_TERMS_URL
from schemas.base import canonical_json
from schemas.derived import record_arrow_schema
from schemas.manifest import DatasetManifest, ShardEntry
from schemas.record import RECORD_VERSION
from schemas.statistics import DatasetStatistics

Json = dict[str, Any]

_CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The vocabulary's own context, whole; tools compare it with theirs and warn of what is left out."""

_CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]

_DATA_TYPES = {
    pa.string(): "sc:Text",
    pa.bool_(): "sc:Boolean",
    pa.int64(): "cr:Int64",
    pa.float64(): "cr:Float64",
}

_VERSION_DIGITS = 12


def describe_for_croissant(manifest: DatasetManifest, statistics: DatasetStatistics) -> Json:
    """The dataset as Croissant metadata: files with checksums, all fields with types, and what to know before using it.

    Its ``version`` is the record's version, and a digest of the shards as build metadata: it says whether two copies
    hold the same, and not where or when they were published.

    Args:
        manifest: of the dataset; its ``files`` and its digest are not looked at, since this becomes one of the files.
        statistics: of its records.
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS_TO,
        "name": manifest.name,
        "description": _describe(manifest),
        "version": f"{RECORD_VERSION}.0.0+{_digest(manifest.shards)}",
        "license": list(_licences(manifest)),
        "inLanguage": [manifest.prompt.language],
        "keywords": ["ImageNet", "vision-language models", "reasoning", "chain of thought", "synthetic text"],
        "isLiveDataset": False,
        "citeAs": read_citation(),
        **describe_responsibly(manifest, statistics),
        "distribution": [*_shards(manifest.shards), *_member_sets(manifest)],
        "recordSet": list(_record_sets(manifest)),
    }


def _describe(manifest: DatasetManifest) -> str:
    teachers = " and ".join(teacher.identity.model for teacher in manifest.teachers)
    pictures = (
        "with the photographs."
        if manifest.edition == "pictures"
        else "without the photographs: each record has the id, the size and the checksum of its own."
    )
    return (
        f"{manifest.packed:,} photographs of {manifest.collection}, each with a thinking and an answer written by "
        f"{teachers}, asked with the same prompt; {pictures}"
    )


def _licences(manifest: DatasetManifest) -> Iterator[str]:
    if manifest.edition == "pictures":
        yield f"Pictures: {manifest.picture_licence} See LICENSE-IMAGENET.txt and {IMAGENET_TERMS_URL}"
    for teacher in manifest.teachers:
        yield f"Texts by {teacher.identity.model}: {teacher.licence}"
    yield "Names and definitions of classes: WordNet 3.0 licence, see LICENSE-WORDNET.txt"


def _digest(shards: Iterable[ShardEntry]) -> str:
    content = canonical_json([[shard.path, shard.sha256] for shard in shards])
    return hashlib.sha256(content).hexdigest()[:_VERSION_DIGITS]


def _shards(shards: Iterable[ShardEntry]) -> Iterator[Json]:
    for shard in shards:
        yield {
            "@type": "cr:FileObject",
            "@id": shard.path,
            "name": shard.path,
            "description": f"{shard.images:,} samples of the split {shard.split}.",
            "contentUrl": shard.path,
            "contentSize": f"{shard.bytes} B",
            "encodingFormat": "application/x-tar",
            "sha256": shard.sha256,
        }


def _member_sets(manifest: DatasetManifest) -> Iterator[Json]:
    archives = [{"@id": shard.path} for shard in manifest.shards]
    formats = {"json": "application/json", "cls": "text/plain"}
    if manifest.edition == "pictures":
        formats["jpg"] = "image/jpeg"
    for suffix, encoding in formats.items():
        yield {
            "@type": "cr:FileSet",
            "@id": f"members-{suffix}",
            "name": f"members-{suffix}",
            "containedIn": archives,
            "encodingFormat": encoding,
            "includes": f"*.{suffix}",
        }


def _record_sets(manifest: DatasetManifest) -> Iterator[Json]:
    yield _record_set(
        "records", "What is known and was written of each photograph.", "json", _record_fields("records", "$")
    )
    label = _content_field("labels/cls", "cls", "cr:Int64")
    yield _record_set("labels", "The class of each photograph as a number.", "cls", [label])
    if manifest.edition == "pictures":
        picture = _content_field("pictures/jpg", "jpg", "sc:ImageObject")
        yield _record_set("pictures", "The photographs.", "jpg", [picture])


def _record_set(name: str, description: str, suffix: str, fields: Iterable[Json]) -> Json:
    key = {
        "@type": "cr:Field",
        "@id": f"{name}/key",
        "name": f"{name}/key",
        "description": "The image's id, by which the record sets belong together.",
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": f"members-{suffix}"},
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": rf"^(n\d+_\d+)\.{suffix}$"},
        },
    }
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/key"},
        "field": [key, *fields],
    }


def _content_field(path: str, suffix: str, data_type: str) -> Json:
    return {
        "@type": "cr:Field",
        "@id": path,
        "name": path,
        "dataType": data_type,
        "source": {"fileSet": {"@id": f"members-{suffix}"}, "extract": {"fileProperty": "content"}},
    }


def _record_fields(path: str, json_path: str, fields: Iterable[pa.Field] | None = None) -> Iterator[Json]:
    """All fields of the record, nested as they are, each with the JSONPath that leads to it in a ``json`` member."""
    for field in record_arrow_schema() if fields is None else fields:
        here, there, kind = f"{path}/{field.name}", f"{json_path}.{field.name}", field.type
        described: Json = {"@type": "cr:Field", "@id": here, "name": here}
        if pa.types.is_list(kind):
            described |= {"isArray": True, "arrayShape": "-1"}
            there, kind = f"{there}[*]", kind.value_type
        if pa.types.is_struct(kind):
            described["subField"] = list(_record_fields(here, there, kind))
        else:
            source = {"fileSet": {"@id": "members-json"}, "extract": {"jsonPath": there}}
            described |= {"dataType": _DATA_TYPES[kind], "source": source}
        yield described
