"""Settings of the simple models, and what they can be trained on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lanistr.experiments.architecture import Part
from lanistr.experiments.methods import Method, subsets
from lanistr.modality import Modality


class Features(Part):
    """A simple model on summaries of the series and on the columns of the table."""

    kind: Literal["logistic", "boosting"] = Field(
        "boosting",
        description="Logistic regression, of numbers ridge regression; or boosted trees.",
    )


METHOD = Method(
    stages={"finetune": subsets([Modality.TABULAR, Modality.TIMESERIES])},
    trainer="lanistr.training.simple",
    settings=Features,
    distributions=("scikit-learn",),
)
