-- What the samples are made of: identifiers, times and the number of a row within its patient.
-- Reads the views cohort, timeseries_parts, image_parts, note_parts and tabular_parts.

CREATE TEMP TABLE stays AS
SELECT
    stay_id,
    subject_id,
    timeseries_parts.split,
    in_hospital_mortality,
    length_of_stay,
    readmission_30d,
    phenotypes,
    hadm_id,
    admittime,
    intime,
    -- Nothing from later is an input; `least` ignores a missing dischtime.
    least(intime + INTERVAL 48 HOURS, dischtime) AS horizon,
    stay_id IN (SELECT stay_id FROM tabular_parts) AS in_tabular,
    row_number() OVER (PARTITION BY subject_id ORDER BY intime, stay_id) AS number
FROM timeseries_parts
JOIN cohort USING (stay_id, subject_id);

CREATE TEMP TABLE images AS
SELECT
    dicom_id,
    subject_id,
    split,
    study_time,
    view,
    row_number() OVER (PARTITION BY subject_id ORDER BY study_time, dicom_id) AS number
FROM image_parts;

-- A note_id is <subject>-<type>-<sequence>.
CREATE TEMP TABLE notes AS
SELECT
    note_id,
    subject_id,
    split,
    hadm_id,
    charttime,
    coalesce(storetime, charttime) AS readable_from,
    split_part(note_id, '-', 2) AS type,
    try_cast(split_part(note_id, '-', 3) AS INTEGER) AS sequence,
    row_number() OVER (PARTITION BY subject_id ORDER BY charttime, note_id) AS number
FROM note_parts;

-- How many pairs of an image and a note the samples of a patient are made of.
CREATE TEMP MACRO pairs_made(images, notes) AS least(
    images * notes, getvariable('pairing_rounds')::BIGINT * greatest(images, notes)
);
