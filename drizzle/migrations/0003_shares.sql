CREATE TABLE "shares" (
	"brand_id" integer NOT NULL,
	"share_id" uuid NOT NULL,
	"link_code" text COLLATE "C" NOT NULL,
	"content_hash" "bytea" NOT NULL,
	CONSTRAINT "shares_brand_id_share_id_pk" PRIMARY KEY("brand_id","share_id")
);
--> statement-breakpoint
CREATE INDEX "products_by_name" ON "products" USING btree ("brand_id","name","sku");--> statement-breakpoint
CREATE INDEX "orders_by_associates" ON "orders" USING gin ("associates");
--> statement-breakpoint
-- As made for ever.
GRANT SELECT, INSERT ON "shares" TO "daogou_service";
