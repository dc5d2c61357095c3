import { DatabaseError } from './database-error.js';
import { GroupCommit } from './group-commit.js';

describe('GroupCommit', () => {
  it('commits what is waiting together, in order, and answers each', async () => {
    const batches: number[][] = [];
    const commits = new GroupCommit(async (items: number[]) => {
      batches.push(items);
      return items.map((item) => item * 10);
    });
    expect(await Promise.all([1, 2, 3].map((item) => commits.add(item)))).toEqual([10, 20, 30]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('gathers the next batch while one is committed', async () => {
    const batches: number[][] = [];
    const later: Promise<number>[] = [];
    const commits: GroupCommit<number, number> = new GroupCommit(async (items: number[]) => {
      batches.push(items);
      if (batches.length === 1) later.push(commits.add(2), commits.add(3));
      return items;
    });
    await commits.add(1);
    await Promise.all(later);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  it('keeps batches within bounds', async () => {
    const sizes: number[] = [];
    const commits = new GroupCommit(
      async (items: number[]) => {
        sizes.push(items.length);
        return items;
      },
      { maxBatch: 2 },
    );
    await Promise.all([1, 2, 3, 4, 5].map((item) => commits.add(item)));
    expect(sizes).toEqual([2, 2, 1]);
  });

  it('cuts batches where they grow too heavy, and takes a heavier item alone', async () => {
    const batches: number[][] = [];
    const commits = new GroupCommit(
      async (items: number[]) => {
        batches.push(items);
        return items;
      },
      { maxWeight: 10 },
    );
    await Promise.all([4, 6, 1, 20, 3].map((weight) => commits.add(weight, 0, weight)));
    expect(batches).toEqual([[4, 6], [1], [20], [3]]);
  });

  it('answers for a commit that takes too long, and begins the next beside it', async () => {
    let finish: ((items: number[]) => void) | undefined;
    const batches: number[][] = [];
    const commits = new GroupCommit(
      (items: number[]) => {
        batches.push(items);
        return batches.length === 1
          ? new Promise<number[]>((resolve) => (finish = resolve))
          : Promise.resolve(items);
      },
      { deadlineMs: 100 },
    );
    const settled: string[] = [];
    const stalled = commits.add(1).finally(() => settled.push('stalled'));
    stalled.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    await commits.add(2).finally(() => settled.push('next'));
    await expect(stalled).rejects.toMatchObject({ isUnavailable: true, isRefusal: false });
    expect(settled).toEqual(['next', 'stalled']);
    // It comes about after all: that changes no answer.
    finish!([1]);
    await expect(commits.add(3)).resolves.toBe(3);
    expect(batches).toEqual([[1], [2], [3]]);
  });

  it('does not split a batch that was not confirmed in time', async () => {
    let commitsTried = 0;
    const commits = new GroupCommit(
      () => {
        commitsTried++;
        return new Promise<number[]>(() => undefined);
      },
      { deadlineMs: 10 },
    );
    const results = await Promise.allSettled([1, 2].map((item) => commits.add(item)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(commitsTried).toBe(1);
  });

  it('lets those who have patience wait for those who have none', async () => {
    const batches: number[][] = [];
    const commits = new GroupCommit(async (items: number[]) => {
      batches.push(items);
      return items;
    });
    const patient = [commits.add(1, 60_000), commits.add(2, 60_000)];
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(batches).toEqual([]);
    await commits.add(3);
    await Promise.all(patient);
    expect(batches).toEqual([[1, 2, 3]]);
    await commits.add(4, 1);
    const many = Array.from({ length: 128 }, (_, index) => commits.add(index, 60_000));
    await Promise.all(many);
    expect(batches.map((items) => items.length)).toEqual([3, 1, 128]);
  });

  it('gathers what trickles in', async () => {
    const batches: number[][] = [];
    const commits = new GroupCommit(
      async (items: number[]) => {
        batches.push(items);
        return items;
      },
      { gatherMs: 1000 },
    );
    await commits.add(1);
    const second = commits.add(2);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([second, commits.add(3)]);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  it.each([
    ['whatever is no failure of the database', new Error('poison')],
    ['a refusal', new DatabaseError({ code: '23514', message: 'check' })],
    ['a packet that is too large', new DatabaseError({ code: 'ER_NET_PACKET_TOO_LARGE' })],
    [
      'a connection that broke under a large statement',
      new DatabaseError({ code: 'ECONNRESET' }, ['x'.repeat(300_000)]),
    ],
  ])('fails only the poisonous item: %s', async (_kind, poison) => {
    const commits = new GroupCommit(async (items: number[]) => {
      if (items.includes(2)) throw poison;
      return items;
    });
    const results = await Promise.allSettled([1, 2, 3].map((item) => commits.add(item)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(commits.add(4)).resolves.toBe(4);
  });

  it('fails all at once when the database fails', async () => {
    let commitsTried = 0;
    const commits = new GroupCommit(async () => {
      commitsTried++;
      throw new DatabaseError({ code: 'ECONNREFUSED', message: 'connect' });
    });
    const results = await Promise.allSettled([1, 2, 3].map((item) => commits.add(item)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(commitsTried).toBe(1);
  });
});
