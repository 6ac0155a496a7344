"""The same seed gives the same bytes, in any process and whatever else is written."""

import os
import subprocess
import sys

from tests.preprocessing.generated_dump import files_below, small


def test_same_seed_same_bytes_in_another_process(tmp_path):
    first = small(tmp_path / "a", truth=tmp_path / "a" / "truth.parquet")
    assert len(first) > 40
    roots = [f"--{name}={tmp_path / 'b' / name}" for name in ("mimic", "notes", "cxr")]
    command = [sys.executable, "-m", "preprocessing", "generate-mimic", *roots]
    command += ["--stays=30", "--images=40", "--seed=1", f"--truth={tmp_path}/b/truth.parquet"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "77"})
    assert files_below(tmp_path / "b") == first


def test_what_is_written_does_not_depend_on_what_else_is(tmp_path):
    together = small(tmp_path / "a")
    alone = small(tmp_path / "b", mimic=None, cxr=None)
    assert alone == {name: data for name, data in together.items() if name.startswith("notes/")}


def test_another_seed_another_population(tmp_path):
    one, two = (
        small(tmp_path / str(seed), seed=seed, notes=None, cxr=None)["mimic/hosp/patients.csv.gz"]
        for seed in (1, 2)
    )
    assert one != two
