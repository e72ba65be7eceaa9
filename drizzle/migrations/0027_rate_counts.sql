CREATE UNLOGGED TABLE "rate_counts" (
	"key" text COLLATE "C" NOT NULL,
	"minute" timestamp(3) with time zone NOT NULL,
	"count" integer NOT NULL,
	CONSTRAINT "rate_counts_key_minute_pk" PRIMARY KEY("key","minute")
);
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "rate_counts" TO "daogou_service";
