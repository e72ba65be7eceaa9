CREATE TABLE "brand_settings" (
	"brand_id" integer PRIMARY KEY NOT NULL,
	"corp_id" text COLLATE "C" NOT NULL,
	"agent_id" text COLLATE "C" NOT NULL,
	"secrets_encrypted" "bytea" NOT NULL,
	"verify_file" text COLLATE "C",
	"mini_program_app_id" text COLLATE "C",
	"headquarters" text[] NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "brand_settings" TO "daogou_service";
