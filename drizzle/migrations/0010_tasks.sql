-- Rules for tasks, the tasks that they and associates make, and what associates write down about customers.
CREATE TABLE "task_rules" (
	"brand_id" integer NOT NULL,
	"rule_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"days" integer,
	"segment" jsonb,
	"title" text COLLATE "C" NOT NULL,
	"text" text COLLATE "C" NOT NULL,
	"target" jsonb,
	"priority" integer NOT NULL,
	"first_day" text COLLATE "C" NOT NULL,
	"last_day" text COLLATE "C",
	"store_codes" text[],
	"created_at" timestamp(3) with time zone NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL,
	"ended_at" timestamp(3) with time zone,
	CONSTRAINT "task_rules_brand_id_rule_id_pk" PRIMARY KEY("brand_id","rule_id")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"brand_id" integer NOT NULL,
	"task_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"rule_id" uuid,
	"member_no" text COLLATE "C" NOT NULL,
	"occasion" text COLLATE "C" NOT NULL,
	"title" text COLLATE "C" NOT NULL,
	"text" text COLLATE "C" NOT NULL,
	"target" jsonb,
	"priority" integer NOT NULL,
	"associate_id" text COLLATE "C",
	"store_code" text COLLATE "C",
	"made_day" text COLLATE "C" NOT NULL,
	"due_day" text COLLATE "C" NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"state" text COLLATE "C" NOT NULL,
	"reason" text COLLATE "C",
	"link_code" text COLLATE "C",
	"state_by" text COLLATE "C",
	"state_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "tasks_brand_id_task_id_pk" PRIMARY KEY("brand_id","task_id")
);
--> statement-breakpoint
CREATE TABLE "task_runs" (
	"brand_id" integer NOT NULL,
	"day" text COLLATE "C" NOT NULL,
	"position" text COLLATE "C" NOT NULL,
	"leased_until" timestamp(3) with time zone NOT NULL,
	"finished_at" timestamp(3) with time zone,
	CONSTRAINT "task_runs_brand_id_day_pk" PRIMARY KEY("brand_id","day")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_by_occasion" ON "tasks" USING btree ("brand_id","rule_id","member_no","occasion") WHERE rule_id IS NOT NULL;
--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_one_open" ON "tasks" USING btree ("brand_id","rule_id","member_no") WHERE rule_id IS NOT NULL AND state = 'open';
--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_one_a_day" ON "tasks" USING btree ("brand_id","member_no","made_day") WHERE rule_id IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "tasks_open_by_associate" ON "tasks" USING btree ("brand_id","associate_id","due_day") WHERE state = 'open';
--> statement-breakpoint
CREATE INDEX "tasks_open_by_store" ON "tasks" USING btree ("brand_id","store_code","due_day") WHERE state = 'open';
--> statement-breakpoint
CREATE INDEX "tasks_open_by_member" ON "tasks" USING btree ("brand_id","member_no") WHERE state = 'open';
--> statement-breakpoint
CREATE INDEX "tasks_ended_by_associate" ON "tasks" USING btree ("brand_id","associate_id","state_at") WHERE state <> 'open';
--> statement-breakpoint
CREATE INDEX "tasks_ended_by_store" ON "tasks" USING btree ("brand_id","store_code","state_at") WHERE state <> 'open';
--> statement-breakpoint
CREATE TABLE "questionnaires" (
	"brand_id" integer NOT NULL,
	"questionnaire_id" uuid NOT NULL,
	"fields" jsonb NOT NULL,
	"told_by" text COLLATE "C" NOT NULL,
	"told_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "questionnaires_brand_id_questionnaire_id_pk" PRIMARY KEY("brand_id","questionnaire_id")
);
--> statement-breakpoint
CREATE TABLE "member_answers" (
	"brand_id" integer NOT NULL,
	"member_no" text COLLATE "C" NOT NULL,
	"field" text COLLATE "C" NOT NULL,
	"answer_id" uuid NOT NULL,
	"value" jsonb,
	"answered_by" text COLLATE "C" NOT NULL,
	"answered_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "member_answers_brand_id_member_no_field_answer_id_pk" PRIMARY KEY("brand_id","member_no","field","answer_id")
);
--> statement-breakpoint
CREATE TABLE "member_notes" (
	"brand_id" integer NOT NULL,
	"note_id" uuid NOT NULL,
	"member_no" text COLLATE "C" NOT NULL,
	"text" text COLLATE "C" NOT NULL,
	"written_by" text COLLATE "C" NOT NULL,
	"written_at" timestamp(3) with time zone NOT NULL,
	"deleted_at" timestamp(3) with time zone,
	CONSTRAINT "member_notes_brand_id_note_id_pk" PRIMARY KEY("brand_id","note_id")
);
--> statement-breakpoint
CREATE INDEX "member_notes_by_member" ON "member_notes" USING btree ("brand_id","member_no","written_at");
--> statement-breakpoint
GRANT SELECT, INSERT ON "questionnaires", "member_answers" TO "daogou_service";
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ("deleted_at") ON "member_notes" TO "daogou_service";
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "task_rules", "tasks", "task_runs" TO "daogou_service";
