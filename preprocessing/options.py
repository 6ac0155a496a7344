"""Options that several steps share, as annotations of their parameters."""

from pathlib import Path
from typing import Annotated

from typer import Option

OutputFiles = Annotated[
    list[Path], Option("--output", help="Parquet part to write; repeat it for more parts")
]
FactsFile = Annotated[Path, Option("--facts", help="JSON of what the manifest needs to know")]
LedgerFile = Annotated[Path, Option("--ledger", help="JSON of what was dropped, and why")]
SightingsFile = Annotated[
    Path | None,
    Option(
        "--sightings",
        help="JSON to write of the pictures that were looked for, which the next plan compares",
    ),
]
AcknowledgedGates = Annotated[
    list[str] | None,
    Option("--acknowledge", help="Gate whose findings do not stop the run; repeatable"),
]
Resamples = Annotated[int, Option("--resamples", min=1, help="Resamples behind each interval")]
Threads = Annotated[int, Option("--threads", min=1, help="Number of threads")]
ImagePx = Annotated[int, Option("--px", min=1, help="Side of the stored square, in pixels")]
ManifestFile = Annotated[Path, Option("--output", help="manifest.json to write")]
Scale = Annotated[str, Option(help="Scale that is stamped on every result: smoke or paper")]
ShardFolders = Annotated[
    list[Path],
    Option("--shards", "--mimic", "--amazon", help="Folder with a manifest.json; repeatable"),
]
MissingnessCsv = Annotated[Path, Option(help="CSV to write of every count, one per line")]
MissingnessJson = Annotated[
    Path, Option(help="JSON to write of the counts, the series and provenance")
]
MimicRoot = Annotated[
    Path | None,
    Option(help="Folder with hosp/: patients and admissions without any shard count too"),
]
AmazonInterim = Annotated[
    Path | None, Option(help="Folder with <Category>/reviews/ and links.parquet")
]
GateFiles = Annotated[list[Path], Option(help="JSON of audit-leakage; repeatable")]
VocabularyFiles = Annotated[
    list[Path] | None,
    Option("--vocabulary", help="JSON of lanistr audit-vocabulary; repeatable"),
]
