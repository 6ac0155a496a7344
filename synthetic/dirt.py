"""The dirt that real MIMIC has, each kind with its share and the reason for it.

Shares are of the rows named; where MIMIC's own share is so small that a small data set would
have none, it is raised. `chosen` takes at least one row of each.
"""

# --- hosp -----------------------------------------------------------------------------------
# Rows of labevents without hadm_id: 58.1 of 118.2 million have one.
LABS_WITHOUT_ADMISSION = 0.5
# Of the rows drawn during an admission; most of the nulls are from outpatients.
INPATIENT_LABS_WITHOUT_ADMISSION = 0.1
# Rows of labevents whose value is text: ">500", "NEG", "___", "ERROR", nothing.
LABS_AS_TEXT = 0.004
# Survivors with a dod within a year of discharge (dod counts deaths out of hospital since v2.0),
# and those whose dod is the very day of discharge.
DIED_LATER, DIED_ON_DISCHARGE_DAY = 0.2, 0.008
# In-hospital deaths whose dischtime is midnight before the deathtime (3 of 15 in the demo).
DISCHARGED_AT_MIDNIGHT = 0.1
# Consecutive admissions of a patient that overlap (mimic-code#1520).
OVERLAPPING_ADMISSIONS = 0.01
# MIMIC-IV has adults only; these two in a thousand keep the age filter honest.
MINORS = 0.002
# Admissions that were never coded: no row in diagnoses_icd.
WITHOUT_DIAGNOSIS = 0.004

# --- icu ------------------------------------------------------------------------------------
TRANSFERRED_STAYS = 0.12
TWO_STAYS = 0.08
# 65 of 73,181 stays have outtime < intime (mimic-code#1288).
OUT_BEFORE_IN = 0.003
# Rows of chartevents outside the stay: 407,966 of 313.6 million (mimic-code#1961).
CHARTED_OUTSIDE = 0.002
# 106 rows of 35 stays are off by a year (mimic-code#1694).
CHARTED_YEAR_OFF = 0.0003
# Of the rows of admissions with two stays, those that name the other stay.
CHARTED_ON_OTHER_STAY = 0.02
# The same item twice at one charttime: 2,860 of the demo's 80,854 extracted rows lose to another.
CHARTED_TWICE = 0.02
# Sentinels and slips of the finger, up to 1e7 in MIMIC (mimic-code#2168).
CHARTED_OUT_OF_RANGE = 0.002
OUT_OF_RANGE_VALUES = (999999.0, 1e6, 9999.0, 0.0, -1.0, 1e5)
# Rows of chartevents without a value.
CHARTED_NOTHING = 0.003
# FiO2 is a percentage, but some enter the fraction.
FIO2_AS_FRACTION = 0.2
# Stays whose temperature is charted in °C; the others use °F.
STAYS_IN_CELSIUS = 0.15
# Temperatures entered in the unit of the other item.
WRONG_TEMPERATURE_UNIT = 0.004
# Stays whose height is charted in inches alone, without the row in cm.
INCHES_ALONE = 0.25
# Late entries, stored a day or two after charttime; all others within two hours.
STORED_LATE = 0.01

# --- notes ----------------------------------------------------------------------------------
# Radiology reports during an admission that lack its hadm_id.
REPORTS_WITHOUT_ADMISSION = 0.12
# 2,905 of 331,794 discharge notes have storetime < charttime (mimic-code#1817).
STORED_BEFORE_CHARTED = 0.009
ADDENDA = 0.02

# --- radiographs ----------------------------------------------------------------------------
# 15,769 of 377,110 images.
WITHOUT_VIEW = 0.04
# 22,043 of 147,169 AP images are described as "CHEST (PA AND LAT)" (mimic-code#1513).
AP_CALLED_PA = 0.15
UNDECODABLE, NOT_ON_DISK = 0.002, 0.001
# 8 of 227,835 studies have no labels.
STUDIES_WITHOUT_LABELS = 0.002
