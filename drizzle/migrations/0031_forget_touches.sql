-- The same as before, found by index: a batch read the touches of all months, of which a big brand has millions.
-- Takes away whose these touches were, but for those that won an order, and those that an associate made by sending.
-- Looks at so many from a place on. Gives the place where it stopped; null at the end.
CREATE OR REPLACE FUNCTION "forget_touches"(
  "brand" integer, "visitors_before" timestamptz, "all_before" timestamptz,
  "after_at" timestamptz, "after_touch" text, "most" integer
) RETURNS TABLE ("stopped_at" timestamptz, "stopped_touch" text, "forgotten" integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
  first_at timestamptz := COALESCE(after_at, '-infinity');
  first_touch text COLLATE "C" := COALESCE(after_touch, '');
  before timestamptz := GREATEST(visitors_before, all_before);
  last_at timestamptz;
  last_touch text COLLATE "C";
  changed integer;
BEGIN
  IF before > now() - interval '30 days' THEN
    RAISE EXCEPTION 'touches of the last 30 days are not forgotten';
  END IF;
  SELECT t.at, t.touch_id INTO last_at, last_touch FROM touches AS t
  WHERE t.brand_id = brand AND t.at >= first_at AND t.at < before AND (t.at, t.touch_id) > (first_at, first_touch)
  ORDER BY t.at, t.touch_id OFFSET most - 1 LIMIT 1;
  UPDATE touches AS t SET visitor_id = NULL,
    member_no = CASE WHEN t.at < all_before THEN NULL ELSE t.member_no END,
    unionid = CASE WHEN t.at < all_before THEN NULL ELSE t.unionid END,
    openid = CASE WHEN t.at < all_before THEN NULL ELSE t.openid END,
    external_userid = CASE WHEN t.at < all_before THEN NULL ELSE t.external_userid END
  WHERE t.brand_id = brand AND t.at >= first_at AND t.at <= COALESCE(last_at, before) AND t.at < before
    AND (t.at, t.touch_id) > (first_at, first_touch)
    AND (last_at IS NULL OR (t.at, t.touch_id) <= (last_at, last_touch))
    AND t.kind <> 'sent'
    AND (t.visitor_id IS NOT NULL OR (t.at < all_before
      AND COALESCE(t.member_no, t.unionid, t.openid, t.external_userid) IS NOT NULL))
    AND NOT EXISTS (
      SELECT FROM orders AS o
      WHERE o.brand_id = brand AND o.sharer_link = t.link_code AND o.sharer_touch = t.touch_id);
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN QUERY SELECT last_at, last_touch, changed;
END
$$;
