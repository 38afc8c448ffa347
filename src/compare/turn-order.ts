/**
 * The order of the designs in a round, counted from 1: A B C, its reverse, then the same from B and from C. After
 * 2 × n rounds each of n designs was at each place equally often, so that whatever drifts or carries over meets all
 * of them alike; of three designs each also followed each other one equally often.
 */
export function turnOrder<T>(designs: readonly T[], round: number): readonly T[] {
  const start = Math.floor((round - 1) / 2) % designs.length;
  const order = [...designs.slice(start), ...designs.slice(0, start)];
  return round % 2 === 0 ? order.reverse() : order;
}
