"""note/radiology: reports, written within hours of the study, which never know the outcome."""

from pathlib import Path

import numpy as np
import polars as pl

from synthetic import dirt
from synthetic.imaging import PORTABLE, TWO_VIEWS
from synthetic.model import chosen, stream
from synthetic.population import DAY, Population
from synthetic.wording import Wording
from synthetic.write import TableWriter

REPORTS_PER_CHUNK = 5000
SIGNATURE = "Synthetic report: generated text that describes no real patient."
CHEST_FINDINGS = ("devices", "lungs", "edema", "effusion", "heart", "bones")
# The slots of the findings and of the impression, the codes, by examination.
EXAMS = {
    PORTABLE: (CHEST_FINDINGS, "impression", "C11", "71045"),
    TWO_VIEWS: (CHEST_FINDINGS, "impression", "C10", "71046"),
    "CT CHEST W/CONTRAST": (("lungs", "effusion", "heart", "bones"), "impression", "Q411", "71260"),
    "CT HEAD W/O CONTRAST": (("head_findings",), "head_impression", "Q211", "70450"),
    "LIVER OR GALLBLADDER US": (("liver_findings",), "liver_impression", "U21", "76705"),
}


def write_radiology(root: Path, seed: int, population: Population, studies: pl.DataFrame) -> int:
    """Write note/radiology and note/radiology_detail; returns the number of reports."""
    reports = _reports(seed, population, studies)
    with (
        TableWriter(root, "note/radiology") as notes,
        TableWriter(root, "note/radiology_detail") as details,
    ):
        for chunk, part in enumerate(reports.iter_slices(REPORTS_PER_CHUNK)):
            rng = stream(seed, "radiology", chunk)
            notes.append(part.with_columns(text=pl.Series(_texts(rng, part), dtype=pl.String)))
            details.append(_details(part))
    return reports.height


def _reports(seed: int, population: Population, studies: pl.DataFrame) -> pl.DataFrame:
    """Who was reported on when: everything but the text, ordered by patient, visit and time."""
    rng = stream(seed, "reports")
    about = population.visits.join(
        population.patients.select("subject_id", "gender"), on="subject_id", how="left"
    ).select("visit", "gender", "complaint", "z_text", "admittime")
    rows = studies.filter("reported").join(about, on="visit", maintain_order="left")
    n = rows.height
    unlinked = pl.Series(rng.random(n) < dirt.REPORTS_WITHOUT_ADMISSION)
    dictated = np.clip(rng.lognormal(np.log(75), 1.0, n), 4, 30 * 60).astype(np.int64) * 60
    rows = rows.with_columns(
        charttime=pl.col("time") // 60 * 60,
        storetime=pl.col("time") // 60 * 60 + dictated,
        hadm_id=pl.when(unlinked | (pl.col("time") < pl.col("admittime")))
        .then(None)
        .otherwise("hadm_id"),
        note_type=pl.lit("RR"),
    )
    rows = _with_addenda(rng, rows).sort("visit", "charttime", "study_id", maintain_order=True)
    first = pl.lit(2) + pl.col("subject_id") % 19
    rows = rows.with_columns(note_seq=first + pl.int_range(pl.len()).over("subject_id"))
    note_id = pl.format("{}-{}-{}", "subject_id", "note_type", "note_seq")
    return rows.with_columns(note_id=note_id)


def _with_addenda(rng: np.random.Generator, rows: pl.DataFrame) -> pl.DataFrame:
    """Some reports are amended days later."""
    amended = chosen(rng, rows.height, dirt.ADDENDA)
    delay = rng.integers(1, 4, len(amended)) * DAY
    addenda = rows[amended].with_columns(
        pl.col("charttime", "storetime") + delay, note_type=pl.lit("AR")
    )
    return pl.concat([rows, addenda])


def _texts(rng: np.random.Generator, reports: pl.DataFrame) -> list[str]:
    """The text of each report; examinations differ in their slots."""
    texts = np.empty(reports.height, dtype=object)
    for exam in EXAMS:
        rows = np.flatnonzero(reports["exam"] == exam)
        texts[rows] = _of_exam(rng, exam, reports[rows])
    return list(texts)


def _of_exam(rng: np.random.Generator, exam: str, reports: pl.DataFrame) -> list[str]:
    """Reports of one examination; an addendum repeats no findings."""
    finding_slots, impression_slot, *_ = EXAMS[exam]
    wording = Wording(rng, reports["z_text"].to_numpy())
    findings = zip(*(wording.say(slot) for slot in finding_slots), strict=True)
    person = reports["gender"].replace_strict({"F": "woman", "M": "man"})
    columns = zip(
        person, reports["complaint"], reports["note_type"], findings,
        *(wording.say(slot) for slot in ("question", "technique", "comparison", impression_slot)),
        strict=True,
    )  # fmt: skip
    texts = []
    for who, complaint, kind, found, question, technique, comparison, impression in columns:
        if kind == "AR":
            text = f"ADDENDUM  The impression should read: {impression}\n\n{SIGNATURE}\n"
        else:
            text = (
                f"EXAMINATION:  {exam}\n\n"
                f"INDICATION:  ___ year old {who} with {complaint.lower()}  // {question}\n\n"
                f"TECHNIQUE:  {technique if exam == PORTABLE else exam.title()}\n\n"
                f"COMPARISON:  {comparison}\n\n"
                f"FINDINGS: \n\n{_wrapped(found)}\n\n"
                f"IMPRESSION: \n\n{impression}\n\n{SIGNATURE}\n"
            )
        texts.append(text)
    return texts


def _wrapped(sentences: tuple[str, ...]) -> str:
    """Sentences as a paragraph, broken into lines as the reporting system does.

    >>> _wrapped(("The lungs are clear.", "Heart size is normal."))
    'The lungs are clear.  Heart size is normal.'
    """
    lines, line = [], ""
    for sentence in filter(None, sentences):
        if len(line) + len(sentence) > 90:
            lines.append(line)
            line = sentence
        else:
            line = f"{line}  {sentence}" if line else sentence
    return "\n".join([*lines, line]).lstrip("\n")


def _details(reports: pl.DataFrame) -> pl.DataFrame:
    """note/radiology_detail: the examination's name and codes."""
    named = {
        "exam_name": {exam: exam for exam in EXAMS},
        "exam_code": {exam: code for exam, (*_, code, _) in EXAMS.items()},
        "cpt_code": {exam: code for exam, (*_, code) in EXAMS.items()},
    }
    rows = [
        reports.select(
            "note_id",
            "subject_id",
            field_name=pl.lit(field),
            field_value=pl.col("exam").replace_strict(names),
            field_ordinal=pl.lit(1),
        )
        for field, names in named.items()
    ]
    return pl.concat(rows).sort("note_id", "field_name")
