-- One row a day and share in each file that was delivered.
SELECT symbol, date, open, high, low, close, volume, last_refreshed, _hw_file AS delivery
FROM daily
