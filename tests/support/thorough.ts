/** `npm run test:long` plays what is random or repeated more often than every run can. */
export const isThorough = process.env['THOROUGH'] === 'true'
