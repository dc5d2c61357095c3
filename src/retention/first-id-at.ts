/** The smallest of the time-ordered ids (UUIDv7) that can be made at an instant, in milliseconds since 1970. */
export function firstIdAt(instant: number): string {
  const hex = Math.max(0, Math.floor(instant)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
