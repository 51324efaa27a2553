// What a program asks of the kernel, as strace tells it, in the words of the file-system seam.

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";

const TRACED = [
  ...["openat", "creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "symlink"],
  ...["unlink", "unlinkat", "rmdir", "ftruncate", "truncate", "fallocate"],
  ...["write", "writev", "pwrite64", "pwritev", "pwritev2"],
  ...["fsync", "fdatasync", "sync_file_range", "sync", "syncfs", "msync", "copy_file_range"],
];

/** Why nothing can be traced here; undefined if it can. */
export function whyNoTrace(): string | undefined {
  const { error, status, stderr } = spawnSync("strace", ["-f", "-o", "/dev/null", "true"], {
    encoding: "utf8",
  });
  if (error !== undefined) return `strace cannot be run: ${error.message}`;
  return status === 0 ? undefined : `strace cannot trace: ${stderr.trim()}`;
}

/** Runs a program of Node's, and returns its calls about what is in `directory` or above, and the lines that it prints. */
export function trace(args: readonly string[], directory: string, output: string): string[] {
  const options = [
    "-f",
    "-y",
    "-s",
    "200",
    "-e",
    `trace=${TRACED.map((name) => `?${name}`).join(",")}`,
    "-o",
    output,
  ];
  const { error, status, signal, stderr } = spawnSync(
    "strace",
    [...options, process.execPath, ...args],
    { encoding: "utf8", timeout: 120_000, env: { ...process.env, UV_USE_IO_URING: "0" } },
  );
  if (error !== undefined) throw error;
  if (status !== 0 && signal !== "SIGKILL")
    throw new Error(`the traced program failed:\n${stderr}`);
  const directories = new Set<string>();
  return callsIn(readFileSync(output, "latin1")).flatMap((call) => {
    const words = wordsOf(call, directory, directories);
    return words === undefined ? [] : [words];
  });
}

interface Syscall {
  readonly name: string;
  /** As strace prints them. */
  readonly args: string;
}

/** In the order in which they were over; those that failed too. */
function callsIn(text: string): Syscall[] {
  const begun = new Map<string, string>();
  const calls: Syscall[] = [];
  for (const line of text.split("\n")) {
    const [, thread = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    if (unfinished !== undefined) {
      begun.set(thread, unfinished);
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const whole = resumed === undefined ? rest : `${begun.get(thread) ?? ""}${resumed}`;
    const [, name, args, result] = /^(\w+)\((.*)\) += (.*)$/.exec(whole) ?? [];
    if (name === undefined || args === undefined || result === undefined) continue;
    // That a parent is missing shows Node by this; the simulated disk looks.
    if (name === "mkdir" && result.includes("ENOENT")) continue;
    // Some machines have only the forms that begin from a directory.
    calls.push({ name: name.replace(/^(rename|mkdir|unlink)at2?$/, "$1"), args });
  }
  return calls;
}

/** Undefined for a call that changes nothing of ours. `directories` are those that were made, whatever they are called now. */
function wordsOf(
  { name, args }: Syscall,
  directory: string,
  directories: Set<string>,
): string | undefined {
  const printed = /^1<[^>]*>, "(.*)\\n", \d+$/.exec(args)?.[1];
  if (name === "write" && printed !== undefined) return `told ${printed}`;
  const paths = [...args.matchAll(/"(\/[^"]*)"/g)].map(([, path = ""]) => path);
  const open = /^\d+<(\/[^>]*)>/.exec(args)?.[1];
  const path = open ?? paths.at(-1);
  if (path === undefined || !isOurs(path, directory)) return undefined;
  const numbers = args.split(", ").filter((part) => /^\d+$/.test(part));
  switch (name) {
    case "openat":
      return args.includes("O_CREAT") ? `create ${path}` : undefined;
    case "pwrite64":
      return `write ${path} ${numbers.at(-2)} at ${numbers.at(-1)}`;
    case "ftruncate":
      return `truncate ${path} ${numbers.at(-1)}`;
    case "mkdir":
      directories.add(path);
      return `mkdir ${path}`;
    case "rename":
      return `rename ${paths[0]} ${path}`;
    case "fdatasync":
      return `datasync ${path}`;
    case "fsync":
      return `${directories.has(path) || isDirectory(path) ? "syncDirectory" : "sync"} ${path}`;
    default:
      return `${name} ${path}`;
  }
}

/** In the directory, or above it. */
function isOurs(path: string, directory: string): boolean {
  return (
    `${path}/`.startsWith(`${directory}/`) || directory.startsWith(path === "/" ? path : `${path}/`)
  );
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
