"""MIMIC-CXR-JPG: radiographs below files/, and the tables that describe them."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from synthetic import dirt
from synthetic.imaging import PORTABLE, TWO_VIEWS
from synthetic.model import chosen, pick, sigmoid, stream
from synthetic.phantom import finished, phantoms
from synthetic.write import number_text, write_table

RELEASE = "mimic-cxr-2.0.0"
IMAGES_PER_BATCH = 16
SHORT_SIDE_PX = (96, 320)
# Width over height, as of the release's common formats.
ASPECTS = np.array([0.82, 0.83, 0.98, 1.0, 1.2, 1.22])
VIEWS = ("AP", "PA", "LATERAL", "LL")
VIEW_WORDS = {
    "AP": "antero-posterior",
    "PA": "postero-anterior",
    "LATERAL": "lateral",
    "LL": "left lateral",
}
JPEG_QUALITY = 90
COMMENT = b"Synthetic phantom, generated; shows no real patient."
# Labels by the severity at which they become as likely as not; "No Finding" is the rest.
LABEL_AT = {
    "Atelectasis": 0.8,
    "Cardiomegaly": 1.2,
    "Consolidation": 2.6,
    "Edema": 1.7,
    "Enlarged Cardiomediastinum": 4.5,
    "Fracture": 6.0,
    "Lung Lesion": 6.0,
    "Lung Opacity": 1.0,
    "Pleural Effusion": 1.1,
    "Pleural Other": 6.0,
    "Pneumonia": 2.4,
    "Pneumothorax": 4.0,
    "Support Devices": 0.9,
}


def write_cxr(root: Path, seed: int, studies: pl.DataFrame, *, threads: int = 2) -> None:
    """Write the radiographs of all studies that have some, and the four tables.

    Args:
        root: folder of the release.
        seed: of the whole generated data set.
        studies: from `draw_studies`.
        threads: images are independent; their number changes no byte.
    """
    rng = stream(seed, "cxr")
    images = _images(rng, studies.filter(pl.col("images") > 0))
    write_table(root, f"{RELEASE}-metadata", _metadata(rng, images))
    split = _splits(rng, images)
    split = images.join(split, on="subject_id", how="left", maintain_order="left")
    write_table(root, f"{RELEASE}-split", split)
    labels = _labels(rng, images)
    for labeller in ("chexpert", "negbio"):
        write_table(root, f"{RELEASE}-{labeller}", labels)
    unreadable = set(chosen(rng, images.height, dirt.UNDECODABLE).tolist())
    absent = set(chosen(rng, images.height, dirt.NOT_ON_DISK).tolist()) - unreadable
    grain = stream(seed, "grain").normal(0, 5, (1024, 1024)).astype(np.int16)

    def write_batch(batch: int) -> None:
        start = batch * IMAGES_PER_BATCH
        part = images[start : start + IMAGES_PER_BATCH]
        rng = stream(seed, "phantom", batch)
        for number, (path, data) in enumerate(_files(rng, part, grain), start):
            if number in absent:
                continue
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data[: len(data) // 3] if number in unreadable else data)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(write_batch, range(-(-images.height // IMAGES_PER_BATCH))):
            pass


def _images(rng: np.random.Generator, studies: pl.DataFrame) -> pl.DataFrame:
    """One row per radiograph: study, view, size."""
    counts = studies["images"].to_numpy()
    rows = studies[np.repeat(np.arange(studies.height), counts)]
    n = rows.height
    number = pl.int_range(pl.len()).over("study_id")
    side = pick(rng, {"LATERAL": 0.7, "LL": 0.3}, n)
    frontal = pl.when(pl.col("exam") == PORTABLE).then(pl.lit("AP")).otherwise(pl.lit("PA"))
    second = (pl.col("exam") == TWO_VIEWS) & (number == 1)
    unknown = np.zeros(n, dtype=bool)
    unknown[chosen(rng, n, dirt.WITHOUT_VIEW)] = True
    low, high = np.log(SHORT_SIDE_PX)
    short = np.exp(rng.uniform(low, high, n))
    aspect = rng.choice(ASPECTS, n)
    width = np.rint(short * np.maximum(aspect, 1)).astype(int)
    height = np.rint(short / np.minimum(aspect, 1)).astype(int)
    blocks = rng.integers(0, 2**32, (n, 5))
    return rows.with_columns(
        true_view=pl.when(second).then(side).otherwise(frontal),
        dicom_id=pl.Series(["-".join(f"{block:08x}" for block in row) for row in blocks]),
        Rows=height,
        Columns=width,
    ).with_columns(ViewPosition=pl.when(pl.Series(unknown)).then(None).otherwise("true_view"))


def _metadata(rng: np.random.Generator, images: pl.DataFrame) -> pl.DataFrame:
    """The metadata table; StudyTime is a number, so that leading zeros are lost."""
    misnamed = np.zeros(images.height, dtype=bool)
    portable = np.flatnonzero(images["exam"] == PORTABLE)
    misnamed[portable[chosen(rng, len(portable), dirt.AP_CALLED_PA)]] = True
    two_views = pl.Series(misnamed) | (pl.col("exam") != PORTABLE)
    step = pl.when(two_views).then(pl.lit("CHEST (PA AND LAT)")).otherwise(pl.lit(PORTABLE))
    time = pl.from_epoch("time", "s")
    clock = images.select(
        time.dt.hour().cast(pl.Int64) * 10_000
        + time.dt.minute().cast(pl.Int64) * 100
        + time.dt.second()
    ).to_series()
    seconds = np.round(clock.to_numpy() + rng.integers(0, 1000, images.height) / 1000, 3)
    return images.with_columns(
        StudyDate=time.dt.strftime("%Y%m%d"),
        StudyTime=number_text(seconds),
        PerformedProcedureStepDescription=step,
        ProcedureCodeSequence_CodeMeaning=step,
        ViewCodeSequence_CodeMeaning=pl.col("ViewPosition").replace_strict(
            VIEW_WORDS, default=None, return_dtype=pl.String
        ),
        PatientOrientationCodeSequence_CodeMeaning=pick(
            rng, {"Erect": 0.7, "Recumbent": 0.2, "": 0.1}, images.height
        ),
    )


def _splits(rng: np.random.Generator, images: pl.DataFrame) -> pl.DataFrame:
    """The release's own split, by patient."""
    subjects = images.select(pl.col("subject_id").unique(maintain_order=True))
    shares = {"train": 0.97, "validate": 0.012, "test": 0.018}
    return subjects.with_columns(split=pick(rng, shares, subjects.height))


