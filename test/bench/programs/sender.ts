import { serve, settings as given } from '../harness/program.js';
import { nestjsTwilio, sdkAlone, sdkOnUndici } from '../rivals/sdk.sending.js';
import type { Sending } from '../rivals/sending.js';
import { subject } from '../rivals/subject.sending.js';
import { queued, usual } from '../rivals/usual.sending.js';
import type { SubjectSettings } from '../subject.js';

export interface SenderSettings extends SubjectSettings {
  readonly variant: keyof typeof VARIANTS;
  readonly redisUrl: string;
}

/** One way to send messages. */
export type Sender = {
  /** Sends so many messages; seconds and CPU seconds that it took. */
  send(count: number): Promise<{ seconds: number; cpuSeconds: number; rssMb: number }>;
};

const VARIANTS = {
  sdk: ({ twilioUrl }: SenderSettings) => sdkAlone(twilioUrl),
  nestjsTwilio: ({ twilioUrl }: SenderSettings) => nestjsTwilio(twilioUrl),
  limit: ({ twilioUrl }: SenderSettings) => sdkOnUndici(twilioUrl),
  usual: ({ twilioUrl, databaseUrl }: SenderSettings) => usual(twilioUrl, databaseUrl),
  queued: ({ twilioUrl, databaseUrl, redisUrl }: SenderSettings) =>
    queued(twilioUrl, databaseUrl, redisUrl),
  subject,
};

const settings = given as SenderSettings;
const sending: Sending = await VARIANTS[settings.variant](settings);
serve(
  {
    async send(count: number) {
      const cpuBefore = process.cpuUsage();
      const begun = performance.now();
      await sending.send(count);
      const seconds = (performance.now() - begun) / 1000;
      const { user, system } = process.cpuUsage(cpuBefore);
      const rssMb = process.memoryUsage.rss() / 2 ** 20;
      return { seconds, cpuSeconds: (user + system) / 1e6, rssMb };
    },
  } satisfies Sender,
  () => sending.close(),
);
