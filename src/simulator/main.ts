import { TwilioSimulator } from './simulator.js';

const {
  TWILIO_ACCOUNT_SID = `AC${'0'.repeat(32)}`,
  TWILIO_AUTH_TOKEN = 'simulated-auth-token',
  SIMULATOR_PORT = '4010',
  SIMULATOR_CALLBACK_DELAY_MS = '1000',
} = process.env;

const simulator = await new TwilioSimulator({
  accounts: [{ accountSid: TWILIO_ACCOUNT_SID, authToken: TWILIO_AUTH_TOKEN }],
  port: Number(SIMULATOR_PORT),
  callbackDelayMs: Number(SIMULATOR_CALLBACK_DELAY_MS),
}).start();

console.log(`Twilio is simulated at ${simulator.url}. Start the backend in another terminal:

  TWILIO_API_URL=${simulator.url} TWILIO_ACCOUNT_SID=${TWILIO_ACCOUNT_SID} \\
  TWILIO_AUTH_TOKEN=${TWILIO_AUTH_TOKEN} TWILIO_FROM_NUMBER=+14155238886 npm start
`);
simulator.on('post', ({ to, sid, fault }) =>
  console.log(`POST      ${to}  ${sid ?? 'not accepted'}${fault ? `  (${fault})` : ''}`),
);
simulator.on('callback', ({ sid, status, httpStatus }) =>
  console.log(`callback  ${sid}  ${status}  ${httpStatus ?? 'nobody answered'}`),
);
process.once('SIGINT', () => void simulator.stop());
process.once('SIGTERM', () => void simulator.stop());
