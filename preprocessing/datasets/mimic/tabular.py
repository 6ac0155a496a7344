"""Demographics known at admission, one row per ICU stay of the cohort.

Why each column is allowed:
    age, gender: on record before the admission.
    race, insurance, language, marital_status: asked at registration. MIMIC keeps one value per
        admission without its time, so a later correction cannot be told apart.
    admission_type, admission_location: how and from where the patient came in.
    careunit: the first ICU, known at its intime, from which the 48 h are counted.
Not allowed: discharge_location, dischtime, deathtime, dod, hospital_expire_flag and every billing
code, which come after; last_careunit and length of stay, which end after the 48 h began.
"""

import polars as pl

from preprocessing.contracts import check
from preprocessing.datasets.mimic.distinct import distinct_rows
from preprocessing.datasets.mimic.options import CohortFile, RawRoot
from preprocessing.datasets.mimic.raw import open_source
from preprocessing.datasets.mimic.release import renamed
from preprocessing.datasets.mimic.schemas import Tabular
from preprocessing.encode import fit
from preprocessing.engine.duckdb import Connection
from preprocessing.errors import DataContractError
from preprocessing.ledger import Ledger
from preprocessing.options import FactsFile, LedgerFile, OutputFiles
from preprocessing.shards import write_facts, write_parts

KEYS = ("stay_id", "subject_id", "split")
OF_ADMISSION = (
    "race",
    "insurance",
    "language",
    "marital_status",
    "admission_type",
    "admission_location",
)
CATEGORICAL = ("gender", *OF_ADMISSION, "careunit")
NUMERIC = ("age",)

# The first entries of every vocabulary: no value on record, and a value that training never saw.
NOT_RECORDED, UNSEEN = "<not recorded>", "<unseen>"

# What stands where nothing is known; stored as null.
SAYS_NOTHING = (
    "",
    "?",
    "UNKNOWN",
    "UNABLE TO OBTAIN",
    "PATIENT DECLINED TO ANSWER",
    "INFORMATION NOT AVAILABLE",
)

# Beginnings of the spellings of v1 to v3.1, and their groups. Source: the groups of
# mimic3-benchmarks, with those it has no group for under OTHER.
RACE_GROUPS = {
    "ASIAN": "ASIAN",
    "BLACK": "BLACK",
    "HISPANIC": "HISPANIC",
    "SOUTH AMERICAN": "HISPANIC",
    "WHITE": "WHITE",
    "PORTUGUESE": "WHITE",
    "AMERICAN INDIAN": "OTHER",
    "NATIVE HAWAIIAN": "OTHER",
    "MULTIPLE RACE": "OTHER",
    "OTHER": "OTHER",
}


def recorded(column: str) -> pl.Expr:
    """The value in capitals, null where it says that nothing is known.

    Releases differ in case: v2.2 has ENGLISH, v3.1 English.

    >>> pl.DataFrame({"language": ["English", "?"]}).select(recorded("language")).rows()
    [('ENGLISH',), (None,)]
    """
    value = pl.col(column).str.strip_chars().str.to_uppercase()
    return pl.when(~value.is_in(SAYS_NOTHING)).then(value).alias(column)


def race_group() -> pl.Expr:
    """The coarse group of a race in capitals; OTHER for a spelling that no release has.

    >>> races = pl.DataFrame({"race": ["BLACK/CARIBBEAN ISLAND", "MARTIAN", None]})
    >>> races.select(race_group())["race"].to_list()
    ['BLACK', 'OTHER', None]
    """
    group = _listed_group()
    return pl.when(pl.col("race").is_not_null()).then(group.fill_null("OTHER")).alias("race")


def _listed_group() -> pl.Expr:
    """The group of a listed spelling, else null."""
    race = pl.col("race")
    return pl.coalesce(
        pl.when(race.str.starts_with(prefix)).then(pl.lit(group))
        for prefix, group in RACE_GROUPS.items()
    )


def demographics(
    cohort: pl.DataFrame, patients: pl.DataFrame, admissions: pl.DataFrame, ledger: Ledger
) -> pl.DataFrame:
    """The rows of `schemas.Tabular`, not yet encoded.

    Args:
        cohort: rows of `schemas.Cohort`.
        patients: subject_id and gender.
        admissions: hadm_id and the columns of `OF_ADMISSION`.
        ledger: gets repeated rows, stays without a patient or admission, and unlisted races.

    Raises:
        DataContractError: rows of one patient or admission differ.
    """
    tables = {"hosp/patients": (patients, "subject_id"), "hosp/admissions": (admissions, "hadm_id")}
    stays = cohort
    for name, (table, key) in tables.items():
        table = distinct_rows(table, key, name, ledger).with_columns(known=True)
        stays = ledger.keep(
            "cohort",
            stays.join(table, on=key, how="left", maintain_order="left"),
            pl.col("known").is_not_null(),
            reason=f"no row in {name}",
        ).drop("known")
    stays = stays.with_columns(recorded(column) for column in OF_ADMISSION)
    unlisted = stays.filter(pl.col("race").is_not_null() & _listed_group().is_null()).height
    ledger.note("hosp/admissions", "race is not in RACE_GROUPS, counted as OTHER", unlisted)
    return stays.with_columns(race_group()).select(*KEYS, *NUMERIC, *CATEGORICAL)


def collect_demographics(
    root: RawRoot,
    cohort: CohortFile,
    *,
    outputs: OutputFiles,
    facts: FactsFile,
    ledger_path: LedgerFile,
    con: Connection,
) -> None:
    """Write the parts, the facts and the ledger.

    Raises:
        SourceMissingError: a raw table is not there.
        DataContractError: a table breaks its layout or contract, or nothing is in training.
    """
    source = open_source(root, ["hosp/patients", "hosp/admissions"])
    ledger = Ledger("mimic-tabular")
    patients = source.read(con, "hosp/patients", ["subject_id", "gender"])
    admissions = source.read(con, "hosp/admissions", ["hadm_id", *OF_ADMISSION])
    for remark in renamed(source.files["hosp/admissions"].layout):
        ledger.note("hosp/admissions", remark, admissions.height)
    rows = demographics(pl.read_parquet(cohort, glob=False), patients, admissions, ledger)
    if rows.is_empty():
        raise DataContractError(
            f"{root}: no stay of the cohort is in hosp/patients and hosp/admissions. Lost:\n"
            f"{ledger.losses()}\nGive a root whose tables are of the same patients."
        )
    encoders = fit(rows.lazy(), categorical=CATEGORICAL, numeric=NUMERIC)
    rows = check(
        encoders.encode(rows), Tabular, f"{source.path('hosp/patients')} with hosp/admissions"
    )
    write_parts(rows, outputs, order_by=["stay_id"])
    ledger.write(ledger_path)
    write_facts({"rows": rows.height, **encoders.facts()}, facts)
