-- Of these lanes ($1), those with due deliveries that their owner does not have in memory ($2).
SELECT l.endpoint_id FROM unnest($1::uuid[]) AS l(endpoint_id)
WHERE EXISTS (
  SELECT FROM queue q WHERE q.endpoint_id = l.endpoint_id AND q.due_at <= $3
    AND q.id NOT IN (SELECT held.id FROM unnest($2::uuid[]) AS held(id)))
