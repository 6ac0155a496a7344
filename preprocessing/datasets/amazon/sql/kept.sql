-- Each review once: exact repetitions of a line fall, and the copies that upstream lists under the
-- variants of a product; the copy of the smallest asin stays, so that line order does not matter.
-- What the smallest is of cannot be written to disk while it is looked for: $slice of $slices.
INSERT INTO kept
SELECT min(row(asin, content, rowid))[3] AS line
FROM lines
WHERE malformed IS NULL AND hash(review_key) % $slices = $slice
GROUP BY review_key;
