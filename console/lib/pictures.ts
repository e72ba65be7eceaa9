import type { UploadedPicture } from '../../server/features/materials/schema.ts'
import { api } from '../../sidebar/lib/session.ts'

/** Pictures on their way to the service: made as small as WeCom takes them, where they are larger. */

/** 1440 × 1080: the most that WeCom takes for moments. */
const PIXELS_MAX = 1_555_200
const BYTES_MAX = 2 * 1024 * 1024
const QUALITIES = [0.86, 0.72, 0.56]

/** This file is no picture that the browser can read. */
export class NoPicture extends Error {}

/**
 * The file as it is where the service takes it so, else a smaller JPEG of it.
 *
 * @throws NoPicture
 */
export async function shrink(file: Blob): Promise<Blob> {
  const image = await read(file)
  const { naturalWidth: width, naturalHeight: height } = image
  const isTaken = file.type === 'image/png' || file.type === 'image/jpeg'
  if (isTaken && file.size <= BYTES_MAX && width * height <= PIXELS_MAX) return file
  const scale = Math.min(1, Math.sqrt(PIXELS_MAX / (width * height)))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.floor(width * scale))
  canvas.height = Math.max(1, Math.floor(height * scale))
  const context = canvas.getContext('2d')!
  // What is transparent would turn black.
  context.fillStyle = '#fff'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  for (const quality of QUALITIES) {
    const smaller = await new Promise<Blob | null>(resolve => canvas.toBlob(resolve, 'image/jpeg', quality))
    if (smaller && smaller.size <= BYTES_MAX) return smaller
  }
  throw new NoPicture()
}

async function read(file: Blob): Promise<HTMLImageElement> {
  const image = new Image()
  const url = URL.createObjectURL(file)
  image.src = url
  try {
    await image.decode()
    return image
  } catch {
    throw new NoPicture()
  } finally {
    URL.revokeObjectURL(url)
  }
}

export const uploadPicture = (file: Blob) => api.upload<UploadedPicture>('/materials/pictures', file)
