-- DuckDB's own answer to the questions of jobs/pipelines/stocks, over the same files. Written apart from that job's
-- SQL: where the two differ, one of them is wrong.
create view raw_documents as
select "Meta Data" as meta, "Time Series (Daily)" as series, '$URL' || filename[length('$DATA') + 1:] as delivery
from read_json('$DATA/**/*.json', filename = true, format = 'unstructured', columns = {
    'Meta Data': 'struct("2. Symbol" varchar, "3. Last Refreshed" varchar)',
    'Time Series (Daily)':
        'map(varchar, struct("1. open" varchar, "2. high" varchar, "3. low" varchar, "4. close" varchar, "5. volume" varchar))'});

create view expected_deliveries as
select meta."2. Symbol" as symbol, entry.key::date as date, entry.value."1. open"::decimal(18,4) as open,
    entry.value."2. high"::decimal(18,4) as high, entry.value."3. low"::decimal(18,4) as low,
    entry.value."4. close"::decimal(18,4) as close, entry.value."5. volume"::bigint as volume,
    meta."3. Last Refreshed" as last_refreshed, delivery
from (select meta, delivery, unnest(map_entries(series)) as entry from raw_documents);

create view expected_daily_prices as
select *, year(date)::integer as year
from expected_deliveries
qualify row_number() over (partition by symbol, date order by last_refreshed desc, delivery desc) = 1;

create view expected_monthly_returns as
with months as (
    select symbol, date_trunc('month', date)::date as month, count(*) as trading_days, arg_min(open, date) as open,
        max(high) as high, min(low) as low, arg_max(close, date) as close, sum(volume)::bigint as volume
    from expected_daily_prices group by all)
select *, close::double / lag(close::double) over (partition by symbol order by month) - 1 as gain from months;
