-- What came of a coupon by each link.
CREATE INDEX "coupon_events_by_link" ON "coupon_events" USING btree ("brand_id","coupon_code","link_code") WHERE link_code IS NOT NULL;
