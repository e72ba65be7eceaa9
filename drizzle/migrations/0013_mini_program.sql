-- Mini-program codes and URL links of share links, as WeChat gave them.
CREATE TABLE "mini_program_codes" (
	"brand_id" integer NOT NULL,
	"link_code" text COLLATE "C" NOT NULL,
	"app_id" text COLLATE "C" NOT NULL,
	"picture" "bytea" NOT NULL,
	"made_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "mini_program_codes_brand_id_link_code_pk" PRIMARY KEY("brand_id","link_code")
);
--> statement-breakpoint
CREATE TABLE "mini_program_links" (
	"brand_id" integer NOT NULL,
	"link_code" text COLLATE "C" NOT NULL,
	"app_id" text COLLATE "C" NOT NULL,
	"url" text COLLATE "C",
	"expires_at" timestamp(3) with time zone,
	"used_at" timestamp(3) with time zone NOT NULL,
	"retry_at" timestamp(3) with time zone NOT NULL,
	"errcode" integer,
	CONSTRAINT "mini_program_links_brand_id_link_code_pk" PRIMARY KEY("brand_id","link_code")
);
--> statement-breakpoint
CREATE INDEX "mini_program_links_by_expiry" ON "mini_program_links" USING btree ("brand_id","expires_at") WHERE url IS NOT NULL;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "mini_program_codes", "mini_program_links" TO "daogou_service";
