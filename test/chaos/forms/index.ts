import type { ChaosForm } from '../chaos-form.js';
import { kills } from './kills.js';

/** Every form, by the name it is called with. */
export const FORMS: Readonly<Record<string, ChaosForm>> = { kills };
