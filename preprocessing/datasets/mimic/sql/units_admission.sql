-- Admissions with what was made between admission and discharge.
SELECT
    split,
    period,
    careunit,
    outcome,
    hadm_id IN (
        SELECT hadm_id
        FROM admissions
        JOIN image_parts USING (subject_id)
        WHERE study_time BETWEEN admittime AND dischtime
    ) AS has_image,
    hadm_id IN (SELECT hadm_id FROM note_parts WHERE hadm_id IS NOT NULL) AS has_text,
    has_timeseries,
    has_tabular
FROM admissions
LEFT JOIN patients USING (subject_id);
