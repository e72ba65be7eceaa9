-- Codes by which customers become friends or come to a group, and the welcome that they are sent.
CREATE TABLE "channel_chats" (
	"brand_id" integer NOT NULL,
	"external_userid" text COLLATE "C" NOT NULL,
	"userid" text COLLATE "C" NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "channel_chats_brand_id_external_userid_userid_at_pk" PRIMARY KEY("brand_id","external_userid","userid","at")
);
--> statement-breakpoint
CREATE TABLE "channel_codes" (
	"brand_id" integer NOT NULL,
	"code_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"campaign" text COLLATE "C",
	"associate_id" text COLLATE "C",
	"store_code" text COLLATE "C",
	"state" text COLLATE "C" NOT NULL,
	"skip_verify" boolean NOT NULL,
	"chat_ids" text[] NOT NULL,
	"room_name" text COLLATE "C",
	"room_number" integer,
	"is_active" boolean NOT NULL,
	"deleted_at" timestamp(3) with time zone,
	"config_id" text COLLATE "C",
	"url" text COLLATE "C",
	"told" jsonb,
	"begun_at" timestamp(3) with time zone,
	"is_due" boolean NOT NULL,
	"due_at" timestamp(3) with time zone NOT NULL,
	"tries" integer NOT NULL,
	"lease_id" uuid,
	"fault" text COLLATE "C",
	"errcode" integer,
	"address" text COLLATE "C",
	"profile_opens" integer NOT NULL,
	"friend_requests" integer NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "channel_codes_brand_id_code_id_pk" PRIMARY KEY("brand_id","code_id")
);
--> statement-breakpoint
CREATE TABLE "channel_quotas" (
	"brand_id" integer NOT NULL,
	"total" integer,
	"balance" integer,
	"event" text COLLATE "C" NOT NULL,
	"seen_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "channel_quotas_brand_id_pk" PRIMARY KEY("brand_id")
);
--> statement-breakpoint
CREATE TABLE "channel_welcome_links" (
	"brand_id" integer NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"target_hash" text COLLATE "C" NOT NULL,
	"link_code" text COLLATE "C" NOT NULL,
	CONSTRAINT "channel_welcome_links_brand_id_associate_id_target_hash_pk" PRIMARY KEY("brand_id","associate_id","target_hash")
);
--> statement-breakpoint
CREATE TABLE "channel_welcome_settings" (
	"brand_id" integer NOT NULL,
	"is_on" boolean NOT NULL,
	"text" text COLLATE "C" NOT NULL,
	"title" text COLLATE "C",
	"path" text COLLATE "C",
	"url" text COLLATE "C",
	"image_url" text COLLATE "C",
	"changed_by" text COLLATE "C" NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "channel_welcome_settings_brand_id_pk" PRIMARY KEY("brand_id")
);
--> statement-breakpoint
CREATE TABLE "channel_welcomes" (
	"brand_id" integer NOT NULL,
	"external_userid" text COLLATE "C" NOT NULL,
	"userid" text COLLATE "C" NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"state" text COLLATE "C",
	"code_encrypted" "bytea",
	"status" text COLLATE "C" NOT NULL,
	"errcode" integer,
	"link_code" text COLLATE "C",
	"received_at" timestamp(3) with time zone NOT NULL,
	"ended_at" timestamp(3) with time zone,
	CONSTRAINT "channel_welcomes_brand_id_external_userid_userid_at_pk" PRIMARY KEY("brand_id","external_userid","userid","at")
);
--> statement-breakpoint
CREATE TABLE "wecom_media" (
	"brand_id" integer NOT NULL,
	"content_hash" text COLLATE "C" NOT NULL,
	"media_id" text COLLATE "C" NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "wecom_media_brand_id_content_hash_pk" PRIMARY KEY("brand_id","content_hash")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "channel_codes_by_state" ON "channel_codes" USING btree ("brand_id","state");
--> statement-breakpoint
CREATE INDEX "channel_codes_by_config" ON "channel_codes" USING btree ("brand_id","config_id");
--> statement-breakpoint
CREATE INDEX "channel_codes_by_associate" ON "channel_codes" USING btree ("brand_id","associate_id","code_id");
--> statement-breakpoint
CREATE INDEX "channel_codes_by_store" ON "channel_codes" USING btree ("brand_id","store_code","code_id");
--> statement-breakpoint
CREATE INDEX "channel_codes_due" ON "channel_codes" USING btree ("brand_id","due_at") WHERE is_due;
--> statement-breakpoint
CREATE INDEX "channel_welcomes_open" ON "channel_welcomes" USING btree ("brand_id","at") WHERE ended_at IS NULL;
--> statement-breakpoint
CREATE INDEX "channel_welcomes_by_time" ON "channel_welcomes" USING btree ("brand_id","received_at");
--> statement-breakpoint
CREATE INDEX "friend_events_by_state" ON "friend_events" USING btree ("brand_id","state","associate_id","external_userid","at") WHERE state IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "wecom_group_members_by_state" ON "wecom_group_members" USING btree ("brand_id","state") WHERE state IS NOT NULL;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON
  "channel_codes", "channel_welcomes", "channel_welcome_links", "channel_welcome_settings", "channel_chats",
  "channel_quotas", "wecom_media"
TO "daogou_service";
