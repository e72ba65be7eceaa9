-- Figures summed ahead, and what says which of them are to be summed anew.
CREATE TABLE "rollup_states" (
	"brand_id" integer PRIMARY KEY NOT NULL,
	"zone" text COLLATE "C" NOT NULL,
	"started_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rollup_marks" (
	"brand_id" integer NOT NULL,
	"mark_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"keys" text[] NOT NULL,
	"ids" text[],
	"instants" text[],
	"stores" text[],
	"links" text[],
	"marked_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "rollup_marks_brand_id_mark_id_pk" PRIMARY KEY("brand_id","mark_id")
);
--> statement-breakpoint
CREATE TABLE "rollup_days" (
	"brand_id" integer NOT NULL,
	"part" text COLLATE "C" NOT NULL,
	"day" date NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"orders" bigint,
	"net_sales_fen" bigint,
	"net_quantity" bigint,
	"online_fen" bigint,
	"in_store_fen" bigint,
	"direct_fen" bigint,
	"indirect_fen" bigint,
	"unattributed_fen" bigint,
	"unattributed_orders" bigint,
	"unknown_buyer_orders" bigint,
	"commission_fen" bigint,
	"refund_fen" bigint,
	"shares" bigint,
	"shares_clicked" bigint,
	"clicks" bigint,
	"new_members" bigint,
	CONSTRAINT "rollup_days_brand_id_part_day_store_code_pk" PRIMARY KEY("brand_id","part","day","store_code")
);
--> statement-breakpoint
CREATE TABLE "rollup_totals" (
	"brand_id" integer NOT NULL,
	"part" text COLLATE "C" NOT NULL,
	"day" date NOT NULL,
	"orders" bigint,
	"net_sales_fen" bigint,
	"net_quantity" bigint,
	"online_fen" bigint,
	"in_store_fen" bigint,
	"direct_fen" bigint,
	"indirect_fen" bigint,
	"unattributed_fen" bigint,
	"unattributed_orders" bigint,
	"unknown_buyer_orders" bigint,
	"commission_fen" bigint,
	"refund_fen" bigint,
	"shares" bigint,
	"shares_clicked" bigint,
	"clicks" bigint,
	"new_members" bigint,
	CONSTRAINT "rollup_totals_brand_id_part_day_pk" PRIMARY KEY("brand_id","part","day")
);
--> statement-breakpoint
CREATE TABLE "rollup_pay" (
	"brand_id" integer NOT NULL,
	"day" date NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"payee_kind" text COLLATE "C" NOT NULL,
	"payee" text COLLATE "C" NOT NULL,
	"amount_fen" bigint NOT NULL,
	CONSTRAINT "rollup_pay_brand_id_store_code_day_payee_kind_payee_pk" PRIMARY KEY("brand_id","store_code","day","payee_kind","payee")
);
--> statement-breakpoint
CREATE TABLE "rollup_people" (
	"brand_id" integer NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"person" text COLLATE "C" NOT NULL,
	"day" date NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"before" date NOT NULL,
	CONSTRAINT "rollup_people_brand_id_kind_person_day_store_code_pk" PRIMARY KEY("brand_id","kind","person","day","store_code")
);
--> statement-breakpoint
CREATE TABLE "rollup_gaps" (
	"brand_id" integer NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"day" date NOT NULL,
	"before" date NOT NULL,
	"people" bigint NOT NULL,
	CONSTRAINT "rollup_gaps_brand_id_kind_day_before_pk" PRIMARY KEY("brand_id","kind","day","before")
);
--> statement-breakpoint
CREATE INDEX "rollup_days_by_store" ON "rollup_days" USING btree ("brand_id","store_code","day");
--> statement-breakpoint
CREATE INDEX "rollup_people_by_store" ON "rollup_people" USING btree ("brand_id","kind","store_code","day","person","before");
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON
  "rollup_states", "rollup_marks", "rollup_days", "rollup_totals", "rollup_pay", "rollup_people", "rollup_gaps"
TO "daogou_service";
--> statement-breakpoint

-- Looks one table through of which more changed than the planner can do without, and says which. After a bulk load nobody
-- waits for the database to do so by itself. It runs as the owner, since the service's role may not; a table at a time, so
-- that no transaction is long.
CREATE FUNCTION "refresh_statistics"() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  name text;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('refresh_statistics')) THEN
    RETURN NULL;
  END IF;
  SELECT relname INTO name FROM pg_stat_user_tables
  WHERE schemaname = 'public' AND n_mod_since_analyze > 1000 + n_live_tup / 10
  ORDER BY n_mod_since_analyze DESC LIMIT 1;
  IF name IS NOT NULL THEN
    EXECUTE format('ANALYZE %I', name);
  END IF;
  RETURN name;
END
$$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION "refresh_statistics"() FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION "refresh_statistics"() TO "daogou_service";
