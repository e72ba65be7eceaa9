/**
 * The customers are dealt out to so many shards. Each customer's whole history is in one of them, so what came before
 * is known there; shards are made at the same time. A constant: the data is the same on every machine.
 */
export const SHARDS = 2

/** Shards take turns with so many members, then with so many orders: written in that order, keys come sorted. */
export const MEMBERS_PER_TURN = 100
export const ORDERS_PER_TURN = 500

/** The number among all shards of what is the `index`th of one. */
export const numberAmongAll = (shard: number, index: number, perTurn: number) =>
  (Math.floor(index / perTurn) * SHARDS + shard) * perTurn + (index % perTurn)
