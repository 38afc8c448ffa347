/**
 * The order of the contenders in a round, counted from 1: a row of a Williams design, then the same backwards (A B C,
 * C B A), then the next row. After n rounds of an even number n of contenders, and 2 × n of an odd one, each was at each
 * place, and right after each other one, equally often: a drift, or an effect on the next turn, meets all of them alike.
 * @see https://en.wikipedia.org/wiki/Williams_design
 */
export function turnOrder<T>(contenders: readonly T[], round: number): readonly T[] {
  const n = contenders.length;
  const row = Math.floor((round - 1) / 2);
  // first, second, last, third, last but one …: each two neighbours are another distance apart
  const places = contenders.map((_, place) => (place % 2 === 0 ? n - place / 2 : (place + 1) / 2) + row);
  const order = places.map((place) => contenders[place % n]);
  return (round % 2 === 0 ? order.reverse() : order) as readonly T[];
}

/** The number of rounds after which, and after each multiple of which, the order of the contenders is balanced. */
export function balancedRounds(contenders: number): number {
  return contenders % 2 === 0 ? contenders : 2 * contenders;
}
