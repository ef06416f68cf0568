-- What each agency obligated in each fiscal year: in all, new money and money taken back apart, and
-- how much of it went to small businesses.
SELECT
    fiscal_year,
    agency_id,
    max(agency_name) AS agency_name,
    count(*) AS actions,
    sum(obligated_amount) AS obligated_amount,
    sum(CASE WHEN obligated_amount > 0 THEN obligated_amount ELSE 0 END) AS obligated,
    sum(CASE WHEN obligated_amount < 0 THEN obligated_amount ELSE 0 END) AS deobligated,
    sum(CASE WHEN business_size = 'S' THEN obligated_amount ELSE 0 END) AS small_business_amount
FROM contracts
GROUP BY fiscal_year, agency_id
