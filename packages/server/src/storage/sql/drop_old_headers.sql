-- Sets of headers that no attempt can refer to any more: replaced a day or more before the first day that is kept.
DELETE FROM endpoint_headers
WHERE replaced_at < (
  SELECT to_date(min(right(relname, 8)), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' - interval '1 day'
  FROM pg_class WHERE relname ~ '^attempts_[0-9]{8}$')
