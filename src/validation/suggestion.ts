import { getMetadataStorage } from 'class-validator';

const MAX_LENGTH = 64;
/** Mistakes in a name, at most; in a short one there are fewer. */
const MAX_EDITS = 2;

/** The fields that a DTO class knows. */
export const fieldsOf = (dto: abstract new () => object): string[] => [
  ...new Set(
    getMetadataStorage()
      .getTargetValidationMetadatas(dto, '', false, false)
      .map(({ propertyName }) => propertyName),
  ),
];

/**
 * What is said of a field that nobody knows, with the one that was probably meant.
 *
 * @param path of the object that holds it, with the dot behind it
 */
export function unknownField(path: string, name: string, known: readonly string[]): string {
  const meant = suggestionFor(name, known);
  const shown = name.slice(0, MAX_LENGTH).replaceAll(/[\p{Cc}\p{Cs}]/gu, ' ');
  return `${path}${shown} is unknown. ${meant === undefined ? 'Remove it.' : `Did you mean ${meant}?`}`;
}

/** What is said of the fields of an object that nobody knows; those without a value do not count. */
export const unknownFields = (path: string, value: unknown, known: readonly string[]): string[] =>
  Object.entries(Object(value) as object)
    .filter(([name, inner]) => inner !== undefined && !known.includes(name))
    .map(([name]) => unknownField(path, name, known));

/**
 * What is said of variables of the environment that look like known ones that were misspelt. Others share the
 * environment: whatever else they have in it is left alone.
 */
export const unknownVariables = (names: readonly string[], known: readonly string[]): string[] =>
  names
    .filter((name) => !known.some((other) => isNumberedOrMarked(name, other)))
    .filter((name) => known.some((other) => beginAlike(name, other)))
    .filter((name) => suggestionFor(name, known) !== undefined)
    .map((name) => unknownField('', name, known));

/** `TWILIO_FROM_NUMBER_UK` and `API_KEY2` stand beside known ones: nobody mistyped those. */
const isNumberedOrMarked = (name: string, known: string): boolean =>
  name.startsWith(known) && /^(\d+|_.*)?$/.test(name.slice(known.length));

const FIRST_WORD = /^[A-Z]+_/;

const beginAlike = (name: string, other: string): boolean => {
  const word = FIRST_WORD.exec(name)?.[0];
  return word !== undefined && other.startsWith(word);
};

/** The known name that a misspelt one is nearest to; undefined when none is near. */
export function suggestionFor(name: string, known: readonly string[]): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  const letters = lettersOf(name);
  const maxEdits = Math.min(MAX_EDITS, Math.floor((letters.length + 1) / 4));
  const [nearest] = known
    .filter((candidate) => Math.abs(lettersOf(candidate).length - letters.length) <= maxEdits)
    .map((candidate) => ({ candidate, edits: editsBetween(letters, lettersOf(candidate)) }))
    .filter(({ edits }) => edits <= maxEdits)
    .toSorted((a, b) => a.edits - b.edits);
  return nearest?.candidate;
}

/** Nobody means another name by writing it in another case, or without its dashes. */
const lettersOf = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '');

/** How many letters are missing, too many, wrong, or swapped with the next: Levenshtein's distance with transpositions. */
function editsBetween(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      const isSwapped = one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      row[j] = Math.min(
        last[j] + 1,
        row[j - 1] + 1,
        last[j - 1] + (isSame ? 0 : 1),
        isSwapped && i > 1 && j > 1 ? beforeLast[j - 2] + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, row];
  }
  return last[other.length];
}
