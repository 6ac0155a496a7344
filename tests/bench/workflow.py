"""Where the time of a run goes: `python -m tests.bench.workflow --cores 2`.

Seconds of jobs by rule, from what Snakemake remembers of the files that they made, beside the wall
time of the run. A job counts as one core, so that those with more hide idle ones.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]


class Job(NamedTuple):
    """What Snakemake remembers of a job, times in seconds since 1970."""

    rule: str
    began: float
    ended: float


def jobs(folder: Path) -> list[Job]:
    """The jobs that made the files of a folder; Snakemake has a record for each of their files."""
    found: dict[tuple[str, str], Job] = {}
    for path in (folder / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            about = json.loads(path.read_text(encoding="utf-8"))
            job = Job(about["rule"], about["starttime"], about["endtime"])
            found[job.rule, about["shellcmd"] or path.name] = job
    return list(found.values())


def profile(folder: Path, cores: int) -> dict[str, float | dict[str, float]]:
    """Wall seconds of a run, the share of its cores that jobs had, and their seconds by rule."""
    found = jobs(folder)
    wall = max(job.ended for job in found) - min(job.began for job in found)
    counts = Counter(job.rule for job in found)
    seconds = dict.fromkeys(counts, 0.0)
    for job in found:
        seconds[job.rule] += job.ended - job.began
    longest = sorted(seconds, key=lambda rule: -seconds[rule])
    return {
        "wall_s": round(wall, 1),
        "jobs": len(found),
        "busy_share": round(sum(seconds.values()) / (cores * wall), 3),
        "seconds": {f"{rule} x {counts[rule]}": round(seconds[rule], 1) for rule in longest},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--configfile", default="config/config.yaml")
    parser.add_argument("--target", default="all")
    parser.add_argument("--of", type=Path, help="folder in which it ran already")
    options = parser.parse_args()
    if options.of:
        print(json.dumps(profile(options.of, options.cores)))
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "lanistr", "run", options.target, "--directory", folder]
        command += ["--cores", str(options.cores), "--configfile", options.configfile]
        subprocess.run(command, check=True, cwd=REPOSITORY, stdout=sys.stderr)
        print(json.dumps(profile(Path(folder), options.cores)))


if __name__ == "__main__":
    main()
