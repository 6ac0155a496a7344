"""A method is a folder: found, configured, built and saved without an edit elsewhere."""

import subprocess
import sys

import pytest

from lanistr.experiments.methods import methods

SETTINGS = '''
"""Settings."""

from pydantic import Field

from lanistr.experiments.architecture import Part
from lanistr.experiments.methods import Method, subsets
from lanistr.modality import Modality


class Bagged(Part):
    """Sections."""

    width: int = Field(3, gt=0, description="Width of the vector.")


METHOD = Method(
    stages={"finetune": subsets([Modality.TEXT])},
    build="lanistr.methods.bagged.model:build_bagged",
    settings=Bagged,
)
'''
MODEL = '''
"""Model."""

import torch
from torch import nn

from lanistr.methods.bagged.settings import Bagged
from lanistr.methods.method import Model


class BagOfWords(Model):
    """Words, added up."""

    def __init__(self, words, width):
        super().__init__()
        self.words, self.head = nn.EmbeddingBag(words, width), nn.Linear(width, 2)

    def forward(self, batch):
        """Logits."""
        return self.head(self.words(batch.ids))

    def freeze(self, modalities):
        """Nothing."""

    def load_pretrained_part(self, state):
        """Nothing."""
        return ()


def build_bagged(experiment, spec):
    """Make it."""
    return BagOfWords(spec.vocab_size, experiment.section(Bagged).width)
'''
CODE = """
import sys
import lanistr.methods
lanistr.methods.__path__.append(sys.argv[1])
from pathlib import Path
from lanistr.batch import InputSpec
from lanistr.experiments.recipes import load_experiment
folder = Path(sys.argv[1])
experiment = load_experiment(folder / "registry.yaml", folder / "recipe.yaml", "bag")
assert "torch" not in sys.modules
assert experiment.bagged.width == 5
from lanistr.methods.build import build
from lanistr.methods.method import Model
spec = InputSpec(
    vocab_size=8, pad_token_id=0, mask_token_id=4, special_token_ids=(0, 1, 2, 3, 4), max_tokens=4,
    image_px=8, series_steps=4, series_values=1, series_variables=1, variable_of_value=(0,),
)
model = build(experiment, spec)
assert model.words.weight.shape == (8, 5)
model.save_pretrained(folder / "saved")
again = Model.from_pretrained(folder / "saved")
assert (again.words.weight == model.words.weight).all()
"""


def test_a_folder_is_all_that_a_method_needs(tmp_path):
    folder = tmp_path / "bagged"
    folder.mkdir()
    for name, text in {"__init__": '"""Bag."""', "settings": SETTINGS, "model": MODEL}.items():
        (folder / f"{name}.py").write_text(text)
    (tmp_path / "registry.yaml").write_text(
        "bag: {stage: finetune, method: bagged, dataset: mimic, modalities: [text]}"
    )
    (tmp_path / "recipe.yaml").write_text(
        "methods: {bagged: {bagged: {width: 5}}}\nfinetune: {optim: {epochs: 1, batch_size: 2}}"
    )
    done = subprocess.run([sys.executable, "-c", CODE, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", methods())
def test_a_method_can_be_made_or_trains_itself(name):
    method = methods()[name]
    assert (method.build is None) != (method.trainer is None)
    assert "finetune" in method.stages
