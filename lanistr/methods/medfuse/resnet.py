"""ResNet of basic blocks, whose tensors have torchvision's names, so that its weights fit.

It is not torchvision's own, which takes a second to import and has no widths but one.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanistr.errors import WeightsError
from lanistr.methods.medfuse.settings import ResNet as Settings
from lanistr.methods.pretrained import local_folder, read_weights
from lanistr.models.weights import misfits, refuse

GROUPS = ("layer1", "layer2", "layer3", "layer4")


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that takes the running statistics where a batch cannot have its own."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel, (B, C, H, W); B may be 0."""
        if self.training and x.numel() < 2 * x.shape[1]:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x)


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = BatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = BatchNorm(width)
        self.downsample = nn.Sequential()
        if stride > 1 or channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), BatchNorm(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Features, (B, width, H / stride, W / stride)."""
        inner = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(inner)) + self.downsample(x)).relu()


class ResNet(nn.Module):
    """Images to one vector each, the mean over the last group's places.

    Attributes:
        width: of the vector.

    Source:
        He et al. 2016; names and initial weights as in torchvision, without its `fc`.
    """

    def __init__(self, settings: Settings):
        super().__init__()
        channels = settings.width
        self.conv1 = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = BatchNorm(channels)
        for number, (group, blocks) in enumerate(zip(GROUPS, settings.blocks, strict=True)):
            width, layer = settings.width * 2**number, nn.Sequential()
            for block in range(blocks):
                stride = 2 if number and not block else 1
                layer.append(Block(channels, width, stride))
                channels = width
            self.add_module(group, layer)
        self.width = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pixels: Tensor) -> Tensor:
        """Features, (B, width), of images normalised as ImageNet's, (B, 3, H, W)."""
        x = self.bn1(self.conv1(pixels)).relu()
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        for group in GROUPS:
            x = self.get_submodule(group)(x)
        return x.mean(dim=(2, 3))


def build_resnet(settings: Settings) -> ResNet:
    """A ResNet with random or pretrained weights.

    Raises:
        WeightsError: weights that are missing, broken or of another size.
    """
    resnet = ResNet(settings)
    if settings.pretrained is None:
        return resnet
    weights, wanted = tensors_of(settings.pretrained), resnet.state_dict()
    refuse(
        f"medfuse.image.pretrained: the weights in {settings.pretrained} do not fit",
        [f"{name}: {problem}" for name, problem in misfits(wanted, weights).items()],
        "Name weights of a ResNet of these blocks and width, under torchvision's names.",
    )
    resnet.load_state_dict({name: weights[name] for name in wanted})
    return resnet


def tensors_of(source: str) -> dict[str, Tensor]:
    """The tensors of a .pth file as torchvision gives it, of a folder, or of the hub.

    Raises:
        WeightsError: nothing there, or not weights.
    """
    path = Path(source).expanduser()
    if path.suffix != ".pth":
        return read_weights(local_folder(source, None))
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(
            f"medfuse.image.pretrained: {source} could not be read ({type(error).__name__}). "
            "Give a file of weights such as torchvision's resnet34-b627a593.pth."
        ) from error
