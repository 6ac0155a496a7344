-- Each review once: exact repetitions of a line fall, and the copies that upstream lists under the
-- variants of a product; the copy of the smallest asin stays, so that line order does not matter.
CREATE OR REPLACE TEMP TABLE kept AS
SELECT min(row(asin, content, rowid))[3] AS line
FROM lines
WHERE malformed IS NULL
GROUP BY review_key;
