-- The rows of one bucket; every value is the text that was charted.
--
-- Reads the view bucket_events.
CREATE OR REPLACE TEMP VIEW typed AS
SELECT *, false AS is_number FROM bucket_events;
