-- Who sits in front of a page session, as the product named them: the audit log says so.
ALTER TABLE page_sessions ADD COLUMN user_name text;
ALTER TABLE audit_log ADD COLUMN user_name text;
