-- What stores and associates have of whole months: a year of a chain is then no longer added up of millions of days. Months
-- of days that are summed already are added up behind.
CREATE TABLE "rollup_associate_months" (
	"brand_id" integer NOT NULL,
	"month" date NOT NULL,
	"part" text COLLATE "C" NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"cells" bigint NOT NULL,
	"orders" bigint,
	"net_sales_fen" bigint,
	"net_quantity" bigint,
	"online_fen" bigint,
	"in_store_fen" bigint,
	"direct_fen" bigint,
	"indirect_fen" bigint,
	"closer_fen" bigint,
	"attributed_fen" bigint,
	"unknown_buyer_orders" bigint,
	"shares" bigint,
	"shares_clicked" bigint,
	"clicks" bigint,
	"new_members" bigint,
	"commission_fen" bigint,
	CONSTRAINT "rollup_associate_months_pk" PRIMARY KEY("brand_id","month","part","associate_id")
);
--> statement-breakpoint
CREATE TABLE "rollup_store_months" (
	"brand_id" integer NOT NULL,
	"month" date NOT NULL,
	"part" text COLLATE "C" NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"cells" bigint NOT NULL,
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
	CONSTRAINT "rollup_store_months_pk" PRIMARY KEY("brand_id","month","part","store_code")
);
--> statement-breakpoint
CREATE INDEX "rollup_associate_months_empty" ON "rollup_associate_months" USING btree ("brand_id") WHERE cells <= 0;--> statement-breakpoint
CREATE INDEX "rollup_store_months_empty" ON "rollup_store_months" USING btree ("brand_id") WHERE cells <= 0;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "rollup_associate_months", "rollup_store_months" TO "daogou_service";
