-- Store communities by day, WeCom's statistics of past days, groups by their opengid, changes of friendships in WeCom.
CREATE TABLE "community_days" (
	"brand_id" integer NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"day" text COLLATE "C" NOT NULL,
	"members" integer NOT NULL,
	"active_members" integer NOT NULL,
	"friends" integer NOT NULL,
	"friends_added" integer NOT NULL,
	"friends_lost" integer NOT NULL,
	"groups" integer NOT NULL,
	"group_members" integer NOT NULL,
	"group_joined" integer NOT NULL,
	"group_left" integer NOT NULL,
	"taken_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "community_days_brand_id_store_code_day_pk" PRIMARY KEY("brand_id","store_code","day")
);
--> statement-breakpoint
CREATE TABLE "community_fills" (
	"brand_id" integer NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"next_day" text COLLATE "C" NOT NULL,
	"end_day" text COLLATE "C" NOT NULL,
	"due_at" timestamp(3) with time zone NOT NULL,
	"errcode" integer,
	"finished_at" timestamp(3) with time zone,
	CONSTRAINT "community_fills_brand_id_store_code_pk" PRIMARY KEY("brand_id","store_code")
);
--> statement-breakpoint
CREATE TABLE "community_statistics" (
	"brand_id" integer NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"day" text COLLATE "C" NOT NULL,
	"friends_added" integer,
	"friends_lost" integer,
	"groups" integer,
	"group_members" integer,
	"group_joined" integer,
	"fetched_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "community_statistics_brand_id_store_code_day_pk" PRIMARY KEY("brand_id","store_code","day")
);
--> statement-breakpoint
CREATE TABLE "friend_changes" (
	"brand_id" integer NOT NULL,
	"userid" text COLLATE "C" NOT NULL,
	"external_userid" text COLLATE "C" NOT NULL,
	"change_id" uuid NOT NULL,
	"leased_until" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "friend_changes_brand_id_userid_external_userid_pk" PRIMARY KEY("brand_id","userid","external_userid")
);
--> statement-breakpoint
CREATE TABLE "group_opengids" (
	"brand_id" integer NOT NULL,
	"opengid" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"chat_id" text COLLATE "C",
	"tries" integer NOT NULL,
	"due_at" timestamp(3) with time zone NOT NULL,
	"first_told_at" timestamp(3) with time zone NOT NULL,
	"answered_at" timestamp(3) with time zone,
	CONSTRAINT "group_opengids_brand_id_opengid_pk" PRIMARY KEY("brand_id","opengid")
);
--> statement-breakpoint
ALTER TABLE "touches" ADD COLUMN "opengid" text COLLATE "C";
--> statement-breakpoint
CREATE INDEX "community_days_by_day" ON "community_days" USING btree ("brand_id","day","store_code");
--> statement-breakpoint
CREATE INDEX "community_fills_open" ON "community_fills" USING btree ("brand_id","due_at") WHERE finished_at IS NULL;
--> statement-breakpoint
CREATE INDEX "group_opengids_waiting" ON "group_opengids" USING btree ("brand_id","due_at") WHERE status = 'waiting';
--> statement-breakpoint
CREATE INDEX "group_opengids_by_chat" ON "group_opengids" USING btree ("brand_id","chat_id") WHERE chat_id IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "members_by_opening_store" ON "members" USING btree ("brand_id","opening_store") WHERE opening_store IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "friend_events_by_associate" ON "friend_events" USING btree ("brand_id","associate_id","at");
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON
  "community_days", "community_statistics", "community_fills", "group_opengids", "friend_changes"
TO "daogou_service";
