CREATE TABLE "sessions" (
	"brand_id" integer NOT NULL,
	"session_id" uuid NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"refresh_hash" "bytea" NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL,
	"revoked_at" timestamp(3) with time zone,
	"revoked_because" text COLLATE "C",
	CONSTRAINT "sessions_brand_id_session_id_pk" PRIMARY KEY("brand_id","session_id")
);
--> statement-breakpoint
CREATE TABLE "wecom_tokens" (
	"brand_id" integer NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"value_encrypted" "bytea" NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL,
	"fetched_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "wecom_tokens_brand_id_kind_pk" PRIMARY KEY("brand_id","kind")
);
--> statement-breakpoint
CREATE INDEX "sessions_by_associate" ON "sessions" USING btree ("brand_id","associate_id");--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "sessions", "wecom_tokens" TO "daogou_service";
