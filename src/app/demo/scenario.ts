/** One recipient of the demo: who they are, what they are sent, and how that must end. */
export interface Scene {
  readonly recipient: string;
  readonly phoneNumber?: string;
  /** Left out for a recipient whom nobody has created. */
  readonly isUnknown?: boolean;
  readonly story: string;
  readonly override?: Record<string, unknown>;
  readonly sendInMs?: number;
  readonly fate: { readonly status: string; readonly reason?: string };
  /** What must have gone to Twilio, for scenes that are about it. */
  readonly request?: Record<string, string>;
  /** The account that must have sent it, where that is not the configured one. */
  readonly accountSid?: string;
}

export const ACCOUNT = {
  accountSid: `AC${'0'.repeat(31)}1`,
  authToken: 'demo-auth-token-one',
  senders: ['+14155238886', '+14155238887'],
};
export const OTHER_ACCOUNT = {
  accountSid: `AC${'0'.repeat(31)}2`,
  authToken: 'demo-auth-token-two',
  senders: ['+14155238888'],
};

/** The last digits of the numbers tell the simulator what is to happen. */
export const SCENES: readonly Scene[] = [
  {
    recipient: 'reader',
    phoneNumber: '+447700900100',
    story: 'reads it, with read receipts on',
    fate: { status: 'seen' },
  },
  {
    recipient: 'private',
    phoneNumber: '+447700900101',
    story: 'reads it, without read receipts',
    fate: { status: 'delivered' },
  },
  {
    recipient: 'silent',
    phoneNumber: '+447700900116',
    story: 'has not written for 24 hours',
    fate: { status: 'discarded', reason: 'window_closed' },
  },
  {
    recipient: 'elsewhere',
    phoneNumber: '+447700900124',
    story: 'is not on WhatsApp',
    fate: { status: 'discarded', reason: 'not_on_whatsapp' },
  },
  {
    recipient: 'landline',
    phoneNumber: '+442079460211',
    story: 'has a landline, which Twilio refuses',
    fate: { status: 'discarded', reason: 'phone_invalid' },
  },
  {
    recipient: 'stranger',
    isUnknown: true,
    story: 'is no user',
    fate: { status: 'discarded', reason: 'recipient_unknown' },
  },
  {
    recipient: 'typo',
    phoneNumber: '(457)-746-846',
    story: 'has no phone number in E.164 form',
    fate: { status: 'discarded', reason: 'phone_invalid' },
  },
  {
    recipient: 'viewer',
    phoneNumber: '+447700900103',
    story: 'gets a picture',
    override: { MediaUrl: ['https://example.com/parcel.jpg'] },
    fate: { status: 'seen' },
    request: { MediaUrl: 'https://example.com/parcel.jpg' },
  },
  {
    recipient: 'template',
    phoneNumber: '+447700900104',
    story: 'gets an approved template',
    override: { ContentSid: `HX${'c'.repeat(32)}`, ContentVariables: { 1: 'Tuesday' } },
    fate: { status: 'seen' },
    request: { ContentVariables: '{"1":"Tuesday"}' },
  },
  {
    recipient: 'branch',
    phoneNumber: '+447700900105',
    story: 'hears from another sender',
    override: { _config: { TWILIO_FROM_NUMBER: '+14155238887' } },
    fate: { status: 'seen' },
    request: { From: 'whatsapp:+14155238887' },
  },
  {
    recipient: 'partner',
    phoneNumber: '+447700900106',
    story: 'hears from another Twilio account',
    override: {
      _config: {
        TWILIO_ACCOUNT_SID: OTHER_ACCOUNT.accountSid,
        TWILIO_AUTH_TOKEN: OTHER_ACCOUNT.authToken,
        TWILIO_FROM_NUMBER: '+14155238888',
      },
    },
    fate: { status: 'seen' },
    accountSid: OTHER_ACCOUNT.accountSid,
  },
  {
    recipient: 'later',
    phoneNumber: '+447700900107',
    story: 'is notified in three seconds',
    sendInMs: 3000,
    fate: { status: 'seen' },
  },
  {
    recipient: 'patient',
    phoneNumber: '+447700900429',
    story: 'is sent to again after Twilio said 429',
    fate: { status: 'seen' },
  },
];
