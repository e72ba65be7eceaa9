-- Months that are far off (a till whose clock is wrong) go to the default partitions; all others get one of their own,
-- made on demand by ensure_month_partition.
CREATE TABLE "touches_other" PARTITION OF "touches" DEFAULT;
--> statement-breakpoint
CREATE TABLE "ledger_rows_other" PARTITION OF "ledger_rows" DEFAULT;
--> statement-breakpoint

-- Makes the partition of a month (UTC) where it is missing. It runs as the owner, since the service's role may not
-- create tables; it takes an advisory lock, since CREATE TABLE IF NOT EXISTS is not safe when two do it at once.
CREATE FUNCTION "ensure_month_partition"("parent" text, "month" date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  first date := date_trunc('month', month)::date;
  name text := parent || '_' || to_char(first, 'YYYY_MM');
BEGIN
  IF parent NOT IN ('touches', 'ledger_rows') THEN
    RAISE EXCEPTION 'no partitions of %', parent;
  END IF;
  IF to_regclass(quote_ident(name)) IS NOT NULL THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('ensure_month_partition'));
  IF to_regclass(quote_ident(name)) IS NULL THEN
    EXECUTE format(
      'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
      name, parent,
      to_char(first, 'YYYY-MM-DD') || ' 00:00:00+00',
      to_char(first + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
    );
  END IF;
END
$$;
--> statement-breakpoint

-- The service works as this role. It may add to evidence and ledger, and neither change nor delete there.
DO $$
BEGIN
  CREATE ROLE "daogou_service" NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;
END
$$;
--> statement-breakpoint
DO $$
BEGIN
  EXECUTE format('GRANT "daogou_service" TO %I', current_user);
EXCEPTION WHEN OTHERS THEN
  -- Another database of this server is being migrated at the same moment; the grant is the same for all.
  IF SQLERRM NOT LIKE '%concurrently updated%' AND SQLSTATE <> '0LP01' THEN RAISE; END IF;
END
$$;
--> statement-breakpoint
GRANT USAGE ON SCHEMA "public" TO "daogou_service";
--> statement-breakpoint
REVOKE ALL ON FUNCTION "ensure_month_partition"(text, date) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION "ensure_month_partition"(text, date) TO "daogou_service";
--> statement-breakpoint

-- Evidence and ledger: read and add.
GRANT SELECT, INSERT ON
  "order_revisions", "refund_revisions", "order_overrides", "order_holds", "touches", "touch_keys", "identities",
  "member_merges", "member_assignments", "member_consents", "coupon_events", "share_links", "link_codes", "plans",
  "ledger_rows", "activity"
TO "daogou_service";
--> statement-breakpoint
-- The one thing that may be added to a link.
GRANT UPDATE ("revoked_at") ON "share_links" TO "daogou_service";
--> statement-breakpoint
-- What was last told, and what follows from evidence.
GRANT SELECT, INSERT, UPDATE, DELETE ON
  "brands", "api_keys", "jobs", "stores", "associates", "members", "products", "coupons", "targets", "group_chats",
  "orders", "entitlements", "reconcile_marks", "rejected_items", "settlements", "settlement_rows"
TO "daogou_service";
