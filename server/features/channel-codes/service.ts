/** The door of the feature. */
export { changeCode, createCode, deleteCode, listCame, listCodes, readCode, type CodeDependencies } from './codes.ts'
export { channelHandlers, channelHealth } from './events.ts'
export { selectMedia, upsertMedia } from './queries.ts'
export { planCodes, tellOne, type Telling } from './telling.ts'
export {
  changeWelcome,
  endLostWelcomes,
  forgetOldWelcomes,
  keepPicture,
  noteWelcome,
  readWelcome,
  takeWelcome,
  type Welcoming,
  KEPT_DAYS as WELCOMES_KEPT_DAYS,
} from './welcomes.ts'
