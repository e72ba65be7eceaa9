-- What channels, links, customer groups and products have of each day, and whom, summed ahead. Days that a version before
-- summed say so, and are summed again.
ALTER TABLE "rollup_totals" ADD COLUMN "version" integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
CREATE TABLE "rollup_key_totals" (
	"brand_id" integer NOT NULL,
	"dimension" text COLLATE "C" NOT NULL,
	"block" text COLLATE "C" NOT NULL,
	"day" date NOT NULL,
	"part" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"cells" bigint NOT NULL,
	"orders" bigint,
	"net_sales_fen" bigint,
	"net_quantity" bigint,
	"online_fen" bigint,
	"in_store_fen" bigint,
	"direct_fen" bigint,
	"indirect_fen" bigint,
	"unattributed_fen" bigint,
	"unattributed_orders" bigint,
	"unknown_buyer_orders" bigint,
	"commission_fen" bigint,
	"refund_fen" bigint,
	"shares" bigint,
	"shares_clicked" bigint,
	"clicks" bigint,
	CONSTRAINT "rollup_key_totals_pk" PRIMARY KEY("brand_id","dimension","block","day","part","key")
);
--> statement-breakpoint
CREATE TABLE "rollup_keys" (
	"brand_id" integer NOT NULL,
	"dimension" text COLLATE "C" NOT NULL,
	"store_code" text COLLATE "C" NOT NULL,
	"day" date NOT NULL,
	"part" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"orders" bigint,
	"net_sales_fen" bigint,
	"net_quantity" bigint,
	"online_fen" bigint,
	"in_store_fen" bigint,
	"direct_fen" bigint,
	"indirect_fen" bigint,
	"unattributed_fen" bigint,
	"unattributed_orders" bigint,
	"unknown_buyer_orders" bigint,
	"commission_fen" bigint,
	"refund_fen" bigint,
	"shares" bigint,
	"shares_clicked" bigint,
	"clicks" bigint,
	"people" text[],
	"winners" text[],
	CONSTRAINT "rollup_keys_pk" PRIMARY KEY("brand_id","dimension","store_code","day","part","key")
);
--> statement-breakpoint
CREATE INDEX "rollup_key_totals_by_key" ON "rollup_key_totals" USING btree ("brand_id","dimension","key","block","day");--> statement-breakpoint
CREATE INDEX "rollup_key_totals_empty" ON "rollup_key_totals" USING btree ("brand_id") WHERE cells = 0;--> statement-breakpoint
CREATE INDEX "rollup_keys_by_key" ON "rollup_keys" USING btree ("brand_id","dimension","key","day");
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON "rollup_keys", "rollup_key_totals" TO "daogou_service";
--> statement-breakpoint
-- The same as before, and whom channels, links, customer groups and products had.
CREATE OR REPLACE FUNCTION "erase_person"("brand" integer, "erasure" uuid, "id_kinds" text[], "id_values" text[], "id_tombs" text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  whose text COLLATE "C";
  numbers text[];
  asked timestamptz;
  phones text[];
  id record;
  friend record;
  prefix text COLLATE "C";
  own text COLLATE "C";
  own_tomb text COLLATE "C";
  quoted text COLLATE "C";
  quoted_tomb text COLLATE "C";
  touch_column text;
BEGIN
  SELECT e.member_no, e.member_nos, e.asked_at INTO whose, numbers, asked
  FROM erasures AS e WHERE e.brand_id = brand AND e.erasure_id = erasure AND e.ended_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no erasure is to be carried out under this number';
  END IF;
  SELECT COALESCE(array_agg(DISTINCT m.phone_hash), '{}') INTO phones FROM members AS m
  WHERE m.brand_id = brand AND m.member_no = ANY (numbers) AND m.phone_hash NOT LIKE 'erased:%';

  FOR id IN
    SELECT told.kind COLLATE "C" AS kind, told.value COLLATE "C" AS value, told.tomb COLLATE "C" AS tomb
    FROM unnest(id_kinds, id_values, id_tombs) AS told (kind, value, tomb)
  LOOP
    IF id.tomb NOT LIKE 'erased:%' OR id.kind NOT IN ('unionid', 'openid', 'external_userid', 'visitor') THEN
      RAISE EXCEPTION 'an id becomes a tombstone, and nothing else';
    END IF;
    touch_column := CASE id.kind WHEN 'visitor' THEN 'visitor_id' ELSE id.kind END;
    EXECUTE format('UPDATE touches SET %1$I = $3 WHERE brand_id = $1 AND %1$I = $2', touch_column)
      USING brand, id.value, id.tomb;
    EXECUTE format(
      'UPDATE order_revisions AS r SET %1$I = $3 FROM orders AS o
       WHERE o.brand_id = $1 AND (o.%1$I = $2 OR o.buyer = $4) AND r.brand_id = $1 AND r.source = o.source
         AND r.order_no = o.order_no AND r.%1$I = $2', touch_column)
      USING brand, id.value, id.tomb, whose;
    EXECUTE format('UPDATE orders SET %1$I = $3 WHERE brand_id = $1 AND %1$I = $2', touch_column)
      USING brand, id.value, id.tomb;
    UPDATE identities SET value = id.tomb WHERE brand_id = brand AND kind = id.kind AND value = id.value;
    -- By the stores' days that the brand had him on: there is no index by person.
    UPDATE rollup_associate_people AS a SET person = named.word || ' ' || id.tomb
    FROM (SELECT CASE id.kind WHEN 'external_userid' THEN 'contact' ELSE id.kind END AS word) AS named, rollup_people AS p
    WHERE p.brand_id = brand AND p.kind IN ('visitor', 'opener', 'winner') AND p.person = named.word || ' ' || id.value
      AND a.brand_id = brand AND a.kind = p.kind AND a.store_code = p.store_code AND a.day = p.day AND a.person = p.person;
    UPDATE rollup_keys AS k SET people = array_replace(k.people, named.word || ' ' || id.value, named.word || ' ' || id.tomb),
      winners = array_replace(k.winners, named.word || ' ' || id.value, named.word || ' ' || id.tomb)
    FROM (SELECT CASE id.kind WHEN 'external_userid' THEN 'contact' ELSE id.kind END AS word) AS named, rollup_people AS p
    WHERE p.brand_id = brand AND p.kind IN ('visitor', 'opener', 'winner') AND p.person = named.word || ' ' || id.value
      AND k.brand_id = brand AND k.dimension IN ('channel', 'link', 'group', 'product') AND k.store_code = p.store_code
      AND k.day = p.day AND (p.person = ANY (k.people) OR p.person = ANY (k.winners));
    UPDATE rollup_people AS p SET person = named.word || ' ' || id.tomb
    FROM (SELECT CASE id.kind WHEN 'external_userid' THEN 'contact' ELSE id.kind END AS word) AS named
    WHERE p.brand_id = brand AND p.kind IN ('buyer', 'visitor', 'opener', 'winner') AND p.person = named.word || ' ' || id.value;
    UPDATE rollup_marks SET keys = array_replace(keys, id.value, id.tomb), ids = array_replace(ids, id.value, id.tomb)
    WHERE brand_id = brand AND (id.value = ANY (keys) OR id.value = ANY (ids));
    UPDATE reconcile_marks SET key = id.tomb WHERE brand_id = brand AND kind = id.kind AND key = id.value;
    -- In what is kept as JSON an id is a text of its own: a short one is part of many others.
    quoted := to_json(id.value)::text;
    quoted_tomb := to_json(id.tomb)::text;
    DELETE FROM rejected_items WHERE brand_id = brand AND strpos(item::text, quoted) > 0;
    DELETE FROM associate_messages
    WHERE brand_id = brand AND (strpos(details::text, quoted) > 0 OR strpos(occasion, quoted) > 0);
    UPDATE webhook_deliveries SET data = replace(data::text, quoted, quoted_tomb)::jsonb
    WHERE brand_id = brand AND strpos(data::text, quoted) > 0;
    UPDATE activity SET details = replace(details::text, quoted, quoted_tomb)::jsonb,
      subject = array_to_string(array_replace(string_to_array(subject, '/'), id.value::text, id.tomb::text), '/')
    WHERE brand_id = brand
      AND (strpos(details::text, quoted) > 0 OR id.value = ANY (string_to_array(subject, '/')));
    UPDATE risk_findings SET details = replace(details::text, quoted, quoted_tomb)::jsonb
    WHERE brand_id = brand AND strpos(details::text, quoted) > 0;

    IF id.kind = 'external_userid' THEN
      -- A reward for a friend is booked under a key that names him.
      FOR friend IN
        SELECT DISTINCT f.associate_id FROM friend_events AS f WHERE f.brand_id = brand AND f.external_userid = id.value
      LOOP
        prefix := 'friend_added/' || replace(replace(friend.associate_id, '%', '%25'), '/', '%2F') || '/';
        UPDATE reward_entitlements SET external_userid = id.tomb,
          subject_key = prefix || id.tomb || substr(subject_key, length(prefix || id.value) + 1)
        WHERE brand_id = brand AND external_userid = id.value AND starts_with(subject_key, prefix || id.value || '/');
        UPDATE ledger_rows SET subject_key = prefix || id.tomb || substr(subject_key, length(prefix || id.value) + 1)
        WHERE brand_id = brand AND subject = 'event' AND subject_key >= prefix || id.value || '/'
          AND subject_key < prefix || id.value || '0';
        UPDATE webhook_deliveries
        SET data = replace(data::text, prefix || id.value || '/', prefix || id.tomb || '/')::jsonb
        WHERE brand_id = brand AND strpos(data::text, prefix || id.value || '/') > 0;
      END LOOP;
      UPDATE friend_events SET external_userid = id.tomb WHERE brand_id = brand AND external_userid = id.value;
      UPDATE reward_marks SET key = id.tomb WHERE brand_id = brand AND kind = 'customer' AND key = id.value;
      UPDATE binding_marks SET key = id.tomb WHERE brand_id = brand AND kind = 'external_userid' AND key = id.value;
      UPDATE derived_assignments SET event_id = left(event_id, -length(id.value)) || id.tomb
      WHERE brand_id = brand AND member_no = ANY (numbers) AND event_kind = 'friend_added'
        AND right(event_id, length(id.value) + 1) = '/' || id.value;
      UPDATE share_links SET sent_to_external_userid = id.tomb WHERE brand_id = brand AND sent_to_external_userid = id.value;
      UPDATE customer_links SET external_userid = id.tomb WHERE brand_id = brand AND external_userid = id.value;
      UPDATE channel_welcomes SET external_userid = id.tomb, code_encrypted = NULL
      WHERE brand_id = brand AND external_userid = id.value;
      UPDATE channel_chats SET external_userid = id.tomb WHERE brand_id = brand AND external_userid = id.value;
      UPDATE post_recipients SET recipient = id.tomb WHERE brand_id = brand AND recipient = id.value;
      UPDATE transfer_items SET item_id = id.tomb WHERE brand_id = brand AND kind = 'customer' AND item_id = id.value;
      UPDATE wecom_group_members SET member_id = id.tomb, name = NULL WHERE brand_id = brand AND member_id = id.value;
      DELETE FROM wecom_friends WHERE brand_id = brand AND external_userid = id.value;
      DELETE FROM wecom_customers WHERE brand_id = brand AND external_userid = id.value;
      DELETE FROM friend_changes WHERE brand_id = brand AND external_userid = id.value;
      DELETE FROM wecom_inbox WHERE brand_id = brand AND lane = id.value;
      -- The number that stands for a contact whom nobody knows is made of his id.
      own := 'contact:' || id.value;
      own_tomb := 'contact:' || id.tomb;
      UPDATE identities SET member_no = own_tomb WHERE brand_id = brand AND member_no = own;
      UPDATE members SET member_no = own_tomb WHERE brand_id = brand AND member_no = own;
      UPDATE members SET last_member_no = own_tomb WHERE brand_id = brand AND last_member_no = own;
      UPDATE reconcile_marks SET key = own_tomb WHERE brand_id = brand AND kind = 'member' AND key = own;
      UPDATE customer_links SET member_before = own_tomb WHERE brand_id = brand AND member_before = own;
    END IF;
  END LOOP;

  -- A phone number finds orders that name nobody: there it becomes a tombstone with the member's. Elsewhere it says nothing.
  UPDATE order_revisions AS r SET phone_encrypted = NULL,
    phone_hash = CASE WHEN o.buyer = whose AND r.phone_hash = ANY (phones) THEN 'erased:' || r.phone_hash END
  FROM orders AS o
  WHERE o.brand_id = brand AND (o.buyer = whose OR o.phone_hash = ANY (phones)) AND r.brand_id = brand
    AND r.source = o.source AND r.order_no = o.order_no AND (r.phone_hash IS NOT NULL OR r.phone_encrypted IS NOT NULL)
    AND (o.buyer = whose OR r.phone_hash = ANY (phones)) AND COALESCE(r.phone_hash, '') NOT LIKE 'erased:%';
  UPDATE orders AS o SET phone_hash =
    CASE WHEN o.buyer = whose AND o.phone_hash = ANY (phones) THEN 'erased:' || o.phone_hash END
  WHERE o.brand_id = brand AND (o.buyer = whose OR o.phone_hash = ANY (phones)) AND o.phone_hash IS NOT NULL
    AND o.phone_hash NOT LIKE 'erased:%';
  UPDATE reconcile_marks SET key = 'erased:' || key WHERE brand_id = brand AND kind = 'phone' AND key = ANY (phones);
  INSERT INTO erased_ids (brand_id, kind, id_hash, erased_at)
  SELECT brand, 'phone', phone, asked FROM unnest(phones) AS phone
  ON CONFLICT (brand_id, kind, id_hash) DO UPDATE SET erased_at = GREATEST(erased_ids.erased_at, EXCLUDED.erased_at);

  DELETE FROM member_notes WHERE brand_id = brand AND member_no = ANY (numbers);
  DELETE FROM member_answers WHERE brand_id = brand AND member_no = ANY (numbers);
  DELETE FROM task_rule_members WHERE brand_id = brand AND member_no = ANY (numbers);
  UPDATE tasks SET title = CASE WHEN rule_id IS NULL THEN '' ELSE title END,
    text = CASE WHEN rule_id IS NULL THEN '' ELSE text END,
    reason = CASE WHEN state = 'open' THEN 'erased' ELSE reason END,
    state_at = CASE WHEN state = 'open' THEN asked ELSE state_at END,
    state = CASE WHEN state = 'open' THEN 'closed' ELSE state END
  WHERE brand_id = brand AND member_no = ANY (numbers);
  UPDATE member_assignments SET reason = NULL WHERE brand_id = brand AND member_no = ANY (numbers);
  DELETE FROM rejected_items WHERE brand_id = brand AND item ->> 'memberNo' = ANY (numbers);
  UPDATE members SET name = NULL, phone_encrypted = NULL,
    phone_hash = CASE WHEN phone_hash LIKE 'erased:%' THEN phone_hash ELSE 'erased:' || phone_hash END,
    points = NULL, balance_fen = NULL, birth_month = NULL, birth_day = NULL, birth_year_encrypted = NULL,
    follows_official_account = NULL, mini_program_authorised = NULL, tags = '{}', consent_tracking = NULL,
    consent_marketing = NULL, erased_at = asked, updated_at = asked
  WHERE brand_id = brand AND member_no = ANY (numbers);
  UPDATE erasures SET ended_at = date_trunc('milliseconds', clock_timestamp()) WHERE brand_id = brand AND erasure_id = erasure;
END
$$;
