-- WeCom's mirror, callbacks and calls.
CREATE TABLE "customer_links" (
	"brand_id" integer NOT NULL,
	"external_userid" text COLLATE "C" NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"member_no" text COLLATE "C" NOT NULL,
	"member_before" text COLLATE "C",
	"linked_by" text COLLATE "C" NOT NULL,
	"undone_at" timestamp(3) with time zone,
	"undone_by" text COLLATE "C",
	CONSTRAINT "customer_links_brand_id_external_userid_at_pk" PRIMARY KEY("brand_id","external_userid","at")
);
--> statement-breakpoint
CREATE TABLE "wecom_buckets" (
	"brand_id" integer NOT NULL,
	"api" text COLLATE "C" NOT NULL,
	"spent_until" timestamp(3) with time zone NOT NULL,
	"blocked_until" timestamp(3) with time zone,
	CONSTRAINT "wecom_buckets_brand_id_api_pk" PRIMARY KEY("brand_id","api")
);
--> statement-breakpoint
CREATE TABLE "wecom_customers" (
	"brand_id" integer NOT NULL,
	"external_userid" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C",
	"avatar_url" text COLLATE "C",
	"type" integer,
	"unionid" text COLLATE "C",
	"seen_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "wecom_customers_brand_id_external_userid_pk" PRIMARY KEY("brand_id","external_userid")
);
--> statement-breakpoint
CREATE TABLE "wecom_departments" (
	"brand_id" integer NOT NULL,
	"department_id" integer NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"parent_id" integer NOT NULL,
	"seen_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "wecom_departments_brand_id_department_id_pk" PRIMARY KEY("brand_id","department_id")
);
--> statement-breakpoint
CREATE TABLE "wecom_friends" (
	"brand_id" integer NOT NULL,
	"userid" text COLLATE "C" NOT NULL,
	"external_userid" text COLLATE "C" NOT NULL,
	"since" timestamp(3) with time zone NOT NULL,
	"add_way" integer,
	"state" text COLLATE "C",
	"remark" text COLLATE "C",
	"description" text COLLATE "C",
	"tag_ids" text[] NOT NULL,
	"ended_at" timestamp(3) with time zone,
	"ended_by" text COLLATE "C",
	"is_told" boolean NOT NULL,
	"seen_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "wecom_friends_brand_id_userid_external_userid_pk" PRIMARY KEY("brand_id","userid","external_userid")
);
--> statement-breakpoint
CREATE TABLE "wecom_group_members" (
	"brand_id" integer NOT NULL,
	"chat_id" text COLLATE "C" NOT NULL,
	"member_id" text COLLATE "C" NOT NULL,
	"joined_at" timestamp(3) with time zone NOT NULL,
	"is_staff" boolean NOT NULL,
	"name" text COLLATE "C",
	"join_scene" integer,
	"invited_by" text COLLATE "C",
	"state" text COLLATE "C",
	"left_at" timestamp(3) with time zone,
	"was_removed" boolean,
	CONSTRAINT "wecom_group_members_brand_id_chat_id_member_id_joined_at_pk" PRIMARY KEY("brand_id","chat_id","member_id","joined_at")
);
--> statement-breakpoint
CREATE TABLE "wecom_groups" (
	"brand_id" integer NOT NULL,
	"chat_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"owner" text COLLATE "C",
	"created_at" timestamp(3) with time zone NOT NULL,
	"dissolved_at" timestamp(3) with time zone,
	"version" text COLLATE "C",
	"seen_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "wecom_groups_brand_id_chat_id_pk" PRIMARY KEY("brand_id","chat_id")
);
--> statement-breakpoint
CREATE TABLE "wecom_inbox" (
	"brand_id" integer NOT NULL,
	"message_id" uuid NOT NULL,
	"dedupe_key" text COLLATE "C" NOT NULL,
	"event" text COLLATE "C" NOT NULL,
	"lane" text COLLATE "C" NOT NULL,
	"content_encrypted" "bytea" NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"received_at" timestamp(3) with time zone NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"tries" integer NOT NULL,
	"due_at" timestamp(3) with time zone NOT NULL,
	"lease_id" uuid,
	"reason" text COLLATE "C",
	"finished_at" timestamp(3) with time zone,
	CONSTRAINT "wecom_inbox_brand_id_message_id_pk" PRIMARY KEY("brand_id","message_id")
);
--> statement-breakpoint
CREATE TABLE "wecom_staff" (
	"brand_id" integer NOT NULL,
	"userid" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"department_ids" jsonb NOT NULL,
	"may_follow" boolean NOT NULL,
	"gone_at" timestamp(3) with time zone,
	"seen_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "wecom_staff_brand_id_userid_pk" PRIMARY KEY("brand_id","userid")
);
--> statement-breakpoint
CREATE TABLE "wecom_syncs" (
	"brand_id" integer NOT NULL,
	"sync_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"stage" text COLLATE "C" NOT NULL,
	"position" jsonb NOT NULL,
	"counts" jsonb NOT NULL,
	"repairs" jsonb NOT NULL,
	"faults" jsonb NOT NULL,
	"started_at" timestamp(3) with time zone NOT NULL,
	"stage_started_at" timestamp(3) with time zone NOT NULL,
	"finished_at" timestamp(3) with time zone,
	"lease_id" uuid,
	"leased_until" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "wecom_syncs_brand_id_sync_id_pk" PRIMARY KEY("brand_id","sync_id")
);
--> statement-breakpoint
CREATE TABLE "wecom_tags" (
	"brand_id" integer NOT NULL,
	"tag_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"group_id" text COLLATE "C" NOT NULL,
	"group_name" text COLLATE "C" NOT NULL,
	"position" integer NOT NULL,
	CONSTRAINT "wecom_tags_brand_id_tag_id_pk" PRIMARY KEY("brand_id","tag_id")
);
--> statement-breakpoint
CREATE INDEX "wecom_customers_by_unionid" ON "wecom_customers" USING btree ("brand_id","unionid") WHERE unionid IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "wecom_friends_by_customer" ON "wecom_friends" USING btree ("brand_id","external_userid");
--> statement-breakpoint
CREATE INDEX "wecom_friends_untold" ON "wecom_friends" USING btree ("brand_id","userid","external_userid") WHERE NOT is_told;
--> statement-breakpoint
CREATE INDEX "wecom_group_members_by_person" ON "wecom_group_members" USING btree ("brand_id","member_id");
--> statement-breakpoint
CREATE UNIQUE INDEX "wecom_inbox_once" ON "wecom_inbox" USING btree ("brand_id","dedupe_key");
--> statement-breakpoint
CREATE INDEX "wecom_inbox_waiting" ON "wecom_inbox" USING btree ("brand_id","lane","at","message_id") WHERE status = 'waiting';
--> statement-breakpoint
CREATE INDEX "wecom_inbox_by_status" ON "wecom_inbox" USING btree ("brand_id","status","message_id");
--> statement-breakpoint
CREATE UNIQUE INDEX "wecom_syncs_one_at_a_time" ON "wecom_syncs" USING btree ("brand_id") WHERE status = 'running';
--> statement-breakpoint
CREATE INDEX "wecom_syncs_by_start" ON "wecom_syncs" USING btree ("brand_id","started_at");
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON
  "wecom_buckets", "wecom_inbox", "wecom_departments", "wecom_staff", "wecom_customers", "wecom_friends",
  "wecom_groups", "wecom_group_members", "wecom_tags", "wecom_syncs", "customer_links"
TO "daogou_service";
