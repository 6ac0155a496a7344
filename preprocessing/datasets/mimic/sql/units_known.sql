-- Who there is: stays, admissions and patients of the shards and, if given, of the raw tables.
-- Reads cohort, timeseries_parts, image_parts, note_parts, tabular_parts, raw_admissions and
-- raw_patients; the last two are empty without a raw root.

-- All stays of the cohort, with the columns that the rules of the samples read.
CREATE OR REPLACE TEMP TABLE stays AS
SELECT
    subject_id,
    hadm_id,
    stay_id,
    split,
    coalesce(careunit, 'unknown') AS careunit,
    admittime,
    dischtime,
    intime,
    least(intime + INTERVAL 48 HOURS, dischtime) AS horizon,
    los_hours,
    in_hospital_mortality AS outcome,
    stay_id IN (SELECT stay_id FROM timeseries_parts) AS has_timeseries,
    stay_id IN (SELECT stay_id FROM tabular_parts) AS has_tabular
FROM cohort;

CREATE TEMP TABLE admissions AS
SELECT
    coalesce(stays.subject_id, raw_admissions.subject_id) AS subject_id,
    hadm_id,
    coalesce(stays.admittime, raw_admissions.admittime) AS admittime,
    coalesce(stays.dischtime, raw_admissions.dischtime, 'infinity'::TIMESTAMP) AS dischtime,
    coalesce(careunit, 'no ICU stay in the cohort') AS careunit,
    coalesce(outcome, hospital_expire_flag) AS outcome,
    coalesce(has_timeseries, false) AS has_timeseries,
    coalesce(has_tabular, false) AS has_tabular
FROM raw_admissions
FULL JOIN stays USING (hadm_id);

CREATE TEMP TABLE patients AS
WITH split_of AS (
    SELECT subject_id, split FROM cohort
    UNION SELECT subject_id, split FROM image_parts
    UNION SELECT subject_id, split FROM note_parts
),
period_of AS (
    SELECT subject_id, any_value(period) AS period FROM cohort GROUP BY subject_id
)
SELECT
    subject_id,
    coalesce(split, 'nothing in the shards') AS split,
    coalesce(anchor_year_group, period) AS period
FROM raw_patients
FULL JOIN split_of USING (subject_id)
LEFT JOIN period_of USING (subject_id);
