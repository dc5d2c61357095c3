/** What an error code of Twilio's means and what to do about it. */
export interface ErrorExplanation {
  /** A stable code for programs, shared by errors that call for the same reaction. */
  readonly reason: string;
  /** What happened, in a sentence or two that ends in what to do. */
  readonly explanation: string;
  /** Whether the same request may succeed later, and Twilio certainly did not send it this time. */
  readonly retryable: boolean;
}

/**
 * Explains an error code: from the catalogue, else with Twilio's own words.
 *
 * @param message what Twilio said, often absent in callbacks
 */
export function explainError(code: number | undefined, message?: string): ErrorExplanation {
  const known = code === undefined ? undefined : CATALOGUE.get(code);
  if (known) return known;
  const said = message
    ?.slice(0, 300)
    // Half of a character is none that a database would take.
    .replaceAll(/[\s\p{Cc}\p{Cs}]+/gu, ' ')
    .trim();
  return {
    reason: 'twilio_error',
    explanation:
      said ||
      (code === undefined
        ? 'Twilio reported a failure without a code. Look the message up in the Twilio console.'
        : `Twilio reported error ${code}. See https://www.twilio.com/docs/api/errors/${code}.`),
    retryable: false,
  };
}

/**
 * One line a code: code | reason | what happened | what to do | retry, where a repetition is safe and may help.
 *
 * Facts: https://www.twilio.com/docs/api/errors and
 * https://www.twilio.com/docs/whatsapp/api/error-code-mapping
 */
