"""The labelled stays of MIMIC with the times of what they have, as the gates see them."""

from dataclasses import dataclass
from datetime import time, timedelta
from functools import cached_property

import polars as pl

from preprocessing.audit.shards import Shards
from preprocessing.datasets.mimic.schemas import HOURS

DAY, NO_TIME = timedelta(days=1), timedelta()
HORIZON = timedelta(hours=HOURS)


@dataclass(frozen=True)
class Stays:
    """The samples of fine-tuning of MIMIC.

    Attributes:
        shards: of MIMIC, or of one of its text sources.
    """

    shards: Shards

    @cached_property
    def cohort(self) -> pl.DataFrame:
        """The stays, with `horizon` and `ended`.

        The horizon of images and notes is 48 hours after `intime`, or discharge if that is before.
        A stay ended at discharge; of many deaths MIMIC has midnight before, the date alone, so it
        may have ended on all of that day.
        """
        cohort = self.shards.scan("cohort").collect()
        horizon = pl.min_horizontal(pl.col("intime") + HORIZON, "dischtime")
        is_date = pl.col("dischtime").dt.time() == time.min
        ended = pl.col("dischtime") + pl.when(is_date).then(DAY).otherwise(NO_TIME)
        return cohort.with_columns(horizon=horizon, ended=ended)

    @cached_property
    def labelled(self) -> pl.DataFrame:
        """The samples with mortality as `label`, the times of the stay, and their image and note.

        Columns of the image begin with image_, of the note with note_.
        """
        stay = self.cohort.lazy().select(
            "stay_id", "hadm_id", "admittime", "intime", "dischtime", "horizon", "ended"
        )
        image = self.shards.scan("images").select("dicom_id", image_time="study_time")
        note = self.shards.scan("notes").select(
            "note_id",
            "text",
            note_admission="hadm_id",
            note_time="charttime",
            note_filed="storetime",
        )
        samples = self.shards.labelled().lazy()
        joined = samples.join(stay, on="stay_id", how="left").join(image, on="dicom_id", how="left")
        return joined.join(note, on="note_id", how="left").collect()
