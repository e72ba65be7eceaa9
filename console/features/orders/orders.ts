/** What the service answers about orders, as far as the console shows it; see docs/commission.md. */
export interface OrderQuery {
  from?: string
  to?: string
  storeCode?: string | undefined
  associate?: string | undefined
  attributed?: string | undefined
  cursor?: string | undefined
}

export interface ListedOrder {
  source: string
  orderNo: string
  channel: 'online' | 'in_store'
  paidAt: string
  cancelled: boolean
  sellingStore: string | null
  memberNo: string | null
  netFen: number
  commissionFen: number
  relation: 'direct' | 'indirect' | null
  attributed: boolean
}

export interface OrderPage {
  items: ListedOrder[]
  nextCursor: string | null
}

export interface OrderRole {
  role: string
  holder: string | null
  because: string
}

export interface OrderLineRole {
  role: string
  payeeKind: string
  payee: string
  ruleId: string | null
  rateBps: number | null
  perUnitFen: number | null
  bearer: string
  amountFen: number
  afterSameAssociateFen: number
  afterCapFen: number
}

export interface Order {
  source: string
  orderNo: string
  channel: 'online' | 'in_store'
  paidAt: string
  cancelled: boolean
  onHold: boolean
  plan: { code: string; version: number } | null
  relation: 'direct' | 'indirect' | null
  buyer: { memberNo: string; recognisedBy: string } | null
  netFen: number
  roles: OrderRole[]
  candidates: { linkCode: string; associateId: string | null; kind: string; at: string; outcome: string }[]
  lines: {
    lineNo: number
    sku: string
    paidFen: number
    refundedFen: number
    netFen: number
    roles: OrderLineRole[]
  }[]
}
