-- concurrently
-- The audit of monthly bonuses reads a month's ledger rows in one piece. Built partition by partition, each in a
-- transaction of its own: only one month's rows cannot be written to at a time, and only as long as they are read once.
CREATE INDEX IF NOT EXISTS "ledger_rows_by_month" ON ONLY "ledger_rows" USING btree ("brand_id","month","payee") WHERE subject = 'bonus';
--> statement-breakpoint
DO $$
DECLARE
	partition name;
BEGIN
	FOREACH partition IN ARRAY ARRAY(
		SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'ledger_rows'::regclass ORDER BY c.relname
	) LOOP
		EXECUTE format(
			'CREATE INDEX IF NOT EXISTS %I ON %I USING btree (brand_id, month, payee) WHERE subject = ''bonus''',
			partition || '_by_month', partition);
		EXECUTE format('ALTER INDEX ledger_rows_by_month ATTACH PARTITION %I', partition || '_by_month');
		COMMIT;
	END LOOP;
END $$;
