-- Finished deliveries by time and outcome, in buckets of whole hours ($5 milliseconds), as they were counted.
SELECT floor(extract(epoch FROM at) * 1000 / $5::bigint)::bigint * $5::bigint AS at,
       sum(succeeded) AS succeeded, sum(discarded) AS discarded, sum(skipped) AS skipped
FROM delivery_hours
WHERE ($1::text IS NULL OR account_id = $1) AND ($2::uuid IS NULL OR endpoint_id = $2) AND at >= $3 AND at < $4
GROUP BY 1
