-- Who may see whole phone numbers and ranks.
CREATE TABLE "visibility_settings" (
	"brand_id" integer NOT NULL,
	"setting_id" uuid NOT NULL,
	"whole_phone" text COLLATE "C" NOT NULL,
	"ranks" text COLLATE "C" NOT NULL,
	"told_by" text COLLATE "C" NOT NULL,
	"told_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "visibility_settings_brand_id_setting_id_pk" PRIMARY KEY("brand_id","setting_id")
);
--> statement-breakpoint
GRANT SELECT, INSERT ON "visibility_settings" TO "daogou_service";
