import { tillsThatWereOffline } from '../builders/tills.ts'

tillsThatWereOffline({ seed: 1, tills: 6, sales: 12 })
