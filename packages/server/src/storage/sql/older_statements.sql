-- Whether a statement of ours ($1: a pattern for the connection's name) is still under way that may have begun before the
-- transaction $2 was committed, and does not know of it. It is asked for in a statement of its own: what such a one has
-- stored is seen only by statements that begin after it has ended.
SELECT EXISTS (
  SELECT FROM pg_stat_activity s
  WHERE s.datname = current_database() AND s.application_name LIKE $1 AND s.pid <> pg_backend_pid()
    AND age(s.backend_xmin) >= age($2::xid8::xid)) AS are_running
