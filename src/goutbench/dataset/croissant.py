"""Croissant metadata, the machine-readable description of a dataset (mlcommons.org/croissant/1.0)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goutbench.dataset.card import COLUMNS, PAPER, RepositorySummary, data_file
from goutbench.dataset.store import CROISSANT, file_hash, schema_of, write_json
from goutbench.records import Pair


def write_croissant(dataset: Path, summaries: Sequence[RepositorySummary]) -> None:
    """Write Croissant 1.0 metadata: the files with their hashes, and the columns."""
    write_json(dataset / CROISSANT, croissant(dataset, summaries))


def croissant(dataset: Path, summaries: Sequence[RepositorySummary]) -> dict[str, Any]:
    """The Croissant metadata of a dataset whose data files exist."""
    files = [data_file(summary) for summary in summaries]
    newest = max((summary.pin.date for summary in summaries if summary.pin.date), default=None)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "go-unit-tests",
        "description": "Go source files with their unit test files.",
        "version": "1.0.0",
        "license": sorted({expression for summary in summaries for expression in summary.licences}),
        "url": PAPER,
        "citeAs": f"The pairing follows Go-UT-Bench, {PAPER}; each row contains its repository and commit.",
        "creator": {"@type": "sc:Organization", "name": "the authors of the repositories named in the rows"},
        **({"datePublished": newest.date().isoformat()} if newest else {}),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file,
                "name": file,
                "contentUrl": file,
                "encodingFormat": "application/x-parquet",
                "sha256": file_hash(dataset / file),
            }
            for file in files
        ],
        "recordSet": [_record_set(file) for file in files],
    }


def _record_set(file: str) -> dict[str, Any]:
    name = Path(file).stem
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{field.name}",
                "name": field.name,
                "description": COLUMNS[field.name],
                "dataType": _TYPES.get(str(field.type), "sc:Text"),
                "source": {"fileObject": {"@id": file}, "extract": {"column": field.name}},
            }
            for field in schema_of(Pair)
        ],
    }


_TYPES = {
    "int64": "sc:Integer",
    "bool": "sc:Boolean",
    "double": "sc:Float",
    "timestamp[ms, tz=UTC]": "sc:DateTime",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
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
