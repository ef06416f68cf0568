-- One row a moment at which a play began, with its parts. Weeks and weekdays are those of ISO 8601: Monday is 1.
SELECT
    start_time,
    CAST(date_part('hour', start_time) AS INT) AS hour,
    CAST(date_part('day', start_time) AS INT) AS day,
    CAST(date_part('week', start_time) AS INT) AS week,
    CAST(date_part('isodow', start_time) AS INT) AS weekday,
    year,
    month
FROM (SELECT DISTINCT start_time, year, month FROM songplays)
