"""note/discharge: the summary of an admission, written when its outcome is known."""

from pathlib import Path

import numpy as np
import polars as pl

from synthetic import dirt
from synthetic.hosp import comorbidities
from synthetic.model import chosen, stream
from synthetic.population import DAY, HOUR, Population, providers
from synthetic.vocabulary import ELECTIVE_TYPES, conditions
from synthetic.wording import Wording
from synthetic.write import TableWriter

NOTES_PER_CHUNK = 2000
SIGNATURE = "Synthetic summary: generated text that describes no real patient."
# Structural: planned and observation visits often end without a summary in MIMIC-IV-Note.
SUMMARISED, SUMMARISED_IF_PLANNED, SUMMARISED_IF_OBSERVED = 0.9, 0.6, 0.4
SERVICES = {
    "MED": "MEDICINE",
    "OMED": "MEDICINE",
    "CMED": "MEDICINE",
    "NMED": "NEUROLOGY",
    "CSURG": "CARDIOTHORACIC",
    "NSURG": "NEUROSURGERY",
}
DISPOSITIONS = {"HOME": "Home", "HOME HEALTH CARE": "Home With Service", "DIED": "Expired"}
# The hospital course discusses so many chronic conditions.
ISSUES = 3
# 186,138 of 331,794 notes name an author.
WITH_AUTHOR = 0.56


def write_discharge(root: Path, seed: int, population: Population) -> int:
    """Write note/discharge and note/discharge_detail; returns the number of summaries."""
    notes = _summarised(seed, population)
    with (
        TableWriter(root, "note/discharge") as table,
        TableWriter(root, "note/discharge_detail") as details,
    ):
        for chunk, part in enumerate(notes.iter_slices(NOTES_PER_CHUNK)):
            rng = stream(seed, "discharge", chunk)
            listed = comorbidities(seed, part)
            table.append(part.with_columns(text=pl.Series(_texts(rng, part, listed))))
            signed = part.with_columns(
                field_name=pl.lit("author"),
                field_value=providers(rng, part.height),
                field_ordinal=pl.lit(1),
            )
            details.append(signed.filter(pl.Series(rng.random(part.height) < WITH_AUTHOR)))
    return notes.height


def _summarised(seed: int, population: Population) -> pl.DataFrame:
    """Admissions with a summary, and when it was charted (the date alone) and stored."""
    rng = stream(seed, "summaries")
    gender = population.patients.select("subject_id", "gender")
    rows = population.visits.filter(pl.col("hadm_id").is_not_null())
    rows = rows.join(gender, on="subject_id", how="left", maintain_order="left")
    share = (
        pl.when(pl.col("admission_type").is_in(ELECTIVE_TYPES))
        .then(SUMMARISED_IF_PLANNED)
        .when(pl.col("admission_type") == "EU OBSERVATION")
        .then(SUMMARISED_IF_OBSERVED)
        .otherwise(SUMMARISED)
    )
    rows = rows.filter(pl.Series(rng.random(rows.height)) < share)
    n = rows.height
    delay = rng.integers(12, 10 * 24, n) * HOUR + rng.integers(0, 60, n) * 60
    early = chosen(rng, n, dirt.STORED_BEFORE_CHARTED)
    delay[early] = -rng.integers(1, 20, len(early)) * HOUR
    day = pl.col("deathtime").fill_null(pl.col("dischtime")) // DAY * DAY
    first = pl.lit(2) + pl.col("subject_id") % 17
    rows = rows.with_columns(
        note_type=pl.lit("DS"),
        note_seq=first + pl.int_range(pl.len()).over("subject_id"),
        charttime=day,
        storetime=day + delay,
    )
    return rows.with_columns(note_id=pl.format("{}-DS-{}", "subject_id", "note_seq"))


def _texts(rng: np.random.Generator, notes: pl.DataFrame, listed: np.ndarray) -> list[str]:
    """The text of each summary, section by section in the order of the hospital's template."""
    wording = Wording(rng, notes["z_text"].to_numpy())
    names = np.array(conditions("comorbidity")["diagnosis"].to_list())
    history = [list(names[row]) for row in listed]
    vitals, labs = _vitals(wording), _labs(wording)
    said = {
        slot: wording.say(slot)
        for slot in (
            "allergy", "procedure", "onset", "ed_course", "exam", "course", "condition", "death",
            "instructions",
        )
    }  # fmt: skip
    medications = wording.several("medication", 0.3)
    issues = list(zip(*(wording.say("issue") for _ in range(ISSUES)), strict=True))
    second_course, more = wording.say("course"), rng.random(notes.height) < 0.5
    texts = []
    for i, note in enumerate(notes.iter_rows(named=True)):
        phrases = {slot: phrases[i] for slot, phrases in said.items()}
        if more[i] and second_course[i] != phrases["course"]:
            phrases["course"] += "  " + second_course[i]
        phrases |= {"vitals": vitals[i], "labs": labs[i]}
        phrases["issues"] = "\n".join(
            f"# {name}: {issue}" for name, issue in zip(history[i], issues[i], strict=False)
        )
        texts.append(_summary(note, phrases, history[i], medications[i]))
    return texts


