-- What is sent to the `url` of an account's notices: a signed event, or what chats take (Slack, and others that read the same).
ALTER TABLE account_notices ADD COLUMN format text NOT NULL DEFAULT 'standard' CHECK (format IN ('standard', 'slack'));
