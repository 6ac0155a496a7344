"""What `mimic-timeseries` makes of made-up ICU rows, as it would from the command line."""

from pathlib import Path

from tests.field.case import Seen, run_step
from tests.preprocessing.made_up_icu import MadeUpICU


def read_series(icu: MadeUpICU, *options: str) -> Seen:
    """Write the tables and extract their series with options such as `--profile faithful`."""
    icu.write()
    words: list[str | Path] = ["mimic-timeseries", "--root", icu.root]
    words += ["--cohort", icu.put_cohort(icu.root), "--facts", icu.root / "facts.json"]
    words += ["--output", icu.root / "series.parquet", "--ledger", icu.root / "ledger.json"]
    return run_step(icu.root, [*words, *options])
