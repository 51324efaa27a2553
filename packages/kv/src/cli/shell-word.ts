// A path within a command line that is to be copied into a shell.

/** The text as one word of a POSIX shell, plain where it can be. */
export function shellWord(text: string): string {
  if (/^[\w./@:+,%=][\w./@:+,%=-]*$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}
