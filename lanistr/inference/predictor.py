"""A trained model with what it takes to ask it about new rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import polars as pl
import torch

from lanistr.data.arrays import ROWS_AT_ONCE
from lanistr.data.samples import Samples, batches, in_order
from lanistr.errors import ConfigError
from lanistr.experiments.config import Experiment
from lanistr.inference.encode import Encoder
from lanistr.inference.rows import Rows, as_table, checked, inputs_of
from lanistr.methods.lanistr.model import LANISTR
from lanistr.methods.method import Model
from lanistr.methods.pretrained import local_folder
from lanistr.modality import Modality
from lanistr.training.predict import outputs

NewRows = pl.DataFrame | Iterable[Mapping[str, Any]]


class Predictor:
    """Answers about rows of which any modality may be absent; see `lanistr.inference.rows`."""

    def __init__(self, model: Model, encoder: Encoder) -> None:
        self.model = model.eval()
        self.encoder = encoder

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        device: torch.device | str = "cpu",
    ) -> Self:
        """A model that `python -m lanistr export` wrote.

        Args:
            source: folder, or the name of a repository of the hub.
            revision: of the repository.
            device: where it is computed.

        Raises:
            WeightsError: files of the model are missing or broken.
            DataContractError: those that tell of the data are.
        """
        folder = local_folder(str(source), revision)
        model = Model.from_pretrained(folder).to(device)
        as_text = model.origin.experiment.data.columns_as_text
        return cls(model, Encoder.read(folder, model.origin.spec, columns_as_text=as_text))

    @property
    def experiment(self) -> Experiment:
        """That trained the model."""
        return self.model.origin.experiment

    @property
    def device(self) -> torch.device:
        """Where the model is computed."""
        return next(self.model.parameters()).device

    def predict(self, rows: NewRows) -> pl.DataFrame:
        """What the model says of each row.

        Args:
            rows: a table, or one mapping per row.

        Returns:
            One row per row, in the same order: `sample_id` where given; `modalities`, what the row
            had, such as "text+image"; and the probability of each class in a column named after
            it, or of a regression the number, `prediction`. All float64.

        Raises:
            DataContractError: columns or values that the model cannot read, or rows without any
                modality.
            ConfigError: the model was only pretrained.
        """
        if self.experiment.stage != "finetune":
            raise ConfigError(
                f"{self.experiment.name} was only pretrained: it has no classes. Export a "
                "fine-tuned run, or use `embed`."
            )
        some = self.read(rows)
        said = [outputs(self.model, self.experiment, samples) for samples in self.samples(some)]
        values = torch.cat([torch.empty(0, self.experiment.outputs).double(), *said]).numpy()
        columns = zip(self.output_names(), values.T, strict=True)
        return some.described().with_columns(pl.Series(name, column) for name, column in columns)

    @torch.no_grad()
    def embed(self, rows: NewRows, modalities: Iterable[Modality] | None = None) -> pl.DataFrame:
        """The fused embedding of each row, of length 1, for `models.retrieval.nearest`.

        Args:
            rows: a table, or one mapping per row.
            modalities: what to look at; None = all that a row has.

        Returns:
            One row per row, in the same order: `sample_id` where given, `modalities`, and
            `embedding`, (D,) float32.

        Raises:
            DataContractError: as in `predict`; also where a row has none of these modalities.
            ConfigError: the method has no fused embedding.
        """
        model = self.model
        if not isinstance(model, LANISTR):
            raise ConfigError(
                f"{self.experiment.name} is a {type(model).__name__}; only LANISTR embeds."
            )
        some = self.read(rows)
        if modalities is not None:
            some = some.only(modalities)
        width = self.experiment.fusion.hidden
        parts = [torch.empty(0, width)]
        for samples in self.samples(some):
            plan = in_order(len(samples), self.experiment.optim.batch_size)
            parts += [model.embed(b.to(self.device)).cpu() for b in batches(samples, plan)]
        vectors = pl.Series("embedding", torch.cat(parts).numpy(), pl.Array(pl.Float32, width))
        return some.described().with_columns(vectors)

    def read(self, rows: NewRows) -> Rows:
        """The rows, checked against what the model reads."""
        some = checked(as_table(rows), inputs_of(self.experiment, self.model.origin.spec))
        self.encoder.check(some)
        return some

    def samples(self, rows: Rows) -> Iterator[Samples]:
        """The rows as batches are made of them, `ROWS_AT_ONCE` at a time."""
        for some in rows.slices(ROWS_AT_ONCE):
            cache = self.encoder.cache(some)
            yield Samples(cache, cache.samples)

    def output_names(self) -> list[str]:
        """The names of the classes, or of the number."""
        if self.experiment.task == "regression":
            return ["prediction"]
        numbers = [f"class {number}" for number in range(self.experiment.classes)]
        return list(self.model.origin.label_names or numbers)
