CREATE TABLE "adjustment_decisions" (
	"brand_id" integer NOT NULL,
	"adjustment_id" uuid NOT NULL,
	"confirmed" boolean NOT NULL,
	"reason" text COLLATE "C",
	"decided_by" text COLLATE "C" NOT NULL,
	"decider_id" text COLLATE "C" NOT NULL,
	"decided_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "adjustment_decisions_brand_id_adjustment_id_pk" PRIMARY KEY("brand_id","adjustment_id")
);
--> statement-breakpoint
CREATE TABLE "adjustments" (
	"brand_id" integer NOT NULL,
	"adjustment_id" uuid NOT NULL,
	"adjustment_no" text COLLATE "C",
	"kind" text COLLATE "C" NOT NULL,
	"payee_kind" text COLLATE "C" NOT NULL,
	"payee" text COLLATE "C" NOT NULL,
	"bearer_kind" text COLLATE "C" NOT NULL,
	"bearer" text COLLATE "C" NOT NULL,
	"amount_fen" bigint NOT NULL,
	"reason" text COLLATE "C" NOT NULL,
	"available_at" timestamp(3) with time zone,
	"reverses" uuid,
	"made_by" text COLLATE "C" NOT NULL,
	"maker_id" text COLLATE "C" NOT NULL,
	"made_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "adjustments_brand_id_adjustment_id_pk" PRIMARY KEY("brand_id","adjustment_id")
);
--> statement-breakpoint
CREATE TABLE "binding_marks" (
	"brand_id" integer NOT NULL,
	"mark_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"marked_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "binding_marks_brand_id_mark_id_pk" PRIMARY KEY("brand_id","mark_id")
);
--> statement-breakpoint
CREATE TABLE "binding_policies" (
	"brand_id" integer NOT NULL,
	"policy_id" uuid NOT NULL,
	"effective_from" timestamp(3) with time zone,
	"content" jsonb NOT NULL,
	"told_by" text COLLATE "C" NOT NULL,
	"told_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "binding_policies_brand_id_policy_id_pk" PRIMARY KEY("brand_id","policy_id")
);
--> statement-breakpoint
CREATE TABLE "derived_assignments" (
	"brand_id" integer NOT NULL,
	"member_no" text COLLATE "C" NOT NULL,
	"from_at" timestamp(3) with time zone NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"event_kind" text COLLATE "C" NOT NULL,
	"event_id" text COLLATE "C" NOT NULL,
	CONSTRAINT "derived_assignments_brand_id_member_no_from_at_pk" PRIMARY KEY("brand_id","member_no","from_at")
);
--> statement-breakpoint
CREATE TABLE "handover_members" (
	"brand_id" integer NOT NULL,
	"handover_id" uuid NOT NULL,
	"member_no" text COLLATE "C" NOT NULL,
	"to_associate" text COLLATE "C" NOT NULL,
	CONSTRAINT "handover_members_brand_id_handover_id_member_no_pk" PRIMARY KEY("brand_id","handover_id","member_no")
);
--> statement-breakpoint
CREATE TABLE "handovers" (
	"brand_id" integer NOT NULL,
	"handover_id" uuid NOT NULL,
	"from_associate" text COLLATE "C" NOT NULL,
	"reason" text COLLATE "C" NOT NULL,
	"from_at" timestamp(3) with time zone NOT NULL,
	"made_by" text COLLATE "C" NOT NULL,
	"made_at" timestamp(3) with time zone NOT NULL,
	"undone_at" timestamp(3) with time zone,
	"undone_by" text COLLATE "C",
	"undo_reason" text COLLATE "C",
	CONSTRAINT "handovers_brand_id_handover_id_pk" PRIMARY KEY("brand_id","handover_id")
);
--> statement-breakpoint
CREATE TABLE "dispute_decisions" (
	"brand_id" integer NOT NULL,
	"dispute_id" uuid NOT NULL,
	"outcome" text COLLATE "C" NOT NULL,
	"reason" text COLLATE "C",
	"override_id" uuid,
	"decided_by" text COLLATE "C" NOT NULL,
	"decided_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "dispute_decisions_brand_id_dispute_id_pk" PRIMARY KEY("brand_id","dispute_id")
);
--> statement-breakpoint
CREATE TABLE "disputes" (
	"brand_id" integer NOT NULL,
	"dispute_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"source" text COLLATE "C" NOT NULL,
	"order_no" text COLLATE "C" NOT NULL,
	"role" text COLLATE "C" NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"store_code" text COLLATE "C",
	"text" text COLLATE "C" NOT NULL,
	"opened_by" text COLLATE "C" NOT NULL,
	"opened_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "disputes_brand_id_dispute_id_pk" PRIMARY KEY("brand_id","dispute_id")
);
--> statement-breakpoint
CREATE TABLE "notices" (
	"brand_id" integer NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"notice_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"details" jsonb NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"read_at" timestamp(3) with time zone,
	CONSTRAINT "notices_brand_id_associate_id_notice_id_pk" PRIMARY KEY("brand_id","associate_id","notice_id")
);
--> statement-breakpoint
CREATE TABLE "risk_decisions" (
	"brand_id" integer NOT NULL,
	"finding_id" uuid NOT NULL,
	"decision_id" uuid NOT NULL,
	"action" text COLLATE "C" NOT NULL,
	"reason" text COLLATE "C" NOT NULL,
	"decided_by" text COLLATE "C" NOT NULL,
	"decided_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "risk_decisions_brand_id_finding_id_decision_id_pk" PRIMARY KEY("brand_id","finding_id","decision_id")
);
--> statement-breakpoint
CREATE TABLE "risk_findings" (
	"brand_id" integer NOT NULL,
	"finding_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"source" text COLLATE "C",
	"order_no" text COLLATE "C",
	"associate_id" text COLLATE "C",
	"store_code" text COLLATE "C",
	"details" jsonb NOT NULL,
	"found_at" timestamp(3) with time zone NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	CONSTRAINT "risk_findings_brand_id_kind_key_pk" PRIMARY KEY("brand_id","kind","key")
);
--> statement-breakpoint
CREATE TABLE "friend_events" (
	"brand_id" integer NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"external_userid" text COLLATE "C" NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"ended_by" text COLLATE "C",
	"state" text COLLATE "C",
	"received_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "friend_events_brand_id_associate_id_external_userid_kind_at_pk" PRIMARY KEY("brand_id","associate_id","external_userid","kind","at")
);
--> statement-breakpoint
CREATE TABLE "reward_entitlements" (
	"brand_id" integer NOT NULL,
	"subject_key" text COLLATE "C" NOT NULL,
	"event" text COLLATE "C" NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"member_no" text COLLATE "C",
	"external_userid" text COLLATE "C",
	"payee_kind" text COLLATE "C" NOT NULL,
	"payee" text COLLATE "C" NOT NULL,
	"bearer_kind" text COLLATE "C" NOT NULL,
	"bearer" text COLLATE "C" NOT NULL,
	"rule_id" text COLLATE "C" NOT NULL,
	"plan_code" text COLLATE "C" NOT NULL,
	"plan_version" integer NOT NULL,
	"available_at" timestamp(3) with time zone NOT NULL,
	"amount_fen" bigint NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "reward_entitlements_pkey" PRIMARY KEY("brand_id","subject_key","payee_kind","payee","bearer_kind","bearer","rule_id","plan_code","plan_version","available_at")
);
--> statement-breakpoint
CREATE TABLE "reward_marks" (
	"brand_id" integer NOT NULL,
	"mark_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"reason" text COLLATE "C" NOT NULL,
	"marked_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "reward_marks_brand_id_mark_id_pk" PRIMARY KEY("brand_id","mark_id")
);
--> statement-breakpoint
CREATE TABLE "task_events" (
	"brand_id" integer NOT NULL,
	"task_id" text COLLATE "C" NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"associate_id" text COLLATE "C" NOT NULL,
	"task" text COLLATE "C" NOT NULL,
	"member_no" text COLLATE "C",
	"received_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "task_events_brand_id_task_id_at_kind_pk" PRIMARY KEY("brand_id","task_id","at","kind")
);
--> statement-breakpoint
CREATE TABLE "settlement_parts" (
	"brand_id" integer NOT NULL,
	"settlement_id" uuid NOT NULL,
	"payee_kind" text COLLATE "C" NOT NULL,
	"payee" text COLLATE "C" NOT NULL,
	"bearer_kind" text COLLATE "C" NOT NULL,
	"bearer" text COLLATE "C" NOT NULL,
	"purpose" text COLLATE "C" NOT NULL,
	"total_fen" bigint NOT NULL,
	"row_count" integer NOT NULL,
	"carried" boolean NOT NULL,
	CONSTRAINT "settlement_parts_pkey" PRIMARY KEY("brand_id","settlement_id","payee_kind","payee","bearer_kind","bearer","purpose")
);
--> statement-breakpoint
CREATE TABLE "plan_withdrawals" (
	"brand_id" integer NOT NULL,
	"code" text COLLATE "C" NOT NULL,
	"version" integer NOT NULL,
	"withdrawn_at" timestamp(3) with time zone NOT NULL,
	"withdrawn_by" text COLLATE "C" NOT NULL,
	CONSTRAINT "plan_withdrawals_brand_id_code_version_pk" PRIMARY KEY("brand_id","code","version")
);
--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "lease_id" uuid;
--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "leased_until" timestamp(3) with time zone;
--> statement-breakpoint
CREATE TABLE "settlement_payments" (
	"brand_id" integer NOT NULL,
	"settlement_id" uuid NOT NULL,
	"payee_kind" text COLLATE "C" NOT NULL,
	"payee" text COLLATE "C" NOT NULL,
	"payment_id" uuid NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"amount_fen" bigint NOT NULL,
	"reference" text COLLATE "C",
	"reason" text COLLATE "C",
	"at" timestamp(3) with time zone NOT NULL,
	"recorded_by" text COLLATE "C" NOT NULL,
	"recorded_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "settlement_payments_pkey" PRIMARY KEY("brand_id","settlement_id","payee_kind","payee","payment_id")
);
--> statement-breakpoint
CREATE TABLE "settlement_statements" (
	"brand_id" integer NOT NULL,
	"settlement_id" uuid NOT NULL,
	"payee_kind" text COLLATE "C" NOT NULL,
	"payee" text COLLATE "C" NOT NULL,
	"payee_type" text COLLATE "C",
	"total_fen" bigint NOT NULL,
	"row_count" integer NOT NULL,
	"carried" boolean NOT NULL,
	CONSTRAINT "settlement_statements_pkey" PRIMARY KEY("brand_id","settlement_id","payee_kind","payee")
);
--> statement-breakpoint
DROP INDEX "settlement_rows_by_payee";
--> statement-breakpoint
ALTER TABLE "settlement_rows" DROP CONSTRAINT "settlement_rows_brand_id_row_id_pk";
--> statement-breakpoint
ALTER TABLE "settlement_rows" ADD COLUMN "booked_at" timestamp(3) with time zone NOT NULL;
--> statement-breakpoint
ALTER TABLE "settlement_rows" ADD COLUMN "carried" boolean NOT NULL;
--> statement-breakpoint
ALTER TABLE "settlements" ADD COLUMN "total_fen" bigint NOT NULL;
--> statement-breakpoint
ALTER TABLE "settlements" ADD COLUMN "statement_count" integer NOT NULL;
--> statement-breakpoint
ALTER TABLE "settlements" ADD COLUMN "carried_count" integer NOT NULL;
--> statement-breakpoint
ALTER TABLE "settlements" ADD COLUMN "row_count" integer NOT NULL;
--> statement-breakpoint
ALTER TABLE "settlement_rows" ADD CONSTRAINT "settlement_rows_pkey" PRIMARY KEY("brand_id","settlement_id","payee_kind","payee","booked_at","row_id");
--> statement-breakpoint
CREATE UNIQUE INDEX "adjustments_by_number" ON "adjustments" USING btree ("brand_id","adjustment_no") WHERE adjustment_no IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "adjustments_by_payee" ON "adjustments" USING btree ("brand_id","payee_kind","payee");
--> statement-breakpoint
CREATE INDEX "adjustments_by_reversed" ON "adjustments" USING btree ("brand_id","reverses") WHERE reverses IS NOT NULL;
--> statement-breakpoint
CREATE INDEX "derived_assignments_by_associate" ON "derived_assignments" USING btree ("brand_id","associate_id");
--> statement-breakpoint
CREATE INDEX "disputes_by_order" ON "disputes" USING btree ("brand_id","source","order_no");
--> statement-breakpoint
CREATE INDEX "disputes_by_associate" ON "disputes" USING btree ("brand_id","associate_id");
--> statement-breakpoint
CREATE INDEX "orders_unattributed" ON "orders" USING btree ("brand_id","paid_at","source","order_no") WHERE is_unattributed;
--> statement-breakpoint
CREATE UNIQUE INDEX "risk_findings_by_id" ON "risk_findings" USING btree ("brand_id","finding_id");
--> statement-breakpoint
CREATE INDEX "risk_findings_by_status" ON "risk_findings" USING btree ("brand_id","status","found_at","finding_id");
--> statement-breakpoint
CREATE INDEX "friend_events_by_customer" ON "friend_events" USING btree ("brand_id","external_userid","at");
--> statement-breakpoint
CREATE INDEX "reward_entitlements_by_payee" ON "reward_entitlements" USING btree ("brand_id","payee_kind","payee","at");
--> statement-breakpoint
CREATE INDEX "reward_entitlements_by_time" ON "reward_entitlements" USING btree ("brand_id","at","subject_key");
--> statement-breakpoint
CREATE INDEX "task_events_by_associate" ON "task_events" USING btree ("brand_id","associate_id");
--> statement-breakpoint
CREATE INDEX "settlement_parts_by_bearer" ON "settlement_parts" USING btree ("brand_id","settlement_id","bearer_kind","bearer");
--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_payments_paid_once" ON "settlement_payments" USING btree ("brand_id","settlement_id","payee_kind","payee") WHERE status = 'paid';
--> statement-breakpoint
CREATE INDEX "ledger_rows_by_subject" ON "ledger_rows" USING btree ("brand_id","subject","subject_key") WHERE subject IN ('event', 'adjustment');
--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_rows_once" ON "settlement_rows" USING btree ("brand_id","payee_kind","payee","row_id") WHERE NOT carried;
--> statement-breakpoint
-- Evidence: read and add.
GRANT SELECT, INSERT ON
  "friend_events", "task_events", "adjustments", "adjustment_decisions", "disputes", "dispute_decisions",
  "settlement_payments", "risk_decisions", "binding_policies", "handovers", "handover_members", "plan_withdrawals"
TO "daogou_service";
--> statement-breakpoint
-- A handover is undone once.
GRANT UPDATE ("undone_at", "undone_by", "undo_reason") ON "handovers" TO "daogou_service";
--> statement-breakpoint
-- What follows from evidence, and what waits to be worked on.
GRANT SELECT, INSERT, UPDATE, DELETE ON
  "reward_entitlements", "reward_marks", "derived_assignments", "binding_marks", "notices", "risk_findings",
  "settlement_statements", "settlement_parts"
TO "daogou_service";
