"""A run in which everything is odd: names, paths, locale, environment and file system.

Raw files, clone and configuration lie below a folder with an odd name, paths begin with `~` and
`$HOME`, the locale is no UTF-8, the environment is not activated, and there are no locks.
"""

import json

import polars as pl

from synthetic.release import generate
from tests.conftest import REPOSITORY
from tests.workflow.running import link_sources, run_snakemake

WORDS = [f"µ {{b}} {number}" for number in range(40)]
# All that may stand in a name, but for a word in braces, which is Snakemake's.
ODD = 'it\'s "odd" & (1); {x $(touch pwned) `touch pwned` #,=[1]*? µ'


def run_oddly(home):
    """Run some steps; returns the run and the clone.

    Args:
        home: an empty folder, which is `~`; raw files, clone and configuration lie below it.
    """
    odd = home / ODD
    clone = odd / "clone"
    clone.mkdir(parents=True)
    link_sources(REPOSITORY, clone)
    generate(mimic=odd / "mimic", notes=odd / "notes", stays=20, images=0, seed=1)
    stays = pl.read_csv(odd / "mimic/icu/icustays.csv.gz", glob=False)
    listed = [f"{subject},1\n" for subject in stays["subject_id"].unique().sort()[::3]]
    (odd / "test.csv").write_text("".join(listed))
    pl.DataFrame({"words": WORDS, "good": [0, 1] * 20}).write_parquet(odd / "rows [1].parquet")
    settings = {
        "name": "odd",
        "scale": "smoke",
        "size": "tiny",
        "generate": {"images": 0, "seed": 1, "amazon": {}},
        "mimic": {
            "root": f"~/{ODD}/mimic/",
            "notes": f"$HOME/{ODD}//notes",
            "subject_lists": {"test": f"~/{ODD}/test.csv"},
        },
        "rows": {
            "title": "Mine {b}",
            "source": f"~/{ODD}/rows [1].parquet",
            "tasks": {"good": {"kind": "binary"}},
            "columns": {"words": "text"},
        },
        "engine": {"temp_dir": f"$HOME/{ODD}/tmp"},
    }
    (odd / "own.yaml").write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    (home / "sitecustomize.py").write_text(
        "import errno, fcntl\n"
        "def flock(*_): raise OSError(errno.ENOLCK, 'No locks available')\n"
        "fcntl.flock = flock\n"
    )
    environment = {
        "HOME": home,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": home,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    made = ("ledger/mimic_cohort.json", "ledger/mimic_notes.json", "interim/rows/rows.parquet")
    targets = [f"results/odd/{name}" for name in made]
    run = run_snakemake(
        *(clone, *targets, "--cores", "2", "--configfile", odd / "own.yaml"),
        environment=environment,
        errors="replace",
    )
    return run, clone
