"""Croissant metadata, the machine-readable description of a dataset (mlcommons.org/croissant/1.1)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goutbench.dataset.card import COLUMNS, PAPER, RepositorySummary, data_file
from goutbench.dataset.store import CROISSANT, file_hash, schema_of, write_json
from goutbench.records import Pair


def write_croissant(dataset: Path, summaries: Sequence[RepositorySummary]) -> None:
    """Write Croissant 1.1 metadata: the files with their hashes, and the columns."""
    write_json(dataset / CROISSANT, croissant(dataset, summaries))


def croissant(dataset: Path, summaries: Sequence[RepositorySummary]) -> dict[str, Any]:
    """The Croissant metadata of a dataset whose data files exist."""
    files = [data_file(summary) for summary in summaries]
    newest = max((summary.pin.date for summary in summaries if summary.pin.date), default=None)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": "go-unit-tests",
        "description": "Go source files with their unit test files.",
        "version": "1.0.0",
        "license": sorted({expression for summary in summaries for expression in summary.licences}),
        "url": PAPER,
        "citeAs": f"The pairing follows Go-UT-Bench, {PAPER}; each row contains its repository and commit.",
        "creator": {"@type": "sc:Organization", "name": "the authors of the repositories named in the rows"},
        **({"datePublished": newest.date().isoformat()} if newest else {}),
        **RAI,
        "distribution": [file_object(file, file_hash(dataset / file)) for file in files],
        "recordSet": [_pairs_of(file) for file in files],
    }


def file_object(file: str, digest: str) -> dict[str, Any]:
    """A Parquet file with its SHA-256."""
    return {
        "@type": "cr:FileObject",
        "@id": file,
        "name": file,
        "contentUrl": file,
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }


def record_set(name: str, file: str, columns: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """The columns of a file: the type and the meaning of each by its name."""
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "description": meaning,
                "dataType": kind,
                "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
            }
            for column, (kind, meaning) in columns.items()
        ],
    }


def _pairs_of(file: str) -> dict[str, Any]:
    kinds = {
        field.name: (_TYPES.get(str(field.type), "sc:Text"), COLUMNS[field.name]) for field in schema_of(Pair)
    }
    return record_set(Path(file).stem, file, kinds)


CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
RAI = {
    "rai:dataCollection": "Go files and their test files, from public git repositories at pinned commits.",
    "rai:dataCollectionType": ["Software Collection"],
    "rai:dataPreprocessingProtocol": ["Files are unchanged. A rule pairs each Go file with its test file; "
                                      "every other file is listed with the reason why it is in no pair."],
    "rai:dataAnnotationProtocol": "No human labels: what tests reach is measured by executing them.",
    "rai:dataUseCases": ["Evaluation of models and agents that write Go unit tests, and their training on "
                         "the training part of a leak-free split."],
    "rai:dataLimitations": ["Models may have seen the repositories. References are what their authors wrote, "
                            "not the best tests. Only Go, and mostly well-known open source."],
    "rai:dataBiases": ["Comments and names are mostly English. Well-tested projects are over-represented."],
    "rai:personalSensitiveInformation": ["Comments may name their authors, as they published them."],
    "rai:dataReleaseMaintenancePlan": "Every row has its repository and commit; the same pins rebuild it.",
}  # fmt: skip
"""Fields of Croissant's vocabulary for responsible AI."""
_TYPES = {
    "int64": "sc:Integer",
    "bool": "sc:Boolean",
    "double": "sc:Float",
    "timestamp[ms, tz=UTC]": "sc:DateTime",
}
CONTEXT = {
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
