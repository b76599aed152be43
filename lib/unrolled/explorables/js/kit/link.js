// A state in a link's fragment: `#unrolled=<kind>.<which on the page>.<base64url of JSON>`. Pure.

const PREFIX = "#unrolled=";

function encode(text) {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function decode(code) {
  const binary = atob(code.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(binary, (ch) => ch.charCodeAt(0)));
}

export function writeLink(kind, place, changes) {
  return `${PREFIX}${kind}.${place}.${encode(JSON.stringify(changes))}`;
}

// null: not a link to a state; { error }: one that cannot be read.
export function readLink(fragment) {
  if (!fragment.startsWith(PREFIX)) return null;
  const match = /^([a-z-]+)\.(\d{1,3})\.([\w-]*)$/.exec(fragment.slice(PREFIX.length));
  if (!match) return { error: "malformed" };
  const [, kind, place, code] = match;
  try {
    const changes = JSON.parse(decode(code));
    if (changes === null || typeof changes !== "object" || Array.isArray(changes)) throw new Error("no object");
    return { kind, place: Number(place), changes };
  } catch (error) {
    return { kind, place: Number(place), error: String(error) };
  }
}
