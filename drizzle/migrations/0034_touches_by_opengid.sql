-- concurrently
-- Whoever learns which chat a group is looks up the touches that named it. Built partition by partition, each in a
-- transaction of its own: only one month's touches cannot be written at a time, and only as long as they are read once.
CREATE INDEX IF NOT EXISTS "touches_by_opengid" ON ONLY "touches" USING btree ("brand_id","opengid","at") WHERE opengid IS NOT NULL;
--> statement-breakpoint
DO $$
DECLARE
	partition name;
BEGIN
	FOREACH partition IN ARRAY ARRAY(
		SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'touches'::regclass ORDER BY c.relname
	) LOOP
		EXECUTE format(
			'CREATE INDEX IF NOT EXISTS %I ON %I USING btree (brand_id, opengid, at) WHERE opengid IS NOT NULL',
			partition || '_by_opengid', partition);
		EXECUTE format('ALTER INDEX touches_by_opengid ATTACH PARTITION %I', partition || '_by_opengid');
		COMMIT;
	END LOOP;
END $$;
