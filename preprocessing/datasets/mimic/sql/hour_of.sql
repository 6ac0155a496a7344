-- The hour of the stay in which a time lies, 0 to 47; null outside of the first 48 hours.
--
-- closed: hour k is (k, k+1], and both 0.0 and 48.0 count; in the reference's floating point,
-- whose margin of 1e-6 h is below the second to which MIMIC's times are kept (2.5, 2.6).
CREATE OR REPLACE MACRO hours_between(charttime, intime) AS
    (epoch_us(charttime) - epoch_us(intime)) / 1e6 / 60e0 / 60e0;

CREATE OR REPLACE MACRO hour_of(charttime, intime) AS
    CASE
        WHEN getvariable('boundary') = 'half_open' THEN
            CASE
                WHEN charttime >= intime AND charttime < intime + INTERVAL 48 HOUR
                    THEN CAST(floor(hours_between(charttime, intime)) AS INTEGER)
            END
        WHEN hours_between(charttime, intime) > -1e-6
            AND hours_between(charttime, intime) < 48 + 1e-6
            -- Truncated, not floored: the reference's int(-1e-6) is 0.
            THEN CAST(trunc(hours_between(charttime, intime) - 1e-6) AS INTEGER)
    END;
