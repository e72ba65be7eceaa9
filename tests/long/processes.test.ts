import { severalProcesses } from '../builders/processes.ts'

severalProcesses({
  name: 'processes-long',
  processes: 4,
  seeds: [1, 2, 3, 4],
  histories: 25,
  associates: 40,
  readMs: 6000,
})
