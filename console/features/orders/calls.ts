import type { BehindPage, BehindQuery } from '../../../server/features/drill-down/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'
import { FIGURES_TIMEOUT_MS } from '../../lib/figures.ts'
import type { Order, OrderPage, OrderQuery } from './orders.ts'

type BehindWhere = { [K in keyof BehindQuery]: BehindQuery[K] | undefined }
const part = encodeURIComponent

/** What every page asks of orders: the list that a figure drills down to, and why one pays what it pays. */
export const calls = {
  readOrders: (where: OrderQuery, signal?: AbortSignal) => api.get<OrderPage>('/orders', { ...where }, signal),
  /** The orders behind a figure, and what they add up to. */
  readBehind: (where: BehindWhere, signal?: AbortSignal) =>
    api.get<BehindPage>('/performance/orders', { ...where }, signal, FIGURES_TIMEOUT_MS),
  explainOrder: (source: string, orderNo: string, signal?: AbortSignal) =>
    api.get<Order>(`/orders/${part(source)}/${part(orderNo)}/commission`, {}, signal),
}
