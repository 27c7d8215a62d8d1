-- Events that were refused at $1. What a newer contract may accept is tried again for $2 seconds after the first refusal: first after
-- $3 seconds, then each time after twice as long, and a last time at the end. The others are given as arrays.
UPDATE scheduled_events s
SET error = json_build_object('code', refused.code, 'detail', refused.detail),
    refused_at = coalesce(s.refused_at, $1::timestamptz),
    next_try_at = CASE
      WHEN refused.may_fit_later AND $1::timestamptz < coalesce(s.refused_at, $1) + make_interval(secs => $2)
      THEN least($1::timestamptz + greatest($1::timestamptz - coalesce(s.refused_at, $1), make_interval(secs => $3)),
                 coalesce(s.refused_at, $1) + make_interval(secs => $2))
      ELSE 'infinity' END
FROM unnest($4::text[], $5::uuid[], $6::text[], $7::text[], $8::bool[]) AS refused(account_id, id, code, detail, may_fit_later)
WHERE s.account_id = refused.account_id AND s.id = refused.id
