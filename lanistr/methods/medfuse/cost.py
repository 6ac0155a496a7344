"""What a sample costs MedFuse, trained as a whole: the ResNet and the LSTM over hours."""

from __future__ import annotations

from lanistr.experiments.config import Experiment
from lanistr.experiments.cost import HOURS, TRAINED, VALUES, VARIABLES
from lanistr.methods.medfuse.settings import MedFuse, ResNet
from lanistr.modality import Modality


def count_flops(experiment: Experiment, image_px: int) -> tuple[int, int]:
    """Operations of one sample in each epoch, and once in a run."""
    settings, products = experiment.section(MedFuse), 0
    if Modality.IMAGE in experiment.modalities:
        products += convolutions(settings.image, image_px)
    if Modality.TIMESERIES in experiment.modalities:
        products += HOURS * lstm(settings)
    return TRAINED * products, 0


def convolutions(sizes: ResNet, image_px: int) -> int:
    """Products of a ResNet's convolutions for one image.

    >>> round(convolutions(ResNet(), 224) / 1e9, 2)
    3.66
    """
    channels, side = sizes.width, image_px // 2
    products = 7 * 7 * 3 * channels * side**2
    for group, blocks in enumerate(sizes.blocks):
        width, side = sizes.width * 2**group, image_px // 4 // 2**group
        shortcut = channels * width if group else 0
        products += (9 * channels * width + shortcut + (2 * blocks - 1) * 9 * width**2) * side**2
        channels = width
    return products


def lstm(settings: MedFuse) -> int:
    """Numbers in the matrices of MedFuse's LSTM over hours: four gates, input and state each.

    >>> lstm(MedFuse())
    864256
    """
    hidden = settings.series_hidden
    return 4 * hidden * (VALUES + VARIABLES + hidden + (settings.series_layers - 1) * 2 * hidden)
