-- What each night's audit found.
CREATE TABLE "audits" (
	"brand_id" integer NOT NULL,
	"night" text COLLATE "C" NOT NULL,
	"began_at" timestamp(3) with time zone NOT NULL,
	"seen_at" timestamp(3) with time zone NOT NULL,
	"ended_at" timestamp(3) with time zone,
	"checked_orders" integer NOT NULL,
	"differing" integer NOT NULL,
	"differing_orders" jsonb NOT NULL,
	"slice_after" jsonb,
	"round_began_at" timestamp(3) with time zone NOT NULL,
	"round_ended_at" timestamp(3) with time zone,
	CONSTRAINT "audits_brand_id_night_pk" PRIMARY KEY("brand_id","night")
);
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "audits" TO "daogou_service";
