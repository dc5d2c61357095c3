/** One thing that can happen in a world of a model. */
export interface Move<World> {
  readonly name: string;
  readonly next: World;
}

export interface CheckResult {
  readonly states: number;
  readonly transitions: number;
  /** The first way to a broken promise, move by move; absent when there is none. */
  readonly violation?: { readonly promise: string; readonly moves: readonly string[] };
}

/** A model: where it begins, what can happen, and what must never be. Worlds are the same when their JSON is. */
export interface Model<World> {
  readonly first: World;
  movesOf(world: World): readonly Move<World>[];
  /** The promise that the move between the two worlds has broken. */
  brokenPromise(before: World, after: World): string | undefined;
}

/** Walks breadth-first through every world that can be reached, until a promise is broken. */
export function explore<World>(model: Model<World>): CheckResult {
  const { first } = model;
  const seen = new Map<string, { parent?: string; move: string }>([
    [JSON.stringify(first), { move: 'accepted' }],
  ]);
  let frontier = [first];
  let transitions = 0;
  while (frontier.length > 0) {
    const next: World[] = [];
    for (const world of frontier) {
      const parent = JSON.stringify(world);
      for (const { name, next: after } of model.movesOf(world)) {
        transitions++;
        const promise = model.brokenPromise(world, after);
        if (promise !== undefined) {
          const moves = [...pathTo(parent, seen), name];
          return { states: seen.size, transitions, violation: { promise, moves } };
        }
        const key = JSON.stringify(after);
        if (seen.has(key)) continue;
        seen.set(key, { parent, move: name });
        next.push(after);
      }
    }
    frontier = next;
  }
  return { states: seen.size, transitions };
}

function pathTo(
  key: string,
  seen: ReadonlyMap<string, { parent?: string; move: string }>,
): string[] {
  const moves: string[] = [];
  for (let at: string | undefined = key; at !== undefined; at = seen.get(at)?.parent) {
    moves.unshift(seen.get(at)!.move);
  }
  return moves;
}
