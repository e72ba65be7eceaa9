CREATE TABLE "bonus_entitlements" (
	"brand_id" integer NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"month" text COLLATE "C" NOT NULL,
	"bearer_kind" text COLLATE "C" NOT NULL,
	"bearer" text COLLATE "C" NOT NULL,
	"plan_code" text COLLATE "C" NOT NULL,
	"plan_version" integer NOT NULL,
	"available_at" timestamp(3) with time zone NOT NULL,
	"amount_fen" bigint NOT NULL,
	CONSTRAINT "bonus_entitlements_pkey" PRIMARY KEY("brand_id","associate_id","month","bearer_kind","bearer","plan_code","plan_version","available_at")
);
--> statement-breakpoint
CREATE TABLE "bonus_marks" (
	"brand_id" integer NOT NULL,
	"mark_id" uuid NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"month" text COLLATE "C" NOT NULL,
	"reason" text COLLATE "C" NOT NULL,
	"marked_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "bonus_marks_brand_id_mark_id_pk" PRIMARY KEY("brand_id","mark_id")
);
--> statement-breakpoint
CREATE TABLE "tier_bases" (
	"brand_id" integer NOT NULL,
	"source" text COLLATE "C" NOT NULL,
	"order_no" text COLLATE "C" NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"month" text COLLATE "C" NOT NULL,
	"basis_fen" bigint NOT NULL,
	CONSTRAINT "tier_bases_brand_id_source_order_no_associate_id_pk" PRIMARY KEY("brand_id","source","order_no","associate_id")
);
--> statement-breakpoint
CREATE INDEX "tier_bases_by_month" ON "tier_bases" USING btree ("brand_id","month","associate_id");--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "tier_bases", "bonus_entitlements", "bonus_marks" TO "daogou_service";
