"""The kinds of input that a sample may have."""

from enum import StrEnum


class Modality(StrEnum):
    """The kinds of input; the names are the same in YAML, Parquet, metrics and logs."""

    TEXT = "text"
    IMAGE = "image"
    TABULAR = "tabular"
    TIMESERIES = "timeseries"

    @property
    def index(self) -> int:  # type: ignore[override]
        """Column of this modality in `Batch.present`."""
        return list(Modality).index(self)
