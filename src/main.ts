import { startBackend } from './app/backend.js';
import { EnvironmentError } from './app/environment.js';

try {
  await startBackend();
} catch (error) {
  console.error(error instanceof EnvironmentError ? error.message : error);
  process.exit(1);
}
