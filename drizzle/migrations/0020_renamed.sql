-- People whose userid WeCom changed.
ALTER TABLE "wecom_staff" ADD COLUMN "renamed_to" text COLLATE "C";
--> statement-breakpoint
ALTER TABLE "wecom_staff" ADD COLUMN "renamed_at" timestamp(3) with time zone;
--> statement-breakpoint
CREATE INDEX "wecom_staff_renamed" ON "wecom_staff" USING btree ("brand_id","renamed_to") WHERE renamed_to IS NOT NULL;
