-- All rows of one bucket, without regard to stays: the reference looks for duplicates among all
-- rows of a patient (2.4.5) and lets stays share rows afterwards (times_shared.sql).
CREATE OR REPLACE TEMP VIEW placed AS
SELECT
    source,
    subject_id AS owner,
    stay_id,
    itemid,
    charttime,
    value,
    is_number,
    NULL::VARCHAR AS reason
FROM typed;
