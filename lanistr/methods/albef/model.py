"""ALBEF: text and image are aligned by contrast, then fused; a slower copy of the model teaches.

Shapes: B samples; P of them pairs of a text and an image; Q places of a queue; D a token's width;
E the width in which texts and images are compared.

Source:
    Li et al. 2021, "Align before Fuse". Deviations: rows without an image (or a text) stay out of
    the contrastive and the matching loss and learn masked language modeling alone; an absent image
    is keys of zeros, an absent text one [PAD]; the scores of words are computed where words are
    hidden and nowhere else, which gives the same loss; in a distributed run the queues hold the
    features of the first process, not of all. Hard negatives are of a process' own samples there,
    too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from lanistr.batch import Batch
from lanistr.methods.albef.settings import Albef as Settings
from lanistr.methods.albef.student import Student
from lanistr.methods.method import Model
from lanistr.modality import Modality
from lanistr.models.encoders import Tokens
from lanistr.models.masking import hide_tokens, replace_hidden
from lanistr.models.weights import load_parts

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
COLDEST, HOTTEST = 0.001, 0.5  # bounds of the temperature


class Albef(Model):
    """What pretraining and fine-tuning share: a student, and a teacher that follows it.

    Args:
        student: what is trained.
        settings: of the method.
        epochs: of the run; the teacher's share of the word grows during the first.
    """

    alpha: Tensor

    def __init__(self, student: Student, settings: Settings, epochs: int):
        super().__init__()
        self.student, self.settings, self.epochs = student, settings, epochs
        self.teacher = deepcopy(student).requires_grad_(False)
        self.register_buffer("alpha", torch.zeros(()))

    @torch.no_grad()
    def after_step(self, share: float) -> None:
        """Let the teacher follow the student."""
        pairs = zip(self.teacher.parameters(), self.student.parameters(), strict=True)
        for slow, fast in pairs:
            slow.lerp_(fast, 1 - self.settings.momentum)
        self.alpha.fill_(self.settings.alpha * min(1.0, share * self.epochs))

    def freeze(self, modalities: Iterable[Modality]) -> None:
        """No gradient and no dropout in these encoders; of BERT that is the first half."""
        modalities = set(modalities)
        for half in (self.student, self.teacher):
            half.encoders.freeze(modalities)

    def load_pretrained_part(self, state: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Take encoders and fusion of student and teacher from ALBEF's pretraining.

        Raises:
            WeightsError: a tensor is missing or has another shape.
        """
        for name, half in (("student", self.student), ("teacher", self.teacher)):
            start = f"{name}."
            found = {n.removeprefix(start): t for n, t in state.items() if n.startswith(start)}
            load_parts(half, found, ("encoders", "fusion"))
        return ()


