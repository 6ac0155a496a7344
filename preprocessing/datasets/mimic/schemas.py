"""One contract per table of the shards: dtypes, units, nulls and where values come from."""

import pandera.polars as pa
import polars as pl

from preprocessing.contracts import Table, declare_code
from preprocessing.datasets.mimic.outcomes import PHENOTYPES

HOURS = 48
VALUES = 59
VARIABLES = 17
FINDINGS = 14

# Time is stored to the second, as MIMIC does.
TIME = pl.Datetime("us")


class Cohort(Table):
    """One row per ICU stay in the cohort."""

    subject_id: pl.Int32
    hadm_id: pl.Int32 = pa.Field(unique=True)
    stay_id: pl.Int32 = pa.Field(unique=True)
    admittime: TIME
    dischtime: TIME = pa.Field(nullable=True)
    intime: TIME
    outtime: TIME
    los_hours: pl.Float64 = pa.Field(description="Length of the ICU stay.")
    age: pl.Int32 = pa.Field(ge=18, description="Years; which age is a switch.")
    careunit: pl.String = pa.Field(nullable=True, description="First ICU.")
    period: pl.String = pa.Field(nullable=True, description="patients.anchor_year_group.")
    split: pl.String = pa.Field(isin=["train", "valid", "test"])
    in_hospital_mortality: pl.Int8 = pa.Field(isin=[0, 1])
    length_of_stay: pl.Float32 = pa.Field(description="Hours, as `los_hours`.")
    readmission_30d: pl.Int8 = pa.Field(isin=[0, 1], nullable=True, description="Null = died.")
    phenotypes: PHENOTYPES = pa.Field(nullable=True, description="0 or 1; null = not coded.")


class TimeSeries(Table):
    """One row per stay of at least 48 h."""

    stay_id: pl.Int32 = pa.Field(unique=True)
    subject_id: pl.Int32
    split: pl.String = pa.Field(isin=["train", "valid", "test"])
    label: pl.Int8 = pa.Field(isin=[0, 1], description="In-hospital mortality.")
    values: pl.Array(pl.Float32, HOURS * VALUES) = pa.Field(
        description="Row-major hour x column, not normalised; names in the manifest."
    )
    observed: pl.Array(pl.UInt8, HOURS * VARIABLES) = pa.Field(
        description="1 = the variable was measured in that hour."
    )


class Images(Table):
    """One row per radiograph that could be decoded."""

    dicom_id: pl.String = pa.Field(unique=True)
    subject_id: pl.Int32
    study_id: pl.Int32
    study_time: TIME
    view: pl.String = pa.Field(nullable=True, description="ViewPosition, such as AP.")
    split: pl.String = pa.Field(isin=["train", "valid", "test"])
    labelled: pl.Boolean = pa.Field(description="CheXpert has labels of the study's report.")
    findings: pl.Array(pl.Int8, FINDINGS) = pa.Field(
        description="These labels, in the order of the manifest: 1 = stated, 0 = denied, "
        "-1 = uncertain, null = not mentioned."
    )
    jpeg: pl.Binary = pa.Field(description="Grey, square, `image.px` wide, already resized.")


class Notes(Table):
    """One row per note of the chosen text source."""

    note_id: pl.String = pa.Field(unique=True)
    subject_id: pl.Int32
    hadm_id: pl.Int32 = pa.Field(nullable=True)
    charttime: TIME
    storetime: TIME = pa.Field(nullable=True, description="When clinicians could read it.")
    split: pl.String = pa.Field(isin=["train", "valid", "test"])
    text: pl.String


class Tabular(Table):
    """Demographics known at admission, one row per stay of the cohort: as is, and encoded."""

    stay_id: pl.Int32 = pa.Field(unique=True)
    subject_id: pl.Int32
    split: pl.String = pa.Field(isin=["train", "valid", "test"])
    age: pl.Int32
    gender: pl.String = pa.Field(isin=["F", "M"])
    race: pl.String = pa.Field(nullable=True, description="Coarse group.")
    insurance: pl.String = pa.Field(nullable=True)
    language: pl.String = pa.Field(nullable=True)
    marital_status: pl.String = pa.Field(nullable=True)
    admission_type: pl.String
    admission_location: pl.String = pa.Field(nullable=True)
    careunit: pl.String = pa.Field(nullable=True)
    gender_code: pl.Int32 = declare_code()
    race_code: pl.Int32 = declare_code()
    insurance_code: pl.Int32 = declare_code()
    language_code: pl.Int32 = declare_code()
    marital_status_code: pl.Int32 = declare_code()
    admission_type_code: pl.Int32 = declare_code()
    admission_location_code: pl.Int32 = declare_code()
    careunit_code: pl.Int32 = declare_code()
    age_scaled: pl.Float32 = pa.Field(description="Standardised; 0 = mean.")


class Samples(Table):
    """Which rows of the other tables make up a sample: for each stage, by identifier alone."""

    sample_id: pl.Int64 = pa.Field(
        description="stay_id in fine-tuning; a running number in pretraining."
    )
    stage: pl.String = pa.Field(isin=["pretrain", "finetune"])
    subject_id: pl.Int32
    stay_id: pl.Int32 = pa.Field(nullable=True)
    dicom_id: pl.String = pa.Field(nullable=True)
    note_id: pl.String = pa.Field(nullable=True)
    split: pl.String = pa.Field(isin=["train", "valid", "test"])
    in_hospital_mortality: pl.Int8 = pa.Field(
        isin=[0, 1], nullable=True, description="This and the other tasks: null in pretraining."
    )
    length_of_stay: pl.Float32 = pa.Field(nullable=True, description="Hours.")
    readmission_30d: pl.Int8 = pa.Field(isin=[0, 1], nullable=True)
    phenotypes: PHENOTYPES = pa.Field(nullable=True)
    has_image: pl.Boolean
    has_text: pl.Boolean
    has_timeseries: pl.Boolean
    has_tabular: pl.Boolean
    image_absence: pl.String = pa.Field(nullable=True, description="Why not; null = present.")
    text_absence: pl.String = pa.Field(nullable=True)
    timeseries_absence: pl.String = pa.Field(nullable=True)
    tabular_absence: pl.String = pa.Field(nullable=True)