def _labels(rng: np.random.Generator, images: pl.DataFrame) -> pl.DataFrame:
    """Labels of findings by study: 1 present, 0 absent, -1 uncertain, null not mentioned."""
    studies = images.unique("study_id", maintain_order=True)
    kept = np.ones(studies.height, dtype=bool)
    kept[chosen(rng, studies.height, dirt.STUDIES_WITHOUT_LABELS)] = False
    studies = studies.filter(pl.Series(kept))
    severity, n = studies["z_image"].to_numpy(), studies.height
    labels, anything = {}, np.zeros(n, dtype=bool)
    for name, level in LABEL_AT.items():
        present = rng.random(n) < sigmoid(1.6 * (severity - level))
        anything |= present & (name != "Support Devices")
        value = np.where(present, np.where(rng.random(n) < 0.1, "-1.0", "1.0"), "")
        denied = ~present & (rng.random(n) < 0.15)
        labels[name] = pl.Series(np.where(denied, "0.0", value)).replace("", None)
    labels["No Finding"] = pl.Series(np.where(anything, "", "1.0")).replace("", None)
    return studies.select("subject_id", "study_id").with_columns(**labels)


def _files(
    rng: np.random.Generator, images: pl.DataFrame, grain: np.ndarray
) -> list[tuple[str, bytes]]:
    """Path below the root and bytes of each radiograph of a batch."""
    lateral = images["true_view"].is_in(["LATERAL", "LL"]).to_numpy()
    sizes = images.select("Columns", "Rows").to_numpy()
    pictures = phantoms(rng, images["z_image"].to_numpy(), lateral, sizes)
    shift = rng.integers(0, 512, (images.height, 2))
    files = []
    for picture, size, (dx, dy), side, subject, study, dicom in zip(
        pictures, sizes.tolist(), shift, rng.random(images.height) < 0.5,
        images["subject_id"], images["study_id"], images["dicom_id"], strict=True,
    ):  # fmt: skip
        image = finished(picture, tuple(size), grain[dy:, dx:], "R" if side else "L")
        data = io.BytesIO()
        image.save(data, "JPEG", quality=JPEG_QUALITY, comment=COMMENT)
        path = f"files/p{str(subject)[:2]}/p{subject}/s{study}/{dicom}.jpg"
        files.append((path, data.getvalue()))
    return files
