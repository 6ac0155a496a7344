"""A generated dump of MIMIC as tests read it, and small ones for tests that make their own."""

import functools
from pathlib import Path

import polars as pl

from synthetic.release import generate
from synthetic.write import MARKER, layout

STAYS, IMAGES = 200, 400


class Dump:
    """The three generated releases and their truth, tables read as text."""

    def __init__(self, root: Path):
        self.roots = {"mimic": root / "mimic", "notes": root / "notes", "cxr": root / "cxr"}
        self.truth_path = root / "truth.parquet"

    @classmethod
    def generated(cls, root: Path) -> "Dump":
        dump = cls(root)
        generate(**dump.roots, stays=STAYS, images=IMAGES, seed=3, truth=dump.truth_path)
        return dump

    def tables(self) -> dict[str, Path]:
        return {
            path.relative_to(root).as_posix().removesuffix(".csv.gz"): path
            for root in self.roots.values()
            for path in sorted(root.rglob("*.csv.gz"))
        }

    @functools.cache  # noqa: B019
    def read(self, table: str) -> pl.DataFrame:
        return pl.read_csv(self.tables()[table], infer_schema=False)

    @functools.cache  # noqa: B019
    def numbers(self, table: str) -> pl.DataFrame:
        def typed(name: str, kind: str) -> pl.Expr:
            if kind == "timestamp[s]":
                return pl.col(name).str.to_datetime()
            types = {"int16": pl.Int64, "int32": pl.Int64, "float64": pl.Float64}
            return pl.col(name).cast(types.get(kind, pl.String))

        return self.read(table).select(typed(*column) for column in layout(table).items())

    @property
    def truth(self) -> pl.DataFrame:
        return pl.read_parquet(self.truth_path)

    def radiographs(self) -> dict[str, Path]:
        return {path.stem: path for path in (self.roots["cxr"] / "files").rglob("*.jpg")}


def files_below(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != MARKER
    }


def small(root: Path, **options: object) -> dict[str, bytes]:
    roots = {name: root / name for name in ("mimic", "notes", "cxr")}
    generate(**{"stays": 30, "images": 40, "seed": 1} | roots | options)
    return files_below(root)
