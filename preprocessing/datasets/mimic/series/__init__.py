"""The steps from raw events to hourly values, put together by `timeseries.py` above."""
