-- DuckDB's own answer to the questions of jobs/pipelines/sparkify, over the same files. Written apart from that job's
-- SQL: where the two differ, one of them is wrong.
create view raw_songs as
select * from read_json('$DATA/song_data/**/*.json', filename = true, format = 'auto', columns = {
    num_songs: 'bigint', artist_id: 'varchar', artist_latitude: 'double', artist_longitude: 'double',
    artist_location: 'varchar', artist_name: 'varchar', song_id: 'varchar', title: 'varchar',
    duration: 'decimal(12,5)', year: 'bigint'});

create view raw_plays as
select *, sessionId || '-' || itemInSession as songplay_id, epoch_ms(ts) as start_time
from read_json('$DATA/log_data/**/*.json', format = 'newline_delimited', columns = {
    artist: 'varchar', firstName: 'varchar', gender: 'varchar', itemInSession: 'bigint', lastName: 'varchar',
    length: 'decimal(12,5)', level: 'varchar', location: 'varchar', page: 'varchar', sessionId: 'bigint',
    song: 'varchar', ts: 'bigint', userAgent: 'varchar', userId: 'varchar'})
where page = 'NextSong';

create view expected_songs as
select song_id, any_value(title) as title, any_value(duration) as duration,
    case when any_value(year) = 0 then null else any_value(year) end as year, any_value(artist_id) as artist_id
from raw_songs group by song_id;

create view expected_artists as
select artist_id, artist_name as name, nullif(artist_location, '') as location, artist_latitude as latitude,
    artist_longitude as longitude
from raw_songs
qualify row_number() over (partition by artist_id order by year desc, song_id, filename) = 1;

create view expected_users as
select userId as user_id, firstName as first_name, lastName as last_name, gender, level
from raw_plays
where (userId, ts, songplay_id) in (
    select (u, (m).ts, (m).id) from (
        select userId as u, max(struct_pack(ts := ts, id := songplay_id)) as m from raw_plays group by userId));

create view expected_songplays as
select songplay_id, start_time::timestamp as start_time, userId as user_id, level,
    (select min(song_id) from raw_songs s
        where s.title = p.song and s.artist_name = p.artist and s.duration = p.length) as song_id,
    (select min_by(artist_id, song_id) from raw_songs s
        where s.title = p.song and s.artist_name = p.artist and s.duration = p.length) as artist_id,
    sessionId as session_id, location, userAgent as user_agent,
    year(start_time)::integer as year, month(start_time)::integer as month
from raw_plays p;

create view expected_time as
select distinct start_time::timestamp as start_time, hour(start_time)::integer as hour, day(start_time)::integer as day,
    week(start_time)::integer as week, isodow(start_time)::integer as weekday, year(start_time)::integer as year,
    month(start_time)::integer as month
from raw_plays;

create view expected_plays_by_weekday as
select isodow(start_time)::integer as weekday, count(*) as plays, count(distinct userId) as listeners,
    count(distinct sessionId) as sessions, count(*) filter (level = 'paid') as paid_plays
from raw_plays group by all;
