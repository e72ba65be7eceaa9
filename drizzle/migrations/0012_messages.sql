-- What associates are told in WeCom.
CREATE TABLE "associate_messages" (
	"brand_id" integer NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"occasion" text COLLATE "C" NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"details" jsonb NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"reason" text COLLATE "C",
	"errcode" integer,
	"address" text COLLATE "C",
	"card_id" uuid,
	"is_held" boolean NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"due_at" timestamp(3) with time zone NOT NULL,
	"sending_at" timestamp(3) with time zone,
	"ended_at" timestamp(3) with time zone,
	CONSTRAINT "associate_messages_brand_id_associate_id_kind_occasion_pk" PRIMARY KEY("brand_id","associate_id","kind","occasion")
);
--> statement-breakpoint
CREATE TABLE "message_settings" (
	"brand_id" integer NOT NULL,
	"quiet_from" integer NOT NULL,
	"quiet_to" integer NOT NULL,
	"off_kinds" text[] NOT NULL,
	"digest_above" integer NOT NULL,
	"digest_minutes" integer NOT NULL,
	"changed_by" text COLLATE "C" NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "message_settings_brand_id_pk" PRIMARY KEY("brand_id")
);
--> statement-breakpoint
CREATE TABLE "message_choices" (
	"brand_id" integer NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"off_kinds" text[] NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "message_choices_brand_id_associate_id_pk" PRIMARY KEY("brand_id","associate_id")
);
--> statement-breakpoint
CREATE INDEX "associate_messages_due" ON "associate_messages" USING btree ("brand_id","due_at") WHERE status = 'waiting';
--> statement-breakpoint
CREATE INDEX "associate_messages_under_way" ON "associate_messages" USING btree ("brand_id","sending_at") WHERE status = 'sending';
--> statement-breakpoint
CREATE INDEX "associate_messages_by_time" ON "associate_messages" USING btree ("brand_id","created_at");
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "associate_messages", "message_settings", "message_choices" TO "daogou_service";
