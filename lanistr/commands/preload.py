# ruff: noqa: F401
"""All that a training imports sooner or later, for a process from which trainings are forked.

But for polars, whose import starts threads; a fork would lack them.
"""

import torch._dynamo  # by the first optimiser
from transformers import BertModel, FlavaMultimodalModel, ViTModel

import commandline
import lanistr.commands.training
import lanistr.experiments.recipes
import lanistr.methods.lanistr.model
import lanistr.methods.latefusion.model
import lanistr.training.run
