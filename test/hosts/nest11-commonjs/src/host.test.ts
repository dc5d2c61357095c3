import { notify } from './host';

it('sends a notification and tracks it to seen', async () => {
  expect(await notify()).toEqual(['sent', 'delivered', 'seen']);
}, 30_000);
