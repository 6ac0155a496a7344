"""The missingness audit at the paper's size: made-up ids, the real step, one JSON line.

The shards are those of `tests.bench.pair_index`: 377,110 images, 331,794 notes and 25,071 stays,
whose outer join by patient has about as many rows as the paper's 3,680,784.
"""

import argparse
import json
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from preprocessing.datasets.mimic.card import describe_mimic
from tests.bench import pair_index

TABLES = ("images", "notes", "timeseries", "tabular")
CAREUNITS = ("CCU", "CVICU", "MICU", "MICU/SICU", "Neuro SICU", "SICU", "TSICU")
PERIODS = ("2008 - 2010", "2011 - 2013", "2014 - 2016", "2017 - 2019")


def write(folder: Path, threads: int, memory_limit: str) -> int:
    """Write the shards as the workflow does, the sample index by its own step; its rows."""
    pair_index.write(folder)
    rng = np.random.default_rng(1)
    cohort = pl.read_parquet(folder / "cohort.parquet")
    who = cohort["subject_id"].unique().to_list()
    period = dict(zip(who, rng.choice(PERIODS, len(who)).tolist(), strict=True))
    cohort.with_columns(
        careunit=pl.Series(rng.choice(CAREUNITS, len(cohort))),
        period=pl.col("subject_id").replace_strict(period, return_dtype=pl.String),
    ).write_parquet(folder / "cohort.parquet")
    images = pl.read_parquet(folder / "images.parquet")
    study = pl.col("subject_id").cum_count() // 2 + 50_000_000
    images.with_columns(study_id=study.cast(pl.Int32)).write_parquet(folder / "images.parquet")
    series = pl.read_parquet(folder / "timeseries.parquet")
    often = rng.random((1, 48 * 17)) ** 2
    seen = (rng.random((len(series), 48 * 17)) < often).astype(np.uint8)
    flags = pl.Series("observed", seen).cast(pl.Array(pl.UInt8, 48 * 17))
    series.with_columns(flags).write_parquet(folder / "timeseries.parquet")
    made = pair_index.measure(folder, threads, memory_limit)
    for table in TABLES:
        (folder / table).mkdir()
        (folder / f"{table}.parquet").rename(folder / table / "part-00000.parquet")
    told = {
        "counts": json.loads((folder / "samples.json").read_text())["counts"],
        "timeseries": {"hours": 48, "variable_names": [f"variable {n}" for n in range(17)]},
        "card": describe_mimic({"in_hospital_mortality": {}}).facts(),
        "tables": {name: {} for name in ("cohort", "samples", *TABLES)},
        **{"digest": "", "scale": "bench", "profile": "", "switches": {}},
        **{"text_source": "discharge", "leaky_text": True},
    }
    (folder / "manifest.json").write_text(json.dumps(told))
    return int(made["rows"])


def measure(folder: Path, threads: int, memory_limit: str) -> dict[str, float]:
    """Count what `write` made, which must be the rows of the sample index, and withhold."""
    from preprocessing.audit.missingness import observed, publish, report
    from preprocessing.audit.missingness.dataset import Counts, Series
    from preprocessing.audit.shards import Shards
    from preprocessing.datasets.mimic import missingness as mimic
    from preprocessing.engine.duckdb import connect

    marks = [time.perf_counter()]
    con = connect(memory_limit=memory_limit, threads=threads, temp_dir=folder / "tmp")
    shards = Shards.open(folder)
    units = mimic.count_units(shards, con)
    marks.append(time.perf_counter())
    names = shards.manifest["timeseries"]["variable_names"]
    series = Series("stay_48h", names, observed.count(shards))
    related = list(mimic.relate_units(units))
    about = ("mimic", "MIMIC", shards.manifest, units, ["image"], "stay_48h", "patient")
    found = Counts(*about, related, series)
    marks.append(time.perf_counter())
    hidden = publish.tables(found).withheld()
    files = {"output_csv": folder / "audit.csv", "output_json": folder / "audit.json"}
    report.write_audit([found], hidden, **files)
    marks.append(time.perf_counter())
    join = next(unit for unit in units if unit.name == "join").total("all", "all").count
    counted, observed_s, withheld = np.diff(marks).round(2).tolist()
    return {
        "join_rows": join,
        "count_s": counted,
        "observed_s": observed_s,
        "withhold_and_write_s": withheld,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", default="500MB", help="of DuckDB")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        given = (Path(name), options.threads, options.memory_limit)
        # In processes of their own: the peak is to be that of the audit.
        fresh = get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            rows = process.submit(write, *given).result()
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            found = process.submit(measure, *given).result()
        assert found["join_rows"] == rows, "the audit and the sample index count differently"
        print(json.dumps(found))


if __name__ == "__main__":
    main()
