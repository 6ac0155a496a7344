"""Twenty-five conditions of an admission, told by its billing codes: outcomes, never inputs.

Codes are assigned after discharge. The conditions are those of mimic3-benchmarks and MedFuse, named
and grouped (acute, chronic, mixed) as there: single-level categories of HCUP's Clinical
Classifications Software (CCS). `phenotypes.tsv` has each category's codes in both ICD versions:

- ICD-9-CM: CCS 2015, "SingleDiagnosisGrouper" (January 1980 through September 2015).
- ICD-10-CM: the beta CCS for ICD-10-CM, release 2019.1. mimic4extract instead takes the ICD-10
  codes that the general equivalence mappings give for these ICD-9 codes, which are fewer: its
  labels of admissions coded in ICD-10 differ.

A code stands for all that begin with it, where CCS has those in one category alone, so that codes
of later releases fall into the category of their stem; one that ends in $ stands for itself.

Source: HCUP, https://hcup-us.ahrq.gov/toolssoftware/ccs/ccs.jsp; YerevaNN/mimic3-benchmarks,
statistics.md, for the types.
"""

from functools import cache
from importlib.resources import files

import polars as pl


@cache
def definitions() -> pl.DataFrame:
    """One row per condition and ICD version: phenotype, type, ccs, icd_version and codes."""
    text = files("preprocessing.datasets.mimic").joinpath("phenotypes.tsv").read_bytes()
    return pl.read_csv(text, separator="\t", schema_overrides={"codes": pl.String})


def names() -> tuple[str, ...]:
    """The conditions in the order of their labels, the alphabetical one."""
    return tuple(definitions()["phenotype"].unique(maintain_order=True))


def label(diagnoses: pl.DataFrame) -> pl.DataFrame:
    """The conditions of each admission that has any code: `hadm_id` and `phenotypes`, 0 or 1 each.

    Args:
        diagnoses: hadm_id, icd_code (without its point) and icd_version; a row without a code or
            version counts for nothing.

    >>> codes = {"hadm_id": [1, 1, 2], "icd_code": ["4019", "I10", "Z000"],
    ...     "icd_version": [9, 9, 10]}
    >>> found = label(pl.DataFrame(codes))
    >>> [sum(row) for row in found["phenotypes"].to_list()]
    [1, 0]
    """
    coded = diagnoses.drop_nulls(["icd_code", "icd_version"])
    code = pl.col("icd_code").str.strip_chars().str.to_uppercase()
    known = coded.select(code, "icd_version").unique()
    known = known.with_columns(_belongs(name).alias(name) for name in names())
    rows = coded.with_columns(code).join(known, on=["icd_code", "icd_version"], how="left")
    any_of = rows.group_by("hadm_id").agg(pl.col(name).any() for name in names()).sort("hadm_id")
    flags = pl.concat_list(pl.col(name).cast(pl.Int8) for name in names())
    return any_of.select("hadm_id", phenotypes=flags)


def unknown_codes(diagnoses: pl.DataFrame, dictionary: pl.DataFrame) -> int:
    """How many codes are in no row of d_icd_diagnoses, under their ICD version.

    Codes that lost a leading zero, or stand under the other version, are among them.

    >>> given = pl.DataFrame({"icd_code": ["4019 ", "389"], "icd_version": [9, 9]})
    >>> unknown_codes(given, pl.DataFrame({"icd_code": ["0389", "4019"], "icd_version": [9, 9]}))
    1
    """
    pair = ["icd_code", "icd_version"]
    given, known = (
        frame.drop_nulls(pair).with_columns(pl.col("icd_code").str.strip_chars().str.to_uppercase())
        for frame in (diagnoses, dictionary)
    )
    return given.join(known, on=pair, how="anti").height


def _belongs(name: str) -> pl.Expr:
    """Whether a code of its version is one of a condition."""
    rows = definitions().filter(phenotype=name).select("icd_version", "codes").rows()
    return pl.any_horizontal(
        (pl.col("icd_version") == version)
        & pl.col("icd_code").str.contains(f"^(?:{'|'.join(codes.split())})")
        for version, codes in rows
    )