class AlbefForPretraining(Albef):
    """ALBEF with its three losses: contrast (itc), matching (itm) and masked words (mlm)."""

    text_queue: Tensor
    image_queue: Tensor
    oldest: Tensor

    def __init__(self, student: Student, settings: Settings, epochs: int, text_ratio: float):
        super().__init__(student, settings, epochs)
        self.text_ratio = text_ratio
        self.matching = nn.Linear(student.text.width, 2)
        self.temperature = nn.Parameter(torch.tensor(settings.temperature))
        for modality in (TEXT, IMAGE):
            places = torch.randn(settings.queue, settings.embedding)
            self.register_buffer(f"{modality}_queue", functional.normalize(places, dim=1))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """The losses `itc`, `itm` and `mlm`, unweighted.

        In validation there is neither teacher nor queue, whose content differs from epoch to epoch.
        """
        tokens = self.student.encoders(batch)
        paired = (batch.has(TEXT) & batch.has(IMAGE)).nonzero()[:, 0]
        if not (enough := len(paired) > 1):  # a pair alone has nothing to be told apart from
            paired = paired.new_zeros(2)  # counts nothing, but no layer takes an empty batch
        pairs = {modality: each.rows(paired) for modality, each in tokens.items()}
        with torch.no_grad():
            taught = self.teacher.encoders(batch)
            known = self.teacher.features({m: each.rows(paired) for m, each in taught.items()})
        contrast, similarity = self.contrast(self.student.features(pairs), known)
        if self.training and enough:
            self.enqueue(known)
        return {
            "itc": contrast * enough,
            "itm": self.match(pairs, similarity, rng) * enough,
            "mlm": self.name_words(batch, tokens[IMAGE], taught[IMAGE], rng),
        }

    def contrast(
        self, features: Mapping[Modality, Tensor], known: Mapping[Modality, Tensor]
    ) -> tuple[Tensor, dict[Modality, Tensor]]:
        """Tell a text's image, and an image's text, from others of the batch and of the queue.

        Args:
            features: of the student's pairs, (P, E) each.
            known: the teacher's.

        Returns:
            The loss, and how similar each text (image) is to the batch's images (texts), (P, P).
        """
        losses, similarity = [], {}
        own = torch.arange(len(known[TEXT]), device=self.oldest.device)
        for asking, other in ((TEXT, IMAGE), (IMAGE, TEXT)):
            candidates = known[other]
            if self.training:
                candidates = torch.cat([candidates, getattr(self, f"{other}_queue")])
            logits = features[asking] @ candidates.T / self.temperature
            expected = known[asking] @ candidates.T / self.temperature.detach()
            losses.append(self.taught_loss(logits, own, expected))
            similarity[asking] = logits.detach()[:, : len(own)]
        return torch.stack(losses).mean(), similarity

    def match(
        self,
        pairs: Mapping[Modality, Tokens],
        similarity: Mapping[Modality, Tensor],
        rng: torch.Generator,
    ) -> Tensor:
        """Tell a pair from a text with a wrong image and an image with a wrong text.

        The wrong ones are drawn the more often, the more similar they are.
        """
        text, image = pairs[TEXT], pairs[IMAGE]
        wrong_image = image.rows(hard_negatives(similarity[TEXT], rng))
        wrong_text = text.rows(hard_negatives(similarity[IMAGE], rng))
        fused = self.student.fusion(
            together(text, text, wrong_text), together(image, wrong_image, image)
        )
        logits = self.matching(fused.states[:, 0])
        label = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
        label[: len(label) // 3] = 1
        return mean_cross_entropy(logits, label)

    def name_words(
        self, batch: Batch, image: Tokens, taught_image: Tokens, rng: torch.Generator
    ) -> Tensor:
        """Name the hidden words, from the rest of the text and the image if there is one."""
        text = self.student.text
        words = batch.is_token & batch.has(TEXT)[:, None]
        words[:, 0] = False  # [CLS]; unlike LANISTR's, ALBEF's words include [SEP]
        hidden = hide_tokens(words, self.text_ratio, rng)
        vocabulary = text.bert.config.vocab_size
        changed = replace(
            batch,
            tokens=replace_hidden(batch.tokens, hidden, text.mask_token_id, vocabulary, rng),
        )
        logits = self.student.words(changed, image, hidden)
        with torch.no_grad():
            expected = self.teacher.words(changed, taught_image, hidden)
        return self.taught_loss(logits, batch.tokens[hidden], expected)

    def taught_loss(self, logits: Tensor, label: Tensor, expected: Tensor) -> Tensor:
        """Cross entropy, in training in part with what the teacher expects."""
        if not self.training:
            return mean_cross_entropy(logits, label)
        return distilled(logits, label, expected, self.alpha)

    @torch.no_grad()
    def enqueue(self, known: Mapping[Modality, Tensor]) -> None:
        """Put the teacher's features in the places of the oldest; any number of pairs fits."""
        size = self.settings.queue
        new = {modality: each[-size:].float() for modality, each in known.items()}
        places = (self.oldest + torch.arange(len(new[TEXT]), device=self.oldest.device)) % size
        self.text_queue[places] = new[TEXT]
        self.image_queue[places] = new[IMAGE]
        self.oldest.copy_((self.oldest + len(places)) % size)

    @torch.no_grad()
    def after_step(self, share: float) -> None:
        """Let the teacher follow, and keep the temperature within its bounds."""
        super().after_step(share)
        self.temperature.clamp_(COLDEST, HOTTEST)


class AlbefForPrediction(Albef):
    """ALBEF as a classifier: two layers on the fused state of [CLS]."""

    def forward(self, batch: Batch) -> Tensor:
        """Logits, or the standardised number, (B, task.outputs)."""
        return self.student.logits(batch)

    def label_loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The loss of the task; of classes in training in part with what the teacher says."""
        if not (self.training and self.task.chooses):
            return super().label_loss(outputs, batch)
        with torch.no_grad():
            expected = self.teacher.logits(batch)
        return distilled(outputs, batch.target[:, 0].long(), expected, self.alpha)


def together(*parts: Tokens) -> Tokens:
    """The samples of all parts, one after the other."""
    return Tokens(
        torch.cat([each.states for each in parts]), torch.cat([each.is_token for each in parts])
    )


def distilled(logits: Tensor, label: Tensor, expected: Tensor, alpha: Tensor) -> Tensor:
    """Cross entropy with labels and, to a share of alpha, with what a teacher expects.

    Args:
        logits: of the student, (N, classes).
        label: (N,) int64.
        expected: logits of the teacher, (N, classes).
        alpha: from 0, labels alone, to 1.

    >>> logits, label = torch.tensor([[0.0, 0.0]]), torch.tensor([1])
    >>> distilled(logits, label, torch.tensor([[9.0, 0.0]]), torch.tensor(0.4))
    tensor(0.6931)
    """
    soft = mean_cross_entropy(logits, expected.float().softmax(dim=1))
    return mean_cross_entropy(logits, label).lerp(soft, alpha)


def mean_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy with classes or probabilities; of nothing it is 0 with a gradient of 0."""
    total = functional.cross_entropy(logits.float(), target, reduction="sum")
    return total / max(1, len(logits))


def hard_negatives(similarity: Tensor, rng: torch.Generator) -> Tensor:
    """For each row another row's number, drawn with the probability that softmax gives it.

    Args:
        similarity: of rows and columns, whose pairs lie on the diagonal, (P, P); P is above 1.
        rng: where the draws come from.

    Returns:
        (P,) int64.

    >>> similarity = torch.tensor([[9.0, 5.0, -90.0], [-90.0, 9.0, 5.0], [5.0, -90.0, 9.0]])
    >>> hard_negatives(similarity, torch.Generator().manual_seed(0))
    tensor([1, 2, 0])
    """
    same = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    chance = similarity.float().masked_fill(same, -torch.inf).softmax(dim=1)
    draws = torch.multinomial(chance.to(rng.device), 1, generator=rng)
    return draws[:, 0].to(similarity.device)
