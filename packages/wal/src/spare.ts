// A file that does nothing but take up room: on a disk that is full to the last block it goes, so that the manifest
// which lets go of segments can be written. It holds nothing, and nobody misses it.

import { FileSystemError, writeFully } from "./file-system.js";
import { join, SPARE } from "./names.js";
import { discard, type Place } from "./segment-files.js";

/** Room for a manifest of some 800 segments. */
const SPARE_BYTES = 32 * 1024;

/** Makes the file where it is missing; without room for it there is none. */
export async function keepSpare({ fileSystem, directory }: Place): Promise<void> {
  const path = join(directory, SPARE);
  try {
    const file = await fileSystem.create(path);
    try {
      await writeFully(file, new Uint8Array(SPARE_BYTES), 0);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof FileSystemError)) throw error;
    if (error.code !== "EEXIST") await giveUpSpare({ fileSystem, directory });
  }
}

export async function giveUpSpare({ fileSystem, directory }: Place): Promise<void> {
  await discard(fileSystem, [join(directory, SPARE)]);
}
