"""The text of a discharge summary: its template head, and the sections known at admission."""

import re
from typing import NamedTuple

TEMPLATE = re.compile(
    r"\A\s*Name:[^\n]*Unit No:[^\n]*\n"
    r"(?:\s*Admission Date:[^\n]*\n)?"
    r"(?:\s*Date of Birth:[^\n]*(?:\n|\Z))?",
    re.IGNORECASE,
)

# What a section is headed in practice, in lower case letters only, and what we call it.
_ALIASES = {
    "Allergies": ("allergies", "allergy"),
    "Chief Complaint": ("chief complaint", "cc", "reason for admission", "presenting complaint"),
    "History of Present Illness": ("history of present illness", "hpi", "present illness"),
    "Past Medical History": (
        "past medical history",
        "pmh",
        "pmhx",
        "past medical and surgical history",
        "past medical surgical history",
        "past surgical history",
        "psh",
    ),
    "Social History": ("social history", "sh", "social hx"),
    "Family History": ("family history", "fh", "family hx"),
    "Physical Exam": (
        "physical exam",
        "physical examination",
        "admission exam",
        "admission pe",
        "admission physical exam",
        "admission physical examination",
        "exam on admission",
        "pe on admission",
        "physical exam on admission",
        "physical examination on admission",
    ),
    "Medications on Admission": (
        "medications on admission",
        "medication on admission",
        "meds on admission",
        "admission medications",
        "home medications",
        "preadmission medications",
        "medications prior to admission",
    ),
}
ADMISSION_TITLES = {alias: title for title, aliases in _ALIASES.items() for alias in aliases}

MEDICATIONS, EXAM = "Medications on Admission", "Physical Exam"

# They end a section, but more of the admission may follow.
OTHER_HEADINGS = frozenset(
    {"service", "attending", "major surgical or invasive procedure", "review of systems", "ros"}
)
# Written about the stay itself or its end; a heading counts if it begins with one of these.
LATER_HEADINGS = (
    "pertinent results",
    "brief hospital course",
    "hospital course",
    "summary of hospital course",
    "course in hospital",
    "active issues",
    "acute issues",
    "transitional issues",
    "discharge medications",
    "discharge disposition",
    "discharge diagnos",
    "discharge condition",
    "discharge instructions",
    "facility",
    "followup instructions",
    "follow up instructions",
    "addendum",
)
LONGEST_HEADING = 60

# The exam of the last day stands in the same section as that of the first, or beside it.
LAST_DAY = re.compile(
    r"discharge|\bd/c\b|\bdeath\b|deceased|\bexpired\b|pronounced|autopsy", re.IGNORECASE
)
_WORD = re.compile("[a-z0-9]+")


class Heading(NamedTuple):
    """A line that heads a section."""

    title: str | None  # of a section of the admission; None: of any other
    later: bool  # True: from here on the note is about the stay
    rest: str  # what stands on the same line, after the colon


def without_template(text: str) -> str:
    r"""The note from after its Name, Admission Date and Date of Birth lines, where it has them.

    Source: official code, load_data.py:153. Deviation: it cuts 140 characters off every note,
    whatever they are; here the template is recognised.

    >>> without_template("Name:  ___   Unit No:   ___\n \nAdmission Date:  ___\n \nService: X\n")
    'Service: X'
    """
    return TEMPLATE.sub("", text).strip()


def admission_sections(text: str) -> str:
    r"""The sections that could have been written at admission, under uniform headings.

    A section ends at the next known heading, and at any heading that speaks of discharge or
    death. After a heading of the stay itself, only the medications on admission are still taken.
    The exam also ends at the first line that speaks of discharge or death. Sections without a
    letter, such as `___`, are left out.

    What this cannot do: the author knew the outcome, and may hint at it in any section.

    Returns:
        The sections in the order of the note; empty if it has none of them.

    >>> note = "Chief Complaint:\nChest pain\n\nBrief Hospital Course:\nDied.\n"
    >>> admission_sections(note)
    'Chief Complaint:\nChest pain'
    """
    sections: list[tuple[str, list[str]]] = []
    title, later = None, False
    for line in text.splitlines():
        heading = _heading(line)
        if heading is not None:
            later = later or heading.later
            title = None if later and heading.title != MEDICATIONS else heading.title
            line = heading.rest
            if title is not None:
                sections.append((title, []))
        if title == EXAM and LAST_DAY.search(line):
            title = None
        if title is not None:
            sections[-1][1].append(line)
    bodies = [(title, "\n".join(lines).strip()) for title, lines in sections]
    return "\n\n".join(f"{title}:\n{body}" for title, body in bodies if _says_something(body))


def _heading(line: str) -> Heading | None:
    head, colon, rest = line.partition(":")
    if len(head) > LONGEST_HEADING:
        return None
    name = " ".join(_WORD.findall(head.lower()))
    # Abbreviations occur in running text, so they head a section only with a colon.
    if name in ADMISSION_TITLES and (colon or len(name) > 4):
        return Heading(ADMISSION_TITLES[name], False, rest)
    if name.startswith(LATER_HEADINGS) if colon else name in LATER_HEADINGS:
        return Heading(None, True, rest)
    if colon and (name in OTHER_HEADINGS or LAST_DAY.search(head)):
        return Heading(None, False, rest)
    return None


def _says_something(body: str) -> bool:
    return any(character.isalpha() for character in body)
