"""Raw tables to 48-hour series at size: `python -m tests.bench.timeseries --k 40`.

The open demo (../shared), or a generated dump where that is not there, is replicated k times
with new ids into csv.gz. Then mimic-cohort and mimic-timeseries run as they would from
the command line. Every timed part is a process of its own, so that its memory is its own.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY.parent / "shared" / "data" / "mimic-iv-demo"

EVENTS = ("icu/chartevents", "hosp/labevents", "icu/outputevents")
REPLICATED = (*EVENTS, "icu/icustays", "hosp/patients", "hosp/admissions", "hosp/diagnoses_icd")
DICTIONARIES = ("icu/d_items", "hosp/d_icd_diagnoses", "hosp/d_labitems")

# The reference takes 30 s for the demo's 785,743 raw rows on two cores (issue 3).
REFERENCE_ROWS_PER_SECOND = 785_743 / 30


def replicate(base: Path, root: Path, k: int) -> None:
    """Write k copies of the tables of `base` below `root`, with identifiers of their own."""
    from tests.rehearsal.copies import ranks, read, template_of, write_copies

    tables = {table: read(base / f"{table}.csv.gz") for table in REPLICATED}
    known = ranks(tables.values())
    for table, rows in tables.items():
        write_copies(template_of(rows, known), root / f"{table}.csv.gz", k, people=k)
    for table in DICTIONARIES:
        shutil.copy(base / f"{table}.csv.gz", root / f"{table}.csv.gz")


def plain_scan(root: Path, memory_limit: str, threads: int) -> None:
    """Print rows and seconds of a plain scan of the same files for the items in use."""
    import duckdb

    from preprocessing.datasets.mimic import variables
    from preprocessing.datasets.mimic.switches import FAITHFUL

    items = variables.items(FAITHFUL)["itemid"].to_list()
    con = duckdb.connect(config={"memory_limit": memory_limit, "threads": str(threads)})
    start, cpu = time.perf_counter(), time.process_time()
    for table in EVENTS:
        con.execute(
            f"SELECT count(*) FROM read_csv('{root / table}.csv.gz') "
            f"WHERE itemid IN ({', '.join(map(str, items))})"
        ).fetchall()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    rows = sum(
        con.execute(f"SELECT count(*) FROM read_csv('{root / table}.csv.gz')").fetchall()[0][0]
        for table in EVENTS
    )
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu": cpu}))


def timed(*arguments: str) -> dict[str, float]:
    """Run Python as a process of its own: seconds of wall and CPU, peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"python {' '.join(arguments)}: failed")
    return {
        "wall_s": time.perf_counter() - start,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def measure(root: Path, out: Path, profile: str, memory_limit: str, threads: int) -> dict:
    """The two steps on a raw root, and the plain scan of the same files."""
    engine = ["--memory-limit", memory_limit, "--threads", str(threads)]
    engine += ["--temp-dir", str(out / "temp"), "--profile", profile]
    (out / "temp").mkdir(parents=True)
    cohort = str(out / "cohort.parquet")
    steps = {
        "mimic-cohort": ["--output", cohort, "--ledger", str(out / "cohort.json")],
        "mimic-timeseries": [
            *("--cohort", cohort, "--output", str(out / "series.parquet")),
            *("--facts", str(out / "facts.json"), "--ledger", str(out / "series.json")),
        ],
    }
    scan = [sys.executable, "-m", "tests.bench.timeseries", "--scan", str(root), *engine[:4]]
    plain = [json.loads(subprocess.check_output(scan))]
    runs = [
        timed("-m", "preprocessing", step, "--root", str(root), *options, *engine)
        for step, options in steps.items()
    ]
    # Once more after it: a machine that is shared does not stay equally fast.
    plain.append(json.loads(subprocess.check_output(scan)))
    scan_s, scan_cpu_s = (sum(p[key] for p in plain) / 2 for key in ("seconds", "cpu"))
    wall, cpu = (sum(run[key] for run in runs) for key in ("wall_s", "cpu_s"))
    rows = plain[0]["rows"]
    return {
        "rows": rows,
        "stays": json.loads((out / "facts.json").read_text())["rows"],
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "peak_mb": round(max(run["peak_mb"] for run in runs)),
        "rows_per_s": round(rows / wall),
        "plain_scan_s": round(scan_s, 2),
        "plain_scan_cpu_s": round(scan_cpu_s, 2),
        "wall_over_plain_scan": round(wall / scan_s, 2),
        "cpu_over_plain_scan": round(cpu / scan_cpu_s, 2),
        "rate_over_reference": round(rows / wall / REFERENCE_ROWS_PER_SECOND, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--k", type=int, nargs="+", default=[10, 40], help="numbers of copies")
    parser.add_argument("--profile", default="faithful")
    parser.add_argument("--memory-limit", default="2GB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work-dir", type=Path, help="for the copies; default: temporary")
    parser.add_argument("--scan", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--replicate", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.chdir(REPOSITORY)
    if options.scan:
        plain_scan(options.scan, options.memory_limit, options.threads)
    elif options.replicate:
        replicate(options.replicate, options.work_dir, options.k[0])
    else:
        with tempfile.TemporaryDirectory(dir=options.work_dir) as folder:
            print(json.dumps(bench(Path(folder), options)))


def bench(folder: Path, options: argparse.Namespace) -> dict:
    """One result per k, and how memory and time grow from the first k to the last."""
    base, kind = DEMO, "open demo"
    if not DEMO.is_dir():
        base, kind = folder / "generated", "generated"
        timed("-m", "preprocessing", "generate-mimic", "--mimic", str(base))
    results = {}
    for k in options.k:
        root = folder / f"k{k}"
        this = ["-m", "tests.bench.timeseries", "--k", str(k)]
        timed(*this, "--replicate", str(base), "--work-dir", str(root))
        results[k] = measure(
            root, folder / f"out{k}", options.profile, options.memory_limit, options.threads
        )
    first, last = results[options.k[0]], results[options.k[-1]]
    return {
        "bench": "timeseries",
        "input": kind,
        "profile": options.profile,
        "memory_limit": options.memory_limit,
        "threads": options.threads,
        "k": results,
        "peak_growth": round(last["peak_mb"] / first["peak_mb"], 2),
        "wall_growth_per_row": round(
            last["wall_s"] / last["rows"] / (first["wall_s"] / first["rows"]), 2
        ),
    }


if __name__ == "__main__":
    main()
