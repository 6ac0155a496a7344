"""Options that several subcommands share."""

from pathlib import Path
from typing import Annotated

import typer

CohortOption = Annotated[Path, typer.Option("--cohort", help="cohort.parquet of mimic-cohort")]
OutputsOption = Annotated[
    list[Path], typer.Option("--output", help="a part to write; repeat it for more parts")
]
FactsOption = Annotated[Path, typer.Option("--facts", help="what the manifest needs, as JSON")]
LedgerOption = Annotated[Path, typer.Option("--ledger", help="what was dropped and why, as JSON")]
MemoryOption = Annotated[str, typer.Option("--memory-limit", help="of DuckDB, such as 2GB")]
ThreadsOption = Annotated[int, typer.Option("--threads", help="of the engine", min=1)]
TempOption = Annotated[Path | None, typer.Option("--temp-dir", help="where DuckDB spills")]
TestListOption = Annotated[
    Path | None, typer.Option("--test-subjects", help="published list: csv of subject_id,flag")
]
ValidListOption = Annotated[
    Path | None, typer.Option("--valid-subjects", help="published list: csv of subject_id,flag")
]
SplitSeedOption = Annotated[int, typer.Option("--split-seed", help="of the stable hash")]
ValidShareOption = Annotated[float, typer.Option("--valid-share", help="when no list is given")]
TestShareOption = Annotated[float, typer.Option("--test-share", help="when no list is given")]
ProfileOption = Annotated[str, typer.Option("--profile", help="corrected or faithful")]
SwitchOption = Annotated[
    list[str] | None,
    typer.Option("--switch", help="name=value, over the profile; see the subcommand switches"),
]
