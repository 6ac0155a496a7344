"""A trained model with what it takes to ask it about new rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import polars as pl
import torch

from lanistr.data.arrays import ROWS_AT_ONCE
from lanistr.data.samples import Samples, batches, plan_in_order
from lanistr.errors import ConfigError
from lanistr.experiments.config import Experiment
from lanistr.inference.encode import Encoder
from lanistr.inference.own import read_own
from lanistr.inference.rows import (
    SAMPLE_ID,
    Inputs,
    NewRows,
    Rows,
    checked,
    make_table,
    read_table,
)
from lanistr.methods.lanistr.model import LANISTR
from lanistr.methods.method import Model
from lanistr.methods.pretrained import local_folder
from lanistr.modality import Modality
from lanistr.training.predict import answers


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

    def predict(self, rows: NewRows | Path, series: NewRows | Path | None = None) -> pl.DataFrame:
        """What the model says of each row.

        Args:
            rows: file, table, or one mapping per row; of own data as they stand in the files of
                the training data.
            series: measurements of own rows, where the training rows had them.

        Returns:
            One row per row, in the same order: `sample_id` where given; `modalities`, what the row
            had, such as "text+image"; the probability of each class or label in a column named
            after it, float64; and `prediction`, the most probable class or, of a regression, the
            number in its unit. Of several labels each stands for itself, so there is none.

        Raises:
            DataContractError: columns or values that the model cannot read, or rows without any
                modality.
            ProcessError: own rows are not as those of the training data.
            ConfigError: the model was only pretrained.
        """
        task = self.model.task
        some = self.read(rows, series)
        said = [answers(self.model, samples) for samples in self.samples(some)]
        values = torch.cat([torch.empty(0, task.outputs).double(), *said]).numpy()
        if not task.classes:
            return some.described().with_columns(pl.Series("prediction", values[:, 0]))
        columns = zip(task.classes, values.T, strict=True)
        told = some.described().with_columns(pl.Series(name, column) for name, column in columns)
        if not task.chooses:
            return told
        chosen = [task.classes[number] for number in values.argmax(axis=1)]
        return told.with_columns(pl.Series("prediction", chosen, pl.String))

    @torch.no_grad()
    def embed(
        self,
        rows: NewRows | Path,
        modalities: Iterable[Modality] | None = None,
        series: NewRows | Path | None = None,
    ) -> pl.DataFrame:
        """The fused embedding of each row, of length 1, for `models.retrieval.nearest`.

        Args:
            rows: as in `predict`.
            modalities: what to look at; None = all that a row has.
            series: as in `predict`.

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
        some = self.read(rows, series)
        if modalities is not None:
            some = some.only(modalities)
        width = self.experiment.fusion.hidden
        parts = [torch.empty(0, width)]
        for samples in self.samples(some):
            plan = plan_in_order(len(samples), self.experiment.optim.batch_size)
            parts += [model.embed(b.to(self.device)).cpu() for b in batches(samples, plan)]
        vectors = pl.Series("embedding", torch.cat(parts).numpy(), pl.Array(pl.Float32, width))
        return some.described().with_columns(vectors)

    def read(self, rows: NewRows | Path, series: NewRows | Path | None = None) -> Rows:
        """The rows, checked against what the model reads."""
        inputs = self.encoder.inputs(self.experiment.modalities)
        some = checked(self._table(rows, series, inputs), inputs)
        self.encoder.check(some)
        return some

    def _table(
        self, rows: NewRows | Path, series: NewRows | Path | None, inputs: Inputs
    ) -> pl.DataFrame:
        if (description := self.encoder.processor.rows) is None:
            return read_table(rows) if isinstance(rows, Path) else make_table(rows)
        table = read_own(rows, description, series)
        read = {SAMPLE_ID, *(name for names in inputs.values() for name in names)}
        return table.select(name for name in table.columns if name in read)

    def samples(self, rows: Rows) -> Iterator[Samples]:
        """The rows as batches are made of them, `ROWS_AT_ONCE` at a time."""
        for some in rows.slices(ROWS_AT_ONCE):
            cache = self.encoder.cache(some)
            yield Samples(cache, cache.samples, cache.spec)
