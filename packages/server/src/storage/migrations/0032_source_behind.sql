-- How many messages wait at the source, as the node has asked last; NULL: it has not said.
ALTER TABLE source_states ADD COLUMN behind bigint;
