import { startBackend } from './app/backend.js';
import { EnvironmentError } from './twilio-whatsapp.environment.js';
import { SecretsFileError } from './app/secrets.js';

try {
  await startBackend();
} catch (error) {
  const isExplained = error instanceof EnvironmentError || error instanceof SecretsFileError;
  console.error(isExplained ? error.message : error);
  process.exit(1);
}
