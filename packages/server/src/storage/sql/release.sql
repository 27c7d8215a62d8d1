-- Hands leased deliveries back, unsent. They keep their place: due_at is untouched.
UPDATE queue SET lease_node = NULL
WHERE ctid = ANY (ARRAY(
  SELECT q.place
  FROM unnest($1::text[], $2::uuid[]) AS given(account_id, id)
  CROSS JOIN LATERAL (
    SELECT ctid AS place FROM queue
    WHERE account_id = given.account_id AND id = given.id AND lease_node = $3
    LIMIT 1
    FOR UPDATE
  ) q
))
