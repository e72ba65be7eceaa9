-- Customers and groups that WeCom is asked to give to another associate.
CREATE TABLE "transfers" (
	"brand_id" integer NOT NULL,
	"transfer_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"from_associate" text COLLATE "C" NOT NULL,
	"to_associate" text COLLATE "C" NOT NULL,
	"message" text COLLATE "C",
	"reason" text COLLATE "C" NOT NULL,
	"request_hash" text COLLATE "C" NOT NULL,
	"made_by" text COLLATE "C" NOT NULL,
	"made_at" timestamp(3) with time zone NOT NULL,
	"due_at" timestamp(3) with time zone NOT NULL,
	"lease_id" uuid,
	"poll_at" timestamp(3) with time zone,
	"tries" integer NOT NULL,
	"errcode" integer,
	"address" text COLLATE "C",
	"ended_at" timestamp(3) with time zone,
	"undone_at" timestamp(3) with time zone,
	"undone_by" text COLLATE "C",
	"undo_reason" text COLLATE "C",
	CONSTRAINT "transfers_brand_id_transfer_id_pk" PRIMARY KEY("brand_id","transfer_id")
);
--> statement-breakpoint
CREATE TABLE "transfer_items" (
	"brand_id" integer NOT NULL,
	"transfer_id" uuid NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"item_id" text COLLATE "C" NOT NULL,
	"from_associate" text COLLATE "C" NOT NULL,
	"state" text COLLATE "C" NOT NULL,
	"asked_at" timestamp(3) with time zone,
	"takeover_at" timestamp(3) with time zone,
	"fault" text COLLATE "C",
	"errcode" integer,
	"ended_at" timestamp(3) with time zone,
	"member_no" text COLLATE "C",
	"held_before" text COLLATE "C",
	"returned" boolean,
	CONSTRAINT "transfer_items_brand_id_transfer_id_kind_item_id_pk" PRIMARY KEY("brand_id","transfer_id","kind","item_id")
);
--> statement-breakpoint
CREATE INDEX "transfers_due" ON "transfers" USING btree ("brand_id","due_at") WHERE ended_at IS NULL;
--> statement-breakpoint
CREATE INDEX "transfers_by_associate" ON "transfers" USING btree ("brand_id","from_associate","transfer_id");
--> statement-breakpoint
CREATE UNIQUE INDEX "transfer_items_one_open" ON "transfer_items" USING btree ("brand_id","from_associate","kind","item_id") WHERE ended_at IS NULL;
--> statement-breakpoint
CREATE INDEX "transfer_items_by_state" ON "transfer_items" USING btree ("brand_id","transfer_id","kind","state","item_id");
--> statement-breakpoint
CREATE INDEX "transfer_items_by_item" ON "transfer_items" USING btree ("brand_id","item_id","kind");
--> statement-breakpoint
CREATE INDEX "transfer_items_asked" ON "transfer_items" USING btree ("brand_id","from_associate","kind","asked_at");
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON "transfers", "transfer_items" TO "daogou_service";
