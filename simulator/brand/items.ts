/** Items as the ingest API takes them, so far as the demo brand uses their fields. */

export type StoreItem = {
  storeCode: string
  name: string
  type: 'direct' | 'franchise'
  region: string
  franchiseeId?: string
}

export type AssociateItem = {
  associateId: string
  name: string
  storeCode?: string
  kind: 'store' | 'office' | 'customer'
  role: 'associate' | 'manager' | 'franchisee' | 'headquarters' | 'auditor'
  franchiseeId?: string
  memberNo?: string
  activeFrom: string
  activeTo?: string
  invitedBy?: string
  payeeType?: 'employee' | 'individual' | 'company'
}

export type MemberItem = {
  memberNo: string
  name?: string
  phone?: string
  level?: string
  points?: number
  balanceFen?: number
  birthday?: string
  joinedAt?: string
  openingStore?: string
  openingAssociate?: string
  followsOfficialAccount?: boolean
  miniProgramAuthorised?: boolean
  tags?: string[]
  consents?: { tracking: boolean; marketing: boolean }
}

export type ProductItem = {
  sku: string
  name: string
  category: string
  priceFen: number
  listFen: number
  imageUrl: string
  path: string
  stock: number
}

export type CouponItem = {
  couponCode: string
  name: string
  kind: 'amount' | 'discount' | 'gift'
  amountFen?: number
  discountBps?: number
  minimumFen?: number
  validFrom: string
  validTo: string
  stock?: number
}

export type CouponEventItem = {
  eventId: string
  couponCode: string
  kind: 'issued' | 'claimed' | 'redeemed' | 'expired'
  memberNo: string
  at: string
  linkCode?: string
}

export type TargetItem = { month: string; storeCode?: string; associateId?: string; netSalesFen: number }

export type ShareChannel = 'single_chat' | 'group_chat' | 'moments' | 'poster' | 'live'

export type ShareLinkItem = {
  linkCode: string
  associateId: string
  storeCode?: string
  target: {
    kind: 'product' | 'page' | 'live' | 'coupon' | 'activity' | 'store' | 'enrol'
    ref: string
    title: string
    path: string
  }
  channel: ShareChannel
  createdAt: string
  revokedAt?: string
}

/** Who did it: a member number where the system at hand knows one, else an id that an identity links to him. */
export type Visitor = {
  memberNo?: string
  unionid?: string
  externalUserid?: string
  openid?: string
  visitorId?: string
}

export type TouchItem = Visitor & {
  touchId: string
  linkCode?: string
  at: string
  kind: 'click' | 'visit' | 'scan' | 'live_enter' | 'coupon_claim' | 'sent'
  channel?: ShareChannel
  page?: { kind: string; ref: string; title: string }
}

/** Identities call the WeCom id `external_userid`, touches and orders `externalUserid`: both are the contract's names. */
export type IdentityItem = {
  kind: 'unionid' | 'openid' | 'external_userid' | 'visitor'
  value: string
  memberNo: string
  at: string
}

export type AssignmentItem = {
  memberNo: string
  from: string
  attributedAssociate: string
  homeStore: string
  reason: string
}

export type OrderItem = Visitor & {
  source: string
  orderNo: string
  revision?: number
  channel: 'online' | 'in_store'
  paidAt: string
  completedAt?: string
  phone?: string
  sellingStore?: string
  closer?: string
  shareCode?: string
  cancelled?: boolean
  lines: {
    lineNo: number
    sku: string
    name: string
    category: string
    quantity: number
    paidFen: number
    listFen: number
    closer?: string
  }[]
}

export type RefundItem = {
  source: string
  refundNo: string
  orderNo: string
  refundedAt: string
  lines: { lineNo: number; quantity: number; refundFen: number }[]
}

export type OverrideItem = {
  source: string
  orderNo: string
  role: 'sharer' | 'closer'
  associateId: string
  reason: string
}

export type Plan = {
  code: string
  version: number
  effectiveFrom: string
  effectiveTo: null
  attribution: { model: 'last_touch'; windowDays: number }
  holdDays: number
  sameAssociate: 'sum'
  lineCapBps: number
  rules: { id: string; role: string; when: Record<string, unknown>; rateBps: number; bearer: string }[]
  monthlyTiers: {
    roles: string[]
    mode: 'marginal'
    bearer: string
    steps: { fromFen: number; rateBps: number }[]
  }
}
