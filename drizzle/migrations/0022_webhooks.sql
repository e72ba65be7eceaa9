-- Other systems: whom we tell of events, what they send us, the keys that they come with.
CREATE TABLE "webhooks" (
	"brand_id" integer NOT NULL,
	"webhook_id" uuid NOT NULL,
	"url" text COLLATE "C" NOT NULL,
	"events" text[] NOT NULL,
	"secret_encrypted" "bytea" NOT NULL,
	"is_active" boolean NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	"failing_since" timestamp(3) with time zone,
	CONSTRAINT "webhooks_brand_id_webhook_id_pk" PRIMARY KEY("brand_id","webhook_id"),
	CONSTRAINT "webhooks_by_url" UNIQUE("brand_id","url")
);
--> statement-breakpoint
CREATE TABLE "webhook_deliveries" (
	"brand_id" integer NOT NULL,
	"webhook_id" uuid NOT NULL,
	"event_id" uuid NOT NULL,
	"event" text COLLATE "C" NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"data" jsonb NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"attempts" integer NOT NULL,
	"due_at" timestamp(3) with time zone NOT NULL,
	"give_up_at" timestamp(3) with time zone NOT NULL,
	"lease_id" uuid,
	"tried_at" timestamp(3) with time zone,
	"answer_code" integer,
	"fault" text COLLATE "C",
	"ended_at" timestamp(3) with time zone,
	CONSTRAINT "webhook_deliveries_brand_id_webhook_id_event_id_pk" PRIMARY KEY("brand_id","webhook_id","event_id")
);
--> statement-breakpoint
CREATE TABLE "intake_days" (
	"brand_id" integer NOT NULL,
	"day" text COLLATE "C" NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"source" text COLLATE "C" NOT NULL,
	"sent_by" text COLLATE "C" NOT NULL,
	"created" integer NOT NULL,
	"updated" integer NOT NULL,
	"unchanged" integer NOT NULL,
	"rejected" integer NOT NULL,
	"last_at" timestamp(3) with time zone NOT NULL,
	"last_rejected_at" timestamp(3) with time zone,
	CONSTRAINT "intake_days_brand_id_day_kind_source_sent_by_pk" PRIMARY KEY("brand_id","day","kind","source","sent_by")
);
--> statement-breakpoint
CREATE TABLE "import_runs" (
	"brand_id" integer NOT NULL,
	"run_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"file_name" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"progress" integer NOT NULL,
	"line" integer NOT NULL,
	"created" integer NOT NULL,
	"updated" integer NOT NULL,
	"unchanged" integer NOT NULL,
	"rejected" integer NOT NULL,
	"started_at" timestamp(3) with time zone NOT NULL,
	"seen_at" timestamp(3) with time zone NOT NULL,
	"ended_at" timestamp(3) with time zone,
	CONSTRAINT "import_runs_brand_id_run_id_pk" PRIMARY KEY("brand_id","run_id")
);
--> statement-breakpoint
ALTER TABLE "rejected_items" ADD COLUMN "masked_fields" text[];
--> statement-breakpoint
ALTER TABLE "rejected_items" ADD COLUMN "resent_at" timestamp(3) with time zone;
--> statement-breakpoint
ALTER TABLE "rejected_items" ADD COLUMN "resent_by" text COLLATE "C";
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "prefix" text COLLATE "C";
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "created_by" text COLLATE "C";
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "maker_id" text COLLATE "C";
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "last_used_at" timestamp(3) with time zone;
--> statement-breakpoint
CREATE INDEX "webhook_deliveries_due" ON "webhook_deliveries" USING btree ("brand_id","webhook_id","due_at") WHERE status = 'waiting';
--> statement-breakpoint
CREATE INDEX "webhook_deliveries_given_up" ON "webhook_deliveries" USING btree ("brand_id","webhook_id","at") WHERE status = 'given_up';
--> statement-breakpoint
CREATE INDEX "webhook_deliveries_by_time" ON "webhook_deliveries" USING btree ("brand_id","at");
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "webhooks", "webhook_deliveries", "intake_days", "import_runs" TO "daogou_service";
