"""What LANISTR can be trained on; its settings are sections that other methods share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanistr.experiments.methods import ANY, Method

if TYPE_CHECKING:
    from lanistr.experiments.config import Experiment


def something_to_learn(experiment: Experiment) -> None:
    """Refuse a pretraining without losses.

    Raises:
        ValueError: no weight is above 0 for any of the modalities.
    """
    if experiment.stage == "pretrain" and not experiment.losses:
        raise ValueError("objectives: no weight above 0 for any of the modalities")


METHOD = Method(
    stages={"pretrain": ANY, "finetune": ANY},
    build="lanistr.methods.lanistr.model:build_lanistr",
    check=something_to_learn,
)
