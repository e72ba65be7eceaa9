/** Product pictures, drawn from the sku: the demo needs no image files, and nobody's photographs. */
import { catalogue } from './catalogue.ts'

export function picturePath(sku: string): string {
  return `/simulator/images/${sku}.svg`
}

const outlines: Record<string, string> = {
  羊毛大衣: 'M160 96l-44 20-26 120 26 8 12-54v150h144V190l12 54 26-8-26-120-44-20-24 26h-32zM200 130v206',
  羽绒服:
    'M158 100l-46 22-22 116 30 8 10-44v110h140V202l10 44 30-8-22-116-46-22-26 20h-32zM130 180h140M130 216h140M130 252h140M130 288h140',
  针织衫: 'M160 110l-46 20-24 112 28 8 14-50v96h136v-96l14 50 28-8-24-112-46-20c-8 18-72 18-80 0zM132 282h136',
  衬衫: 'M164 104l-50 22-22 104 28 8 12-44v114h136V194l12 44 28-8-22-104-50-22-36 30zM200 134v174',
  裙装: 'M168 92v46l-14 52-34 130c50 22 110 22 160 0l-34-130-14-52V92M168 138h64M154 190h92',
  裤装: 'M146 92h108l16 232h-50l-20-150-20 150h-50zM146 116h108',
  鞋靴: 'M132 120h62v96l86 44c14 8 18 20 16 40H126c-6-40 6-70 6-100zM126 284h170',
  配饰: 'M130 176h140l22 138H108zM156 176c0-74 88-74 88 0',
}

/** A name that says its colour has it: hue, saturation and lightness in per cent. */
const namedColours: readonly [word: string, hue: number, saturation: number, lightness: number][] = [
  ['驼色', 30, 42, 62],
  ['燕麦', 40, 36, 80],
  ['灰', 210, 6, 62],
  ['藏青', 222, 42, 34],
  ['海军', 222, 42, 42],
  ['白', 45, 22, 93],
  ['蓝', 212, 46, 62],
]

/**
 * @returns an SVG document, undefined where the demo brand has no such product
 */
export function renderPicture(sku: string): string | undefined {
  const index = catalogue.findIndex(product => product.sku === sku)
  const product = catalogue[index]
  if (product === undefined) return undefined
  const { name, category } = product
  const place = index % 6
  const named = namedColours.find(([word]) => name.includes(word))
  const [, hue, saturation, lightness] = named ?? ['', category.hue + place * 5, 34, 70 - place * 4]
  const ground = category.hue + place * 5
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" role="img" aria-label="${name}">
<defs><linearGradient id="ground" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="hsl(${ground} 42% 96%)"/><stop offset="1" stop-color="hsl(${ground + 18} 34% 86%)"/></linearGradient></defs>
<rect width="400" height="400" fill="url(#ground)"/>
<ellipse cx="200" cy="346" rx="112" ry="12" fill="hsl(${ground} 30% 60%)" opacity=".25"/>
<path d="${outlines[category.name] ?? ''}" fill="hsl(${hue} ${saturation}% ${lightness}%)" stroke="hsl(${hue} 28% ${lightness > 45 ? 34 : 18}%)" stroke-width="3" stroke-linejoin="round" stroke-linecap="round"/>
<text x="200" y="382" text-anchor="middle" font-family="system-ui,sans-serif" font-size="16" fill="hsl(${ground} 20% 38%)">${name}</text>
</svg>
`
}
