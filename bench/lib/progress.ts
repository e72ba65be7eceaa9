/** On a terminal one line that changes; in a log one every few seconds. */
export function createProgressLine(): { show(text: string): void; end(): void } {
  const { isTTY } = process.stderr
  const everyMs = isTTY ? 100 : 5000
  let shownAtMs = 0
  let isOpen = false
  return {
    show(text) {
      if (Date.now() - shownAtMs < everyMs) return
      shownAtMs = Date.now()
      process.stderr.write(isTTY ? `\r${text}\u001b[K` : `${text}\n`)
      isOpen = isTTY
    },
    end() {
      if (isOpen) process.stderr.write('\r\u001b[K')
      isOpen = false
    },
  }
}