const TABLE = `
14107 | rate_limited | Too many messages went between the same two addresses in a short time. | Slow down for this recipient. | retry
20001 | request_invalid | Twilio does not know a parameter of the request. | Check the spelling of the override's keys.
20003 | credentials_invalid | Twilio refused the credentials, or the account may not do this. | Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, and that the account is active.
20005 | account_inactive | The Twilio account is closed, unpaid or not active yet. | Settle the account in the Twilio console.
20006 | credentials_invalid | These credentials may not use Twilio's messages. | Use credentials that may.
20008 | credentials_invalid | Test credentials cannot send WhatsApp messages. | Use live credentials, or the simulator.
20101 | credentials_invalid | Twilio did not accept the access token. | Use the account SID and its auth token.
20404 | account_inactive | Twilio does not know the account or the resource of the request. | Check TWILIO_ACCOUNT_SID and its region.
20429 | rate_limited | The account has too many requests to Twilio under way. | Send more slowly. | retry
20500 | twilio_unavailable | Twilio had an internal error. | Look the message up in the Twilio console before sending it again.
20503 | twilio_unavailable | Twilio was not available for a moment. | Look the message up in the Twilio console before sending it again.
21211 | phone_invalid | Twilio does not accept the recipient's phone number. | Correct the user's phoneNumber.
21212 | sender_invalid | Twilio does not accept the sender's number. | Correct TWILIO_FROM_NUMBER.
21408 | region_not_enabled | The account may not send to the recipient's country. | Enable the country in Twilio's geographic permissions.
21602 | content_missing | The message has neither text nor media nor a template. | Give the notification a title, a Body or a ContentSid.
21603 | sender_invalid | The request names no sender. | Set TWILIO_FROM_NUMBER or MessagingServiceSid.
21604 | phone_missing | The request names no recipient. | Give the user a phoneNumber.
21606 | sender_invalid | The sender's number does not belong to the account or cannot reach this recipient. | Use a WhatsApp sender of the account.
21608 | account_trial | A trial account may only send to numbers that it has verified. | Verify the number, or upgrade the account.
21609 | request_invalid | Twilio does not accept the callback URL. | Use a public host name without underscore.
21610 | opted_out | The recipient has unsubscribed from this sender. | Wait until they write START.
21611 | rate_limited | The sender's queue at Twilio is full. | Send more slowly. | retry
21612 | phone_unreachable | There is no way from this sender to the recipient's number. | Use another sender or channel.
21614 | phone_invalid | The recipient's number is not a mobile number. | Correct the user's phoneNumber.
21617 | content_invalid | The text has more than 1,600 characters. | Shorten it.
21619 | content_missing | The message has neither text nor media. | Give the notification a title or a Body.
21620 | media_invalid | A MediaUrl is not a valid URL. | Use https URLs that anybody can fetch.
21623 | media_invalid | The message has more than ten media files. | Send fewer.
21624 | request_invalid | ValidityPeriod is out of range. | Use 1 to 36000 seconds.
21654 | template_invalid | ContentVariables came without a ContentSid. | Name the template.
21655 | template_invalid | The ContentSid is not a template of this account. | Correct the ContentSid.
21656 | template_invalid | Twilio does not take ContentVariables: a value holds a line break, a tab or more than four blanks in a row, is empty or null, or it is no JSON object of names and values. | Correct it.
21658 | request_invalid | A parameter is too long. | Shorten it.
21701 | sender_invalid | The account has no such messaging service. | Correct MessagingServiceSid.
21703 | sender_invalid | No sender of the messaging service can send this message. | Add a WhatsApp sender to the service.
21704 | sender_invalid | The messaging service has no senders. | Add a WhatsApp sender to the service.
21705 | sender_invalid | MessagingServiceSid is malformed. | Use MG and 32 hexadecimal digits.
30001 | rate_limited | The message waited too long in Twilio's queue. | Send it again if it still matters, more slowly. | retry
30002 | account_inactive | The account was suspended before the message was sent. | Settle the account in the Twilio console.
30003 | phone_unreachable | The recipient's device was off or out of reach. | Try again in some hours. | retry
30004 | recipient_blocked | The recipient's side blocks this message. | Use another channel.
30005 | phone_unreachable | The number is unknown or no longer in use. | Correct the user's phoneNumber.
30006 | phone_unreachable | The number is a landline or its carrier cannot be reached. | Use another number or channel.
30007 | content_blocked | The message was filtered as unwanted. | Change the content, or ask Twilio why.
30008 | provider_error | The message failed and nobody said why. | Try again once. | retry
30022 | rate_limited | The carrier's rate limit was exceeded. | Send more slowly. | retry
30409 | request_invalid | The message is no longer scheduled, so it cannot be cancelled. | Nothing.
30410 | provider_error | The provider behind Twilio did not answer in time. | Try again in some minutes. | retry
30500 | provider_error | Twilio had an internal error with this message. | Try again in some minutes. | retry
35114 | request_invalid | SendAt is out of range. | Use a time from 5 minutes to 35 days ahead, or the notification's own sendAt.
35117 | request_invalid | SendAt is out of range. | Use a time from 5 minutes to 35 days ahead, or the notification's own sendAt.
35126 | request_invalid | Twilio does not know this ScheduleType. | Use "fixed".
63001 | sender_invalid | WhatsApp refused the sender's credentials. | Check the sender in the Twilio console.
63002 | sender_invalid | WhatsApp does not know the sender. | Check the sender in the Twilio console.
63003 | not_on_whatsapp | WhatsApp cannot find the recipient. | Use another number or channel.
63005 | content_invalid | WhatsApp did not accept the content. | Check media and text against WhatsApp's rules.
63006 | content_invalid | The content cannot be brought into WhatsApp's form. | Simplify it.
63007 | sender_invalid | The account has no WhatsApp sender with this number. | Correct TWILIO_FROM_NUMBER, or finish registering the sender.
63008 | sender_invalid | The WhatsApp sender is not configured rightly. | Check the sender in the Twilio console.
63009 | provider_error | WhatsApp answered Twilio with an error of its own. | Try again in some minutes. | retry
63010 | provider_error | Twilio had an internal error with this message. | Try again in some minutes. | retry
63011 | request_invalid | WhatsApp cannot do what the request asks. | Check the override's parameters.
63012 | provider_error | WhatsApp had an internal error. | Try again in some minutes. | retry
63013 | content_blocked | The message breaks a rule of WhatsApp's. | Check template variables for gaps, and links.
63014 | recipient_blocked | The recipient has blocked the sender. | Wait until they write again.
63015 | sandbox_not_joined | The recipient has not joined the WhatsApp sandbox, or their three days are over. | Let them send the join code.
63016 | window_closed | The recipient has not written for 24 hours, so WhatsApp takes only templates. | Send an approved template with ContentSid.
63017 | rate_limited | The account sends faster than Twilio allows. | Send more slowly. | retry
63018 | rate_limited | The sender sends faster, or to more people, than WhatsApp allows. | Send more slowly. | retry
63019 | media_invalid | The media could not be fetched. | Use an https URL that anybody can fetch.
63020 | sender_invalid | Meta's business account has not accepted the sender. | Settle it in the Meta business manager.
63021 | content_invalid | WhatsApp does not support the media or a part of the template. | Check its type and size.
63022 | sender_invalid | The certificate of the sender's display name is invalid. | Register the name again.
63023 | provider_error | WhatsApp failed and gave no reason. | Try again once. | retry
63024 | not_on_whatsapp | The recipient is not on WhatsApp, or has not accepted its terms. | Use another channel.
63025 | media_invalid | The same media was uploaded before. | Reuse it.
63026 | content_blocked | WhatsApp takes the sender's content for spam. | Change it and lower the volume.
63027 | template_invalid | The template does not exist in this language. | Check name and language.
63028 | template_invalid | The template has another number of variables. | Correct ContentVariables.
63029 | template_invalid | The recipient's device could not load the template. | Use another channel.
63030 | request_invalid | A parameter does not go with this type of message. | Remove it, such as media on a template.
63031 | phone_invalid | Sender and recipient are the same. | Correct one of them.
63032 | recipient_blocked | WhatsApp holds messages to this user back in an experiment. | Leave this user out.
63033 | opted_out | The recipient has blocked the sender or its marketing. | Do not send to them.
63034 | media_invalid | The media is larger than WhatsApp allows. | Use a smaller file.
63038 | rate_limited | The account has used up its daily allowance. | Wait a day, or ask Twilio for more. | retry
63040 | template_invalid | WhatsApp rejected the template. | Correct it and submit it again.
63041 | template_paused | WhatsApp paused the template after bad feedback. | Wait until the pause ends.
63042 | template_invalid | WhatsApp disabled the template for good. | Use another.
63049 | policy_withheld | Meta chose not to deliver this marketing message. | Do not repeat it at once; marketing to +1 numbers is not delivered at all.
63051 | sender_invalid | The WhatsApp business account is locked. | Settle it in the Meta business manager.
63062 | sender_invalid | The terms of Meta's marketing messages are not accepted. | Accept them in the Meta business manager.
63112 | sender_invalid | Meta has disabled the WhatsApp business account or still verifies it. | Settle it in the Meta business manager.
63119 | rate_limited | Meta's rate limit was exceeded. | Send more slowly. | retry
92002 | template_invalid | The template got more than 100 variables. | Send fewer.
92007 | template_invalid | WhatsApp does not take ContentVariables: a value holds a line break, a tab or more than four blanks in a row, is empty or null, or it is no JSON object of names and values. | Correct it.
`;

const CATALOGUE: ReadonlyMap<number, ErrorExplanation> = new Map(
  TABLE.trim()
    .split('\n')
    .map((line) => {
      const [code, reason, meaning, advice, retry] = line.split(' | ');
      const explanation = `${meaning} ${advice}`;
      return [Number(code), { reason, explanation, retryable: retry === 'retry' }];
    }),
);
