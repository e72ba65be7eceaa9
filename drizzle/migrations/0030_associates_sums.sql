-- What associates have of each day, and whom, summed ahead.
CREATE TABLE "rollup_associate_people" (
	"brand_id" integer NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"day" date NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"person" text COLLATE "C" NOT NULL,
	CONSTRAINT "rollup_associate_people_pk" PRIMARY KEY("brand_id","kind","store_code","day","associate_id","person")
);
--> statement-breakpoint
CREATE TABLE "rollup_associates" (
	"brand_id" integer NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"day" date NOT NULL,
	"part" text COLLATE "C" NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
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
	CONSTRAINT "rollup_associates_brand_id_store_code_day_part_associate_id_pk" PRIMARY KEY("brand_id","store_code","day","part","associate_id")
);
--> statement-breakpoint
CREATE INDEX "rollup_associates_by_associate" ON "rollup_associates" USING btree ("brand_id","associate_id","day");
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "rollup_associates", "rollup_associate_people" TO "daogou_service";
--> statement-breakpoint
-- Every brand's days are summed anew; until then figures are read from evidence.
DELETE FROM "rollup_states";
