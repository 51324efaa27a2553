// The manifest on disk: read whole, replaced atomically. The rename is the moment at which a change happens;
// a failure before it rejects the change, one at or after it leaves unknown which manifest is on disk.

import { assert, ioError, LogError } from "./errors.js";
import { type FileSystem, FileSystemError, writeFully } from "./file-system.js";
import { decodeManifest, encodeManifest, type Manifest } from "./manifest.js";
import { join, MANIFEST, NEW_SUFFIX } from "./names.js";

/** More than a million segments; a larger file is no manifest. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

/** Reads and verifies the manifest; undefined if there is none. Throws `LOG_CORRUPT`, `LOG_UNSUPPORTED_VERSION`, `LOG_IO`. */
export function readManifest(fileSystem: FileSystem, directory: string): Manifest | undefined {
  const path = join(directory, MANIFEST);
  const bytes = readWhole(fileSystem, path);
  if (bytes === undefined) return undefined;
  const verdict = decodeManifest(bytes);
  if (verdict.kind === "valid") return verdict.manifest;
  if (verdict.kind === "unsupported") {
    throw new LogError("LOG_UNSUPPORTED_VERSION", "this log was written by a newer version", {
      file: path,
      expected: 1,
      actual: verdict.version,
    });
  }
  throw new LogError("LOG_CORRUPT", `damaged manifest: ${verdict.reason}; see repairLog`, {
    file: path,
    position: 0,
    ...(verdict.expected === undefined ? {} : { expected: verdict.expected }),
    ...(verdict.actual === undefined ? {} : { actual: verdict.actual }),
  });
}

function readWhole(fileSystem: FileSystem, path: string): Uint8Array | undefined {
  try {
    const file = fileSystem.openSync(path);
    try {
      const size = file.sizeSync();
      if (size > MANIFEST_BYTES_MAX) {
        throw new LogError("LOG_CORRUPT", "damaged manifest: too large", {
          file: path,
          actual: size,
        });
      }
      const bytes = new Uint8Array(size);
      return bytes.subarray(0, file.readSync(bytes, 0));
    } finally {
      file.closeSync();
    }
  } catch (error) {
    if (error instanceof FileSystemError && error.code === "ENOENT") return undefined;
    throw error instanceof LogError ? error : ioError("reading the manifest", error);
  }
}

/** A replacement that failed when the rename may or may not have happened: the log must stop. */
export class ManifestUnknownError extends LogError {
  constructor(path: string, cause: unknown) {
    const message =
      "replacing the manifest failed half way; open the log again to see which one stands";
    super("LOG_IO", message, { file: path, cause });
  }
}

/**
 * Replaces the manifest. Throws `LOG_IO` or `LOG_NO_SPACE` if the old one certainly stands, and
 * {@link ManifestUnknownError} if it is unknown which one does.
 */
export async function replaceManifest(
  fileSystem: FileSystem,
  directory: string,
  manifest: Manifest,
): Promise<void> {
  const path = join(directory, MANIFEST);
  const next = path + NEW_SUFFIX;
  const bytes = encodeManifest(manifest);
  assert(decodeManifest(bytes).kind === "valid", "a manifest that is written can be read");
  try {
    await writeNewFile(fileSystem, next, bytes);
  } catch (cause) {
    throw ioError("writing the manifest", cause);
  }
  try {
    // Before: the old manifest stands. After: the new one, for processes at once, through a power cut only
    // once the directory is synced.
    await fileSystem.rename(next, path);
    await fileSystem.syncDirectory(directory);
  } catch (cause) {
    throw new ManifestUnknownError(path, cause);
  }
}

/** Creates a file with these bytes, synced; what an earlier attempt left under the name goes first. */
export async function writeNewFile(
  fileSystem: FileSystem,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  await removeIfThere(fileSystem, path);
  const file = await fileSystem.create(path);
  try {
    await writeFully(file, bytes, 0);
    // Without this sync the rename could become durable before the bytes.
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Unlinks a file of ours; true if it was there. */
export async function removeIfThere(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    await fileSystem.unlink(path);
    return true;
  } catch (error) {
    if (error instanceof FileSystemError && error.code === "ENOENT") return false;
    throw error;
  }
}
