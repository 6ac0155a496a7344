-- Patients with what they have at any time; the outcome is that of any admission.
WITH outcomes AS (
    SELECT
        subject_id,
        max(outcome) AS outcome,
        bool_or(has_timeseries) AS has_timeseries,
        bool_or(has_tabular) AS has_tabular
    FROM admissions
    GROUP BY subject_id
)
SELECT
    split,
    period,
    outcome,
    subject_id IN (SELECT subject_id FROM image_parts) AS has_image,
    subject_id IN (SELECT subject_id FROM note_parts) AS has_text,
    coalesce(has_timeseries, false) AS has_timeseries,
    coalesce(has_tabular, false) AS has_tabular
FROM patients
LEFT JOIN outcomes USING (subject_id);
