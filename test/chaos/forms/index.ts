import type { ChaosForm } from '../chaos-form.js';
import { drain } from './drain.js';
import { kills } from './kills.js';
import { stops } from './stops.js';

/** Every form, by the name it is called with. */
export const FORMS: Readonly<Record<string, ChaosForm>> = { kills, stops, drain };
