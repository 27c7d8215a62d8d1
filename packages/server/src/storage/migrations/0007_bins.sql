-- Who signed a request that came to a bin is found out once, when it comes: to try every endpoint on every request each
-- time that somebody looks would cost seconds.
ALTER TABLE bin_requests ADD COLUMN verified_by text;