def _vitals(wording: Wording) -> list[str]:
    """A line of vital signs on admission."""
    columns = zip(
        wording.number(98.3, 0.1, 0.8, 1),
        wording.number(88, 6, 14),
        wording.number(121, -6, 17),
        wording.number(66, -3, 11),
        wording.number(19, 1.3, 3),
        wording.number(96, -0.7, 2),
        strict=True,
    )
    return [
        f"T {t} HR {hr} BP {sbp}/{dbp} RR {rr} O2 {min(int(o2), 100)}%"
        for t, hr, sbp, dbp, rr, o2 in columns
    ]


def _labs(wording: Wording) -> list[str]:
    """A few result lines as the laboratory system prints them."""
    columns = zip(
        wording.number(10.4, 0.9, 4, 1),
        wording.number(10.8, -0.2, 1.8, 1),
        wording.number(208, -12, 80),
        wording.number(26, 3.5, 13),
        wording.number(1.3, 0.15, 0.6, 1),
        wording.number(138, 0, 4),
        wording.number(2.2, 0.4, 0.9, 1),
        strict=True,
    )
    return [
        f"___ 06:15AM BLOOD WBC-{wbc} Hgb-{hgb}* Plt ___\n"
        f"___ 06:15AM BLOOD Plt ___ Plt-{plt}\n"
        f"___ 06:15AM BLOOD Glucose-___ UreaN-{urea} Creat-{creat} Na-{na} K-___\n"
        f"___ 07:02AM BLOOD Lactate-{lactate}"
        for wbc, hgb, plt, urea, creat, na, lactate in columns
    ]


def _summary(
    note: dict[str, object], phrases: dict[str, str], history: list[str], medications: list[str]
) -> str:
    """One summary in the layout of MIMIC-IV-Note; that of a dead patient says so."""
    died = bool(note["died"])
    who = "woman" if note["gender"] == "F" else "man"
    taken = "\n".join(f"{k}. {name}" for k, name in enumerate(medications, 1)) or "None"
    past = "\n".join(f"- {name}" for name in history) or "None known"
    course = f"{phrases['course']}  {phrases['death']}" if died else phrases["course"]
    sections = {
        "Chief Complaint": note["complaint"],
        "Major Surgical or Invasive Procedure": phrases["procedure"],
        "History of Present Illness": f"___ year old {who} who presents with "
        f"{str(note['complaint']).lower()}.  {phrases['onset']}  {phrases['ed_course']}",
        "Past Medical History": past,
        "Social History": "___",
        "Family History": "Non-contributory.",
        "Physical Exam": f"ADMISSION PHYSICAL EXAM:\nVS: {phrases['vitals']}\n{phrases['exam']}",
        "Pertinent Results": f"ADMISSION LABS:\n{phrases['labs']}",
        "Brief Hospital Course": f"___ year old {who} admitted with {note['diagnosis']}.\n\n"
        f"# {note['diagnosis']}: {course}\n{phrases['issues']}",
        "Medications on Admission": taken,
        "Discharge Medications": "N/A" if died else taken,
        "Discharge Disposition": DISPOSITIONS.get(str(note["discharge_location"]), "Extended Care"),
        "Discharge Diagnosis": note["diagnosis"],
        "Discharge Condition": "Deceased." if died else phrases["condition"],
        "Discharge Instructions": "N/A" if died else phrases["instructions"],
        "Followup Instructions": "___",
    }
    head = (
        " \nName:  ___                     Unit No:   ___\n \n"
        "Admission Date:  ___              Discharge Date:   ___\n \n"
        f"Date of Birth:  ___             Sex:   {note['gender']}\n \n"
        f"Service: {SERVICES.get(str(note['service']), 'SURGERY')}\n \n"
        f"Allergies: \n{phrases['allergy']}\n \nAttending: ___.\n \n"
    )
    body = "\n \n".join(f"{title}:\n{text}" for title, text in sections.items())
    return f"{head}{body}\n \n{SIGNATURE}\n"
