"""The categories of MIMIC-IV 2.2 with roughly the shares they have there."""

from functools import cache

import polars as pl

from synthetic.write import packaged_table

PERIODS = {"2008 - 2010": 0.36, "2011 - 2013": 0.23, "2014 - 2016": 0.22, "2017 - 2019": 0.19}
# MIMIC-CXR covers emergency patients of 2011 to 2016.
CXR_PERIODS = ("2011 - 2013", "2014 - 2016")

EMERGENCY_TYPES = {
    "EW EMER.": 0.62,
    "OBSERVATION ADMIT": 0.2,
    "URGENT": 0.1,
    "EU OBSERVATION": 0.08,
}
PLANNED_TYPES = {
    "URGENT": 0.36,
    "SURGICAL SAME DAY ADMISSION": 0.3,
    "ELECTIVE": 0.14,
    "DIRECT EMER.": 0.16,
    "DIRECT OBSERVATION": 0.02,
    "AMBULATORY OBSERVATION": 0.02,
}
ELECTIVE_TYPES = ("SURGICAL SAME DAY ADMISSION", "ELECTIVE")
EMERGENCY_LOCATIONS = {
    "EMERGENCY ROOM": 0.8,
    "WALK-IN/SELF REFERRAL": 0.12,
    "CLINIC REFERRAL": 0.08,
}
PLANNED_LOCATIONS = {
    "PHYSICIAN REFERRAL": 0.5,
    "TRANSFER FROM HOSPITAL": 0.36,
    "TRANSFER FROM SKILLED NURSING FACILITY": 0.04,
    "PROCEDURE SITE": 0.05,
    "PACU": 0.03,
    "INTERNAL TRANSFER TO OR FROM PSYCH": 0.01,
    "INFORMATION NOT AVAILABLE": 0.01,
}
DISCHARGE_LOCATIONS = {
    "HOME": 0.33,
    "HOME HEALTH CARE": 0.26,
    "SKILLED NURSING FACILITY": 0.16,
    "REHAB": 0.07,
    "CHRONIC/LONG TERM ACUTE CARE": 0.04,
    "HOSPICE": 0.02,
    "AGAINST ADVICE": 0.01,
    "PSYCH FACILITY": 0.005,
    "ACUTE HOSPITAL": 0.005,
    "": 0.1,
}
INSURANCE = {"Other": 0.5, "Medicare": 0.42, "Medicaid": 0.08}
LANGUAGE = {"ENGLISH": 0.9, "?": 0.1}
MARITAL = {"MARRIED": 0.44, "SINGLE": 0.31, "WIDOWED": 0.12, "DIVORCED": 0.08, "": 0.05}
RACE = {
    "WHITE": 0.6,
    "BLACK/AFRICAN AMERICAN": 0.12,
    "UNKNOWN": 0.06,
    "OTHER": 0.04,
    "WHITE - OTHER EUROPEAN": 0.02,
    "WHITE - RUSSIAN": 0.015,
    "WHITE - EASTERN EUROPEAN": 0.005,
    "WHITE - BRAZILIAN": 0.005,
    "ASIAN": 0.02,
    "ASIAN - CHINESE": 0.015,
    "ASIAN - SOUTH EAST ASIAN": 0.005,
    "ASIAN - ASIAN INDIAN": 0.003,
    "ASIAN - KOREAN": 0.002,
    "HISPANIC/LATINO - PUERTO RICAN": 0.015,
    "HISPANIC/LATINO - DOMINICAN": 0.01,
    "HISPANIC/LATINO - GUATEMALAN": 0.003,
    "HISPANIC/LATINO - SALVADORAN": 0.003,
    "HISPANIC/LATINO - CUBAN": 0.002,
    "HISPANIC OR LATINO": 0.01,
    "BLACK/CAPE VERDEAN": 0.01,
    "BLACK/AFRICAN": 0.006,
    "BLACK/CARIBBEAN ISLAND": 0.006,
    "PORTUGUESE": 0.005,
    "SOUTH AMERICAN": 0.002,
    "AMERICAN INDIAN/ALASKA NATIVE": 0.002,
    "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER": 0.001,
    "MULTIPLE RACE/ETHNICITY": 0.002,
    "UNABLE TO OBTAIN": 0.015,
    "PATIENT DECLINED TO ANSWER": 0.01,
}

MICU = "Medical Intensive Care Unit (MICU)"
MIXED = "Medical/Surgical Intensive Care Unit (MICU/SICU)"
SICU = "Surgical Intensive Care Unit (SICU)"
NEURO = "Neuro Surgical Intensive Care Unit (Neuro SICU)"
UNITS_OF_SERVICE = {
    "MED": (MICU, MIXED),
    "OMED": (MICU, MIXED),
    "CMED": ("Coronary Care Unit (CCU)", MICU),
    "CSURG": ("Cardiac Vascular Intensive Care Unit (CVICU)", SICU),
    "VSURG": ("Cardiac Vascular Intensive Care Unit (CVICU)", SICU),
    "SURG": (SICU, MIXED),
    "TRAUM": ("Trauma SICU (TSICU)", SICU),
    "NSURG": (NEURO, "Trauma SICU (TSICU)"),
    "NMED": (NEURO, MICU),
}
WARDS = {"Medicine": 0.4, "Med/Surg": 0.2, "Medicine/Cardiology": 0.15, "Transplant": 0.1}
WARDS |= {"Neurology": 0.1, "Hematology/Oncology": 0.05}


@cache
def conditions(*kinds: str) -> pl.DataFrame:
    """The rows of `conditions.tsv` of these kinds, in file order."""
    return packaged_table("conditions.tsv").filter(pl.col("kind").is_in(kinds)).fill_null("")
