"""A trained model with what it takes to ask it about new rows."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import polars as pl
import torch

from lanistr.data.arrays import ROWS_AT_ONCE
from lanistr.data.samples import Samples, batches, plan_in_order
from lanistr.errors import ConfigError
from lanistr.evaluation.finetuned import Finetuned, read_finetuned, warn_of
from lanistr.experiments.config import Experiment
from lanistr.inference.encode import Encoder
from lanistr.inference.own import read_own
from lanistr.inference.rows import (
    SAMPLE_ID,
    Inputs,
    NewRows,
    Rows,
    checked,
    confined,
    make_table,
    read_table,
)
from lanistr.methods.lanistr.model import LANISTR
from lanistr.methods.method import Model
from lanistr.methods.pretrained import local_folder
from lanistr.modality import Modality
from lanistr.training.predict import answers

log = logging.getLogger(__name__)

SEEN = "modalities_seen"


class Predictor:
    """Answers about rows of which any modality may be absent; see `lanistr.inference.rows`.

    Args:
        model: that is asked.
        encoder: of its new rows.
        finetuned: patterns of modalities that it was shown, and the temperature of its
            probabilities; None = not known.
    """

    def __init__(self, model: Model, encoder: Encoder, finetuned: Finetuned | None = None) -> None:
        self.model = model.eval()
        self.encoder = encoder
        self.finetuned = finetuned

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
        encoder = Encoder.read(folder, model.origin.spec, columns_as_text=as_text)
        finetuned = read_finetuned(folder)
        if finetuned is None and model.origin.spec.task:
            log.warning(
                "%s was exported before models told what fine-tuning had seen: probabilities are "
                "not calibrated, and %s stays empty. Export the run again to have both.",
                source,
                SEEN,
            )
        return cls(model, encoder, finetuned)

    @property
    def experiment(self) -> Experiment:
        """That trained the model."""
        return self.model.origin.experiment

    @property
    def device(self) -> torch.device:
        """Where the model is computed."""
        return next(self.model.parameters()).device

    def predict(
        self,
        rows: NewRows | Path,
        series: NewRows | Path | None = None,
        *,
        pictures: Path | None = None,
        calibrated: bool = True,
    ) -> pl.DataFrame:
        """What the model says of each row; warns where fine-tuning hardly saw rows like these.

        Args:
            rows: file, table, or one mapping per row; of own data as they stand in the files of
                the training data.
            series: measurements of own rows, where the training rows had them.
            pictures: folder that paths of pictures are relative to and must not lead out of; None
                = that of the file of rows, or the working folder.
            calibrated: whether probabilities are under the temperature that was fitted on
                validation samples; False = as the model gives them, and as tables measure them.

        Returns:
            One row per row, in the same order: `sample_id` where given; `modalities`, what the row
            had, such as "text+image"; the probability of each class or label in a column named
            after it, float64; `prediction`, the most probable class or, of a regression, the
            number in its unit (of several labels each stands for itself, so there is none); and
            `modalities_seen`, how often fine-tuning saw rows with just these modalities: "never",
            "rarely" or "often", null where the model does not say.

        Raises:
            DataContractError: columns or values that the model cannot read, or rows without any
                modality.
            ProcessError: own rows are not as those of the training data.
            ConfigError: the model was only pretrained.
        """
        task = self.model.task
        some = self.read(rows, series, pictures)
        said = [answers(self.model, samples) for samples in self.samples(some)]
        values = torch.cat([torch.empty(0, task.outputs).double(), *said]).numpy()
        if calibrated and self.finetuned:
            values = self.finetuned.temper(task, values)
        told = some.described()
        seen = self._seen(told["modalities"])
        if not task.classes:
            return told.with_columns(pl.Series("prediction", values[:, 0]), seen)
        columns = zip(task.classes, values.T, strict=True)
        told = told.with_columns(pl.Series(name, column) for name, column in columns)
        if task.chooses:
            chosen = [task.classes[number] for number in values.argmax(axis=1)]
            told = told.with_columns(pl.Series("prediction", chosen, pl.String))
        return told.with_columns(seen)

    def _seen(self, patterns: pl.Series) -> pl.Series:
        """How often fine-tuning saw the pattern of each row; warns of those hardly seen."""
        if (known := self.finetuned) is None:
            return pl.Series(SEEN, [None] * len(patterns), pl.String)
        if warning := warn_of(known.compare(patterns)):
            log.warning("%s", warning)
        return pl.Series(SEEN, [known.familiarity(each) for each in patterns], pl.String)

    @torch.no_grad()
    def embed(
        self,
        rows: NewRows | Path,
        modalities: Iterable[Modality] | None = None,
        series: NewRows | Path | None = None,
        pictures: Path | None = None,
    ) -> pl.DataFrame:
        """The fused embedding of each row, of length 1, for `models.retrieval.nearest`.

        Args:
            rows: as in `predict`.
            modalities: what to look at; None = all that a row has.
            series: as in `predict`.
            pictures: as in `predict`.

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
        some = self.read(rows, series, pictures)
        if modalities is not None:
            some = some.only(modalities)
        width = self.experiment.fusion.hidden
        parts = [torch.empty(0, width)]
        for samples in self.samples(some):
            plan = plan_in_order(len(samples), self.experiment.optim.batch_size)
            parts += [model.embed(b.to(self.device)).cpu() for b in batches(samples, plan)]
        vectors = pl.Series("embedding", torch.cat(parts).numpy(), pl.Array(pl.Float32, width))
        return some.described().with_columns(vectors)

    def read(
        self,
        rows: NewRows | Path,
        series: NewRows | Path | None = None,
        pictures: Path | None = None,
    ) -> Rows:
        """The rows, checked against what the model reads."""
        inputs = self.encoder.inputs(self.experiment.modalities)
        base = pictures or (rows.parent if isinstance(rows, Path) else Path.cwd())
        some = checked(self._table(rows, series, base, inputs), inputs)
        self.encoder.check(some)
        return some

    def _table(
        self, rows: NewRows | Path, series: NewRows | Path | None, base: Path, inputs: Inputs
    ) -> pl.DataFrame:
        if (description := self.encoder.processor.rows) is None:
            table = read_table(rows) if isinstance(rows, Path) else make_table(rows)
            return confined(table, base)
        table = read_own(rows, description, base, series)
        read = {SAMPLE_ID, *(name for names in inputs.values() for name in names)}
        return table.select(name for name in table.columns if name in read)

    def samples(self, rows: Rows) -> Iterator[Samples]:
        """The rows as batches are made of them, `ROWS_AT_ONCE` at a time."""
        for some in rows.slices(ROWS_AT_ONCE):
            cache = self.encoder.cache(some)
            yield Samples(cache, cache.samples, cache.spec)
