-- Plans that somebody works on.
CREATE TABLE "plan_drafts" (
	"brand_id" integer NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"revision" integer NOT NULL,
	"content" jsonb NOT NULL,
	"based_on_code" text COLLATE "C",
	"based_on_version" integer,
	"created_at" timestamp(3) with time zone NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	"changed_by" text COLLATE "C" NOT NULL,
	CONSTRAINT "plan_drafts_brand_id_name_pk" PRIMARY KEY("brand_id","name")
);
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "plan_drafts" TO "daogou_service";
