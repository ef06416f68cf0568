-- How much is listened to on each day of the week, and by how many.
SELECT
    t.weekday,
    count(*) AS plays,
    count(DISTINCT p.user_id) AS listeners,
    count(DISTINCT p.session_id) AS sessions,
    sum(CASE WHEN p.level = 'paid' THEN 1 ELSE 0 END) AS paid_plays
FROM songplays p
JOIN time t ON t.start_time = p.start_time
GROUP BY t.weekday
