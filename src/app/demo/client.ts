/** As much of a message as the demo looks at. */
export interface DemoMessage {
  readonly id: string;
  readonly recipient: string;
  readonly status: string;
  readonly reason?: string;
  readonly explanation?: string;
  readonly errorCode?: number;
}

/** A client of the REST API, as small as it gets. */
export class DemoClient {
  constructor(
    private readonly baseUrl: string,
    private readonly api: { key: string; secret: string },
  ) {}

  /** @throws Error with the answer's own words */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.baseUrl}/v3/${path}`, {
      method,
      headers: {
        'X-ENGAGESPOT-API-KEY': this.api.key,
        'X-ENGAGESPOT-API-SECRET': this.api.secret,
        ...(body && { 'Content-Type': 'application/json' }),
      },
      body: body && JSON.stringify(body),
    });
    const answer = (await response.json()) as T;
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }
}
