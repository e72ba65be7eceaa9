import { defineMessages } from '../../lib/locale.ts'

export const messages = defineMessages(
  {
    hint: '长按识别',
    drawing: '正在画海报…',
    posterOf: (name: string) => `「${name}」的海报，带着你的分享码`,
    save: '长按图片保存，再发到朋友圈。码是你的，成交算你的分享。',
    download: '下载图片',
  },
  {
    hint: 'Press to scan',
    drawing: 'Drawing the poster…',
    posterOf: (name: string) => `Poster of ${name} with your code`,
    save: 'Hold the picture to save it, then post it. The code is yours: sales count as your share.',
    download: 'Download',
  },
)
