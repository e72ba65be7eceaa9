-- What headquarters lays out to be shared, the content calendar, and the tasks that WeCom is given for it.
CREATE TABLE "materials" (
	"brand_id" integer NOT NULL,
	"material_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"ref" text COLLATE "C" NOT NULL,
	"title" text COLLATE "C" NOT NULL,
	"text" text COLLATE "C" NOT NULL,
	"pictures" text[] NOT NULL,
	"campaign" text COLLATE "C",
	"category" text COLLATE "C",
	"path" text COLLATE "C",
	"url" text COLLATE "C",
	"valid_from" timestamp(3) with time zone,
	"valid_to" timestamp(3) with time zone,
	"store_codes" text[],
	"regions" text[],
	"created_at" timestamp(3) with time zone NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	"changed_by" text COLLATE "C" NOT NULL,
	"deleted_at" timestamp(3) with time zone,
	CONSTRAINT "materials_brand_id_material_id_pk" PRIMARY KEY("brand_id","material_id")
);
--> statement-breakpoint
CREATE TABLE "pictures" (
	"brand_id" integer NOT NULL,
	"picture_id" text COLLATE "C" NOT NULL,
	"type" text COLLATE "C" NOT NULL,
	"width" integer NOT NULL,
	"height" integer NOT NULL,
	"bytes" bytea NOT NULL,
	"uploaded_by" text COLLATE "C" NOT NULL,
	"uploaded_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "pictures_brand_id_picture_id_pk" PRIMARY KEY("brand_id","picture_id")
);
--> statement-breakpoint
CREATE TABLE "post_recipients" (
	"brand_id" integer NOT NULL,
	"task_id" uuid NOT NULL,
	"recipient" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"sent_at" timestamp(3) with time zone,
	CONSTRAINT "post_recipients_brand_id_task_id_recipient_pk" PRIMARY KEY("brand_id","task_id","recipient")
);
--> statement-breakpoint
CREATE TABLE "post_senders" (
	"brand_id" integer NOT NULL,
	"task_id" uuid NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"store_code" text COLLATE "C",
	"confirmed_at" timestamp(3) with time zone,
	"likes" integer NOT NULL,
	"comments" integer NOT NULL,
	CONSTRAINT "post_senders_brand_id_task_id_associate_id_pk" PRIMARY KEY("brand_id","task_id","associate_id")
);
--> statement-breakpoint
CREATE TABLE "post_tasks" (
	"brand_id" integer NOT NULL,
	"task_id" uuid NOT NULL,
	"post_id" uuid NOT NULL,
	"place" text COLLATE "C" NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"store_code" text COLLATE "C",
	"link_codes" text[] NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"begun_at" timestamp(3) with time zone,
	"job_id" text COLLATE "C",
	"wecom_id" text COLLATE "C",
	"errcode" integer,
	"tries" integer NOT NULL,
	"due_at" timestamp(3) with time zone,
	"lease_id" uuid,
	"read_at" timestamp(3) with time zone,
	CONSTRAINT "post_tasks_brand_id_task_id_pk" PRIMARY KEY("brand_id","task_id")
);
--> statement-breakpoint
CREATE TABLE "post_ticks" (
	"brand_id" integer NOT NULL,
	"post_id" uuid NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"store_code" text COLLATE "C",
	"used_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "post_ticks_brand_id_post_id_associate_id_pk" PRIMARY KEY("brand_id","post_id","associate_id")
);
--> statement-breakpoint
CREATE TABLE "posts" (
	"brand_id" integer NOT NULL,
	"post_id" uuid NOT NULL,
	"day" text COLLATE "C" NOT NULL,
	"from_time" text COLLATE "C" NOT NULL,
	"to_time" text COLLATE "C" NOT NULL,
	"starts_at" timestamp(3) with time zone NOT NULL,
	"ends_at" timestamp(3) with time zone NOT NULL,
	"places" text[] NOT NULL,
	"text" text COLLATE "C" NOT NULL,
	"pictures" text[] NOT NULL,
	"material_ids" jsonb NOT NULL,
	"store_codes" text[],
	"regions" text[],
	"via" text COLLATE "C" NOT NULL,
	"planned_at" timestamp(3) with time zone,
	"created_at" timestamp(3) with time zone NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	"changed_by" text COLLATE "C" NOT NULL,
	"deleted_at" timestamp(3) with time zone,
	CONSTRAINT "posts_brand_id_post_id_pk" PRIMARY KEY("brand_id","post_id")
);
--> statement-breakpoint
CREATE TABLE "shelves" (
	"brand_id" integer NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"skus" text[] NOT NULL,
	"changed_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "shelves_brand_id_associate_id_pk" PRIMARY KEY("brand_id","associate_id")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "post_tasks_once" ON "post_tasks" USING btree ("brand_id","post_id","place","associate_id");
--> statement-breakpoint
CREATE UNIQUE INDEX "post_tasks_by_wecom" ON "post_tasks" USING btree ("brand_id","wecom_id") WHERE wecom_id IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "post_tasks_due" ON "post_tasks" USING btree ("brand_id","due_at") WHERE due_at IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "posts_by_day" ON "posts" USING btree ("brand_id","day","starts_at","post_id") WHERE deleted_at IS NULL;
--> statement-breakpoint
CREATE INDEX "posts_to_plan" ON "posts" USING btree ("brand_id","starts_at") WHERE via <> 'hand' AND planned_at IS NULL AND deleted_at IS NULL;
--> statement-breakpoint
GRANT SELECT, INSERT ON "pictures" TO "daogou_service";
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "materials", "shelves", "posts", "post_ticks", "post_tasks", "post_senders", "post_recipients" TO "daogou_service";
