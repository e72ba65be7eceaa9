import { tillsThatWereOffline } from '../builders/tills.ts'

for (const seed of [1, 2, 3]) tillsThatWereOffline({ seed, tills: 20, sales: 120 })
