"""Discharge summaries: the template head, and the sections known at admission."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.datasets.mimic.discharge import admission_sections, without_template

HEAD = (
    " \nName:  ___                     Unit No:   ___\n"
    " \nAdmission Date:  ___              Discharge Date:   ___\n"
    " \nDate of Birth:  ___             Sex:   F\n \n"
)
NOTE = (
    HEAD
    + """Service: MEDICINE
 \nAllergies: \nPenicillins
 \nAttending: ___.
 \nChief Complaint:
Shortness of breath
 \nMajor Surgical or Invasive Procedure:
Intubation
 \nHistory of Present Illness:
___ year old woman, discharged last month, who returns with dyspnea.
In the ED: given furosemide.
 \nPast Medical History:
Heart failure
 \nSocial History:
___
Family History:
Father died at ___
 \nPhysical Exam:
ADMISSION PHYSICAL EXAM:
Crackles at both bases
DISCHARGE PHYSICAL EXAM:
Lungs clear
 \nPertinent Results:
Creatinine 2.9
 \nBrief Hospital Course:
She was intubated on the second day and died.
 \nMedications on Admission:
1. Furosemide 40 mg
 \nDischarge Medications:
Morphine
 \nDischarge Disposition:
Expired
 \nFollowup Instructions:
___
"""
)


def test_template_is_removed_and_nothing_else():
    assert without_template(NOTE).startswith("Service: MEDICINE\n")
    assert without_template(NOTE).endswith("Followup Instructions:\n___")


def test_text_without_template_only_loses_white_space_at_its_ends():
    addendum = "\n  ADDENDUM\nThe name: of the drug, Unit No: 4\n"
    assert without_template(addendum) == addendum.strip()


@pytest.mark.parametrize(
    "head",
    [
        "Name: ___ Unit No: ___\n",
        "NAME: ___ UNIT NO: ___\nADMISSION DATE: ___ DISCHARGE DATE: ___\n",
        HEAD.replace("\n", "\r\n"),
        HEAD.replace("\n \n", "\n"),
    ],
)
def test_template_variants(head):
    assert without_template(f"{head}Service: X") == "Service: X"


def test_sections_of_a_whole_note():
    assert admission_sections(NOTE) == (
        "Allergies:\nPenicillins\n\n"
        "Chief Complaint:\nShortness of breath\n\n"
        "History of Present Illness:\n"
        "___ year old woman, discharged last month, who returns with dyspnea.\n"
        "In the ED: given furosemide.\n\n"
        "Past Medical History:\nHeart failure\n\n"
        "Family History:\nFather died at ___\n\n"
        "Physical Exam:\nCrackles at both bases\n\n"
        "Medications on Admission:\n1. Furosemide 40 mg"
    )


@pytest.mark.parametrize(
    "heading",
    [
        "History of Present Illness:",
        "HISTORY OF PRESENT ILLNESS:",
        "  History  of Present Illness :",
        "History of Present Illness",
        "HPI:",
        "# HPI:",
        "**History of Present Illness**:",
    ],
)
def test_headings_are_found_however_they_are_spelt(heading):
    assert admission_sections(f"{heading}\nDyspnea") == "History of Present Illness:\nDyspnea"


def test_text_on_the_line_of_the_heading_counts():
    assert admission_sections("Chief Complaint: fall\nService: X") == "Chief Complaint:\nfall"


@pytest.mark.parametrize(
    "later",
    [
        "DISCHARGE EXAM:\nDEAD",
        "Discharge exam\nDEAD",
        "On discharge: DEAD",
        "PE on D/C: DEAD",
        "Exam at time of death: DEAD",
        "Pronounced DEAD at 3 am",
        "EXPIRED\nDEAD",
        "Pertinent Results:\nDEAD",
        "Physical Exam at Discharge:\nDEAD",
    ],
)
def test_exam_of_the_last_day_is_left_out(later):
    note = f"Physical Exam:\nAlert\n{later}\n"
    assert admission_sections(note) == "Physical Exam:\nAlert"


def test_exam_of_the_first_day_is_found_after_that_of_the_last():
    note = "Physical Exam:\nDischarge exam: weak\nfrail\nAdmission exam:\nAlert"
    assert admission_sections(note) == "Physical Exam:\nAlert"


@pytest.mark.parametrize("later", ["Brief Hospital Course:", "HOSPITAL COURSE", "Addendum:"])
def test_only_medications_are_taken_from_after_the_hospital_course(later):
    note = f"{later}\nDied.\nPast Medical History:\nDEAD\nMedications on Admission:\nAspirin"
    assert admission_sections(note) == "Medications on Admission:\nAspirin"


@pytest.mark.parametrize(
    "note", ["", "No headings here.", "Social History:\n___\n", "Discharge Condition:\nGood"]
)
def test_nothing_known_at_admission_gives_nothing(note):
    assert admission_sections(note) == ""


@given(st.text(max_size=200))
def test_every_line_kept_is_a_line_of_the_note_or_a_heading(note):
    kept = admission_sections(f"HPI:\n{note}\nDischarge Condition: DEAD").splitlines()
    assert all(line.strip() in note or line.endswith(":") for line in kept)
    assert "DEAD" not in kept
