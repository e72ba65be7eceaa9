-- What figures by link, channel and group are summed by: which share won an order. And the units left of it.
ALTER TABLE "orders" ADD COLUMN "sharer_link" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "sharer_touch" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "net_quantity" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "share_links_by_time" ON "share_links" USING btree ("brand_id",COALESCE("created_at", "received_at"));--> statement-breakpoint
CREATE INDEX "refund_revisions_by_time" ON "refund_revisions" USING btree ("brand_id","refunded_at");--> statement-breakpoint
CREATE INDEX "members_by_joined" ON "members" USING btree ("brand_id","joined_at") WHERE joined_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "friend_events_by_time" ON "friend_events" USING btree ("brand_id","at");--> statement-breakpoint
-- Orders that are there are decided anew for it; nothing of what they owe changes.
INSERT INTO "reconcile_marks" ("brand_id", "mark_id", "kind", "key", "order_no", "reason", "marked_at")
SELECT "brand_id", gen_random_uuid(), 'order', "source", "order_no", 'evidence', now() FROM "orders" WHERE "revision" IS NOT NULL;
