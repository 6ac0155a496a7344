"""Raw dumps of a share of MIMIC-IV's rows: the open demo, with generated notes and radiographs."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from PIL import Image

from preprocessing.datasets.mimic.radiograph_files import paths_of
from tests.rehearsal.copies import ranks, read, template_of, write_copies

# Rows of the tables that are read, but for dictionaries, which are copied. Source: mimic-code,
# mimic-iv/buildmimic/postgres/validate.sql for 2.2 (5dc61171) and 3.1; of notes and radiographs,
# which are of no other release, PhysioNet's MIMIC-IV-Note 2.2 and MIMIC-CXR-JPG 2.0.0.
OTHERS = {
    "note/radiology": 2_321_355,
    "note/discharge": 331_793,
    "mimic-cxr-2.0.0-metadata": 377_110,
    "mimic-cxr-2.0.0-chexpert": 227_827,
}
ROWS = {
    "2.2": {
        "hosp/patients": 299_712,
        "hosp/admissions": 431_231,
        "hosp/diagnoses_icd": 4_756_326,
        "hosp/labevents": 118_171_367,
        "icu/icustays": 73_181,
        "icu/chartevents": 313_645_063,
        "icu/outputevents": 4_234_967,
        **OTHERS,
    },
    "3.1": {
        "hosp/patients": 364_627,
        "hosp/admissions": 546_028,
        "hosp/diagnoses_icd": 6_364_488,
        "hosp/labevents": 158_374_764,
        "icu/icustays": 94_458,
        "icu/chartevents": 432_997_491,
        "icu/outputevents": 5_359_395,
        **OTHERS,
    },
}
DICTIONARIES = ("hosp/d_labitems", "hosp/d_icd_diagnoses", "icu/d_items")
METADATA = "mimic-cxr-2.0.0-metadata"
# Radiographs that are generated for the demo's patients, and the size that they are brought to.
GENERATED, PIXELS = 100, (2544, 3056)


def write_dumps(demo: Path, folder: Path, release: str, share: float, pictures: int) -> dict:
    """Write the dumps below `folder`, and files for so many radiographs; rows by table."""
    base = folder / "base"
    command = ["generate-mimic", "--patients-of", demo, "--notes", base, "--cxr", base]
    command += ["--images", GENERATED, "--seed", 0]
    subprocess.run([sys.executable, "-m", "preprocessing", *map(str, command)], check=True)
    root = {table: demo if table.startswith(("hosp", "icu")) else base for table in ROWS[release]}
    tables = {table: read(root[table] / f"{table}.csv.gz") for table in root}
    known, made = ranks(tables.values()), {}
    copies = {
        table: max(1, round(ROWS[release][table] * share / rows.height))
        for table, rows in tables.items()
    }
    for table, rows in tables.items():
        path = folder / f"{table}.csv.gz"
        write_copies(template_of(rows, known), path, copies[table], copies["hosp/patients"])
        made[table] = copies[table] * rows.height
        print(f"{table}: {made[table]:,} rows, {path.stat().st_size / 1e6:,.0f} MB", flush=True)
    for table in DICTIONARIES:
        shutil.copy(demo / f"{table}.csv.gz", folder / f"{table}.csv.gz")
    write_pictures(base, folder, pictures)
    return made


def write_pictures(base: Path, folder: Path, pictures: int) -> None:
    """Radiographs of full size for the first rows of the metadata: links to those generated."""
    large = []
    for number, path in enumerate(sorted((base / "files").rglob("*.jpg"))):
        # Some of those generated are broken, as files on disks are.
        with suppress(OSError), Image.open(path) as image:
            image.resize(PIXELS, Image.Resampling.BICUBIC).save(base / f"{number}.jpg", quality=95)
            large.append(base / f"{number}.jpg")
    rows = read(folder / f"{METADATA}.csv.gz").head(pictures)
    for number, path in enumerate(paths_of(folder, rows)):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(large[number % len(large)], path)
