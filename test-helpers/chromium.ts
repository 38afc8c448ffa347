import { existsSync } from 'node:fs';

/** The paths where systems put a Chromium; CHROMIUM_PATH goes first. */
const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The path of an installed Chromium; undefined if there is none. A CHROMIUM_PATH that leads nowhere is an error. */
export function findChromium(): string | undefined {
  const asked = process.env.CHROMIUM_PATH;
  if (asked && !existsSync(asked)) throw new Error(`CHROMIUM_PATH ${asked}: no such file`);
  return asked || places.find((place) => existsSync(place));
}

/** Without a window, a sandbox (it may not be run by root with one) and anything that asks the network by itself. */
export const chromiumFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
