"""Options that several steps of MIMIC share, as annotations of their parameters."""

from pathlib import Path
from typing import Annotated

from typer import Option

RawRoot = Annotated[Path, Option("--root", help="Folder with hosp/ and icu/; core/ for v1")]
CohortFile = Annotated[Path, Option("--cohort", help="cohort.parquet of mimic-cohort")]
SourceName = Annotated[
    str,
    Option(
        "--variant",
        "--source",
        help="Text source: radiology_48h, discharge or discharge_admission_sections",
    ),
]
