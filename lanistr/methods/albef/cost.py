"""What a sample costs ALBEF: it reads every text twice, fuses four times and has a teacher."""

from __future__ import annotations

from lanistr.experiments.config import Experiment
from lanistr.experiments.cost import FROZEN, TRAINED, tokens, weights
from lanistr.modality import Modality


def count_flops(experiment: Experiment, image_px: int) -> tuple[int, int]:
    """Operations of one sample in each epoch, student and teacher together, and once in a run.

    Its text encoder is half of BERT; each layer of the other half also reads the image.
    """
    sizes, length = experiment.encoders, tokens(experiment, image_px)
    text, image = length[Modality.TEXT], length[Modality.IMAGE]
    reads = {
        Modality.TEXT: weights(sizes.text) // 2 * text,
        Modality.IMAGE: weights(sizes.image) * image,
    }
    crosses = sizes.text.layers // 2 * 2 * sizes.text.hidden**2 * (text + image)
    fuses = reads[Modality.TEXT] + crosses
    # Pretraining: a text as it is and with words hidden; a pair, two wrong ones and the hidden one.
    texts, fusions = (2, 4) if experiment.stage == "pretrain" else (1, 1)
    taught = texts * reads[Modality.TEXT] + reads[Modality.IMAGE] + fuses
    student = TRAINED * fusions * fuses
    for modality, times in ((Modality.TEXT, texts), (Modality.IMAGE, 1)):
        rule = FROZEN if modality in experiment.frozen else TRAINED
        student += rule * times * reads[modality]
    return student + FROZEN * taught, 0
