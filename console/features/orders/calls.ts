import { api } from '../../../sidebar/lib/session.ts'
import type { Order, OrderPage, OrderQuery } from './orders.ts'

const part = encodeURIComponent

/** What every page asks of orders: the list that a figure drills down to, and why one pays what it pays. */
export const calls = {
  readOrders: (where: OrderQuery, signal?: AbortSignal) => api.get<OrderPage>('/orders', { ...where }, signal),
  explainOrder: (source: string, orderNo: string, signal?: AbortSignal) =>
    api.get<Order>(`/orders/${part(source)}/${part(orderNo)}/commission`, {}, signal),
}
