// What must be known of the runtime beforehand, because trying it out would end the process or damage a file. All else
// that Bun and Deno lack is found out by trying.

const isBun = process.versions["bun"] !== undefined;
const isDeno = process.versions["deno"] !== undefined;

/**
 * Whether addons may call libuv. Bun and Deno load such an addon and end the process at the call: Deno 2.9 when
 * fs-native-extensions asks for a lock, Bun 1.4 when it is told that another one has it.
 */
export const hasLibuv = !isBun && !isDeno;

/**
 * Whether the number of an open file means the same in every thread. In Deno another thread has another file there, or
 * none.
 */
export const threadsShareFiles = !isDeno;
