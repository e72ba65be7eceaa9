-- Rules can be off, are capped a night, and may be for a list of members; coupons of some stores; pictures elsewhere.
ALTER TABLE "task_rules" ADD COLUMN "is_on" boolean DEFAULT true NOT NULL;
--> statement-breakpoint
ALTER TABLE "task_rules" ADD COLUMN "nightly_max" integer;
--> statement-breakpoint
CREATE TABLE "task_rule_members" (
	"brand_id" integer NOT NULL,
	"rule_id" uuid NOT NULL,
	"member_no" text COLLATE "C" NOT NULL,
	CONSTRAINT "task_rule_members_brand_id_member_no_rule_id_pk" PRIMARY KEY("brand_id","member_no","rule_id")
);
--> statement-breakpoint
CREATE INDEX "task_rule_members_by_rule" ON "task_rule_members" USING btree ("brand_id","rule_id");
--> statement-breakpoint
CREATE INDEX "tasks_by_rule_and_day" ON "tasks" USING btree ("brand_id","rule_id","made_day") WHERE rule_id IS NOT NULL;
--> statement-breakpoint
ALTER TABLE "coupons" ADD COLUMN "store_codes" text[];
--> statement-breakpoint
CREATE INDEX "coupon_events_by_coupon" ON "coupon_events" USING btree ("brand_id","coupon_code","kind");
--> statement-breakpoint
ALTER TABLE "pictures" ALTER COLUMN "bytes" DROP NOT NULL;
--> statement-breakpoint
CREATE INDEX "share_links_by_target" ON "share_links" USING btree ("brand_id",(target ->> 'kind'),(target ->> 'ref'));
--> statement-breakpoint
CREATE INDEX "orders_by_sharer_link" ON "orders" USING btree ("brand_id","sharer_link") WHERE sharer_link IS NOT NULL;
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON task_rule_members TO daogou_service;
