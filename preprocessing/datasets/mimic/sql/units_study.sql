-- Imaging studies with what else there is of the admission during which they were taken.
WITH studies AS (
    SELECT subject_id, study_id, min(study_time) AS study_time
    FROM image_parts
    GROUP BY subject_id, study_id
),
-- Admissions of a patient overlap now and then: the later one counts.
admission_of_study AS (
    SELECT subject_id, study_id, hadm_id, careunit, outcome, has_timeseries, has_tabular
    FROM studies
    JOIN admissions USING (subject_id)
    WHERE study_time BETWEEN admittime AND dischtime
    QUALIFY row_number() OVER (
        PARTITION BY subject_id, study_id ORDER BY admittime DESC, hadm_id DESC
    ) = 1
)
SELECT
    split,
    period,
    coalesce(careunit, 'outside of any known admission') AS careunit,
    outcome,
    true AS has_image,
    coalesce(
        hadm_id IN (SELECT hadm_id FROM note_parts WHERE hadm_id IS NOT NULL), false
    ) AS has_text,
    coalesce(has_timeseries, false) AS has_timeseries,
    coalesce(has_tabular, false) AS has_tabular
FROM studies
LEFT JOIN patients USING (subject_id)
LEFT JOIN admission_of_study USING (subject_id, study_id);
