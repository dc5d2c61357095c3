import type { ChaosForm } from '../chaos-form.js';
import { database } from './database.js';
import { drain } from './drain.js';
import { kills } from './kills.js';
import { pacing } from './pacing.js';
import { redis } from './redis.js';
import { stops } from './stops.js';

/** Every form, by the name it is called with. */
export const FORMS: Readonly<Record<string, ChaosForm>> = {
  kills,
  stops,
  database,
  redis,
  drain,
  pacing,
};
