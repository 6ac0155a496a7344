"""The workflow from cohort to cache at a share of MIMIC-IV's size, and what each step needed.

`python -m tests.rehearsal --share 0.01 --folder /a/large/disk`; a second run goes on where the
first ended. The demo is looked for beside the repository, or where `--demo` says.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import yaml

from tests.rehearsal.dumps import ROWS, write_dumps
from tests.rehearsal.watch import size_of, watched

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY.parent / "shared" / "data" / "mimic-iv-demo"
RESULTS = REPOSITORY / "results" / "rehearsal"

# Benchmark file, command, what it leaves, and the tables whose rows it reads.
STEPS = (
    ("mimic_cohort", "mimic-cohort", "shards/mimic/cohort.parquet", ("icu/icustays",)),
    (
        "mimic_timeseries",
        "mimic-timeseries",
        "shards/mimic/timeseries",
        ("icu/chartevents", "hosp/labevents", "icu/outputevents"),
    ),
    (
        "mimic_radiographs/part-*",
        "mimic-radiographs",
        "shards/mimic/images",
        ("mimic-cxr-2.0.0-metadata",),
    ),
    ("mimic_notes", "mimic-notes", "shards/mimic/notes", ("note/radiology",)),
    ("mimic_tabular", "mimic-tabular", "shards/mimic/tabular", ("hosp/admissions",)),
    ("mimic_samples", "mimic-samples", "shards/mimic/samples", ()),
    ("mimic_manifest", "mimic-manifest", "shards/mimic/manifest.json", ()),
    ("leakage/mimic", "audit-leakage", "audit/leakage/mimic.json", ()),
    ("cache/mimic", "cache", "cache/mimic", ()),
)
# Findings that copies of people and of texts bring about.
ACKNOWLEDGED = ["duplicate-texts", "outcome-words", "label-words", "note-after-horizon"]
RECIPE = {
    "shared": {
        "encoders": {"text": {"max_tokens": 512}, "image": {"patch_px": 16}},
        "optim": {"lr": 1.0e-3, "epochs": 1, "batch_size": 32},  # which a plan asks for
    }
}
COLUMNS = (
    "step",
    "million rows read",
    "minutes",
    "CPU minutes",
    "peak GB",
    "spilled GB",
    "leaves GB",
)


def configure(folder: Path, memory_mb: int) -> Path:
    """Write the configuration of the workflow on dumps in a folder."""
    recipe, path = folder / "recipe.yaml", folder / "rehearsal.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    config = {
        "name": RESULTS.name,
        "scale": "smoke",
        "mimic": {**dict.fromkeys(("root", "notes", "cxr"), str(folder)), "parts": 8},
        "leakage": {"acknowledge": ACKNOWLEDGED},
        "recipes": {"mimic": str(recipe)},
        "engine": {"memory_mb": memory_mb},
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def run(config: Path, cores: int, until: str, rows: dict[str, int]) -> list[dict[str, str]]:
    """Run the workflow up to a rule and tell what each step needed."""
    command = [sys.executable, "-m", "snakemake", "table1", "--until", until]
    command += ["--cores", str(cores), "--configfile", str(config)]
    with watched(RESULTS / "tmp") as needs:
        subprocess.run(command, check=True, cwd=REPOSITORY)
    told = []
    for benchmark, step, left, tables in STEPS:
        if step in needs:
            needed, read = needs[step], sum(rows[table] for table in tables) / 1e6
            numbers = (seconds_of(benchmark) / 60, sum(needed.cpu.values()) / 60)
            sizes = (needed.memory, needed.spilled, size_of(RESULTS / left))
            cells = [f"{number:.2f}" for number in (*numbers, *(size / 1e9 for size in sizes))]
            cells = [step, f"{read:.2f}" if read else "", *cells]
            told.append(dict(zip(COLUMNS, cells, strict=True)))
    return told


def seconds_of(benchmark: str) -> float:
    """Seconds that a step took, as Snakemake's benchmark files tell; of pieces their sum."""
    seconds = 0.0
    for path in RESULTS.glob(f"benchmarks/{benchmark}.tsv"):
        (row,) = csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t")
        seconds += float(row["s"])
    return seconds


def remembered(told: list[dict[str, str]], path: Path) -> list[dict[str, str]]:
    """What this run and earlier ones on the same dumps told, in the order of the steps."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {row["step"]: row for row in told}
    path.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return [known[step] for _, step, *_ in STEPS if step in known]


def markdown(told: list[dict[str, str]]) -> str:
    """The steps as a table."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|---|{'--:|' * (len(COLUMNS) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row.values())} |" for row in told)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--share", type=float, default=0.01, help="of the release's rows")
    parser.add_argument("--release", choices=ROWS, default="2.2")
    parser.add_argument("--pictures", type=int, default=1000, help="radiographs that have a file")
    parser.add_argument("--demo", type=Path, default=DEMO)
    parser.add_argument("--folder", type=Path, required=True, help="receives the dumps")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--until", default="cache", help="last rule of the workflow that is run")
    parser.add_argument("--memory-mb", type=int, default=2000, help="of a step")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = options.folder.resolve()
    made = folder / "rows.json"
    if not made.exists():
        rows = write_dumps(options.demo, folder, options.release, options.share, options.pictures)
        made.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    rows = json.loads(made.read_text(encoding="utf-8"))
    config = configure(folder, options.memory_mb)
    told = run(config, options.cores, options.until, rows)
    table = markdown(remembered(told, folder / "steps.json"))
    (folder / "rehearsal.md").write_text(f"{table}\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
