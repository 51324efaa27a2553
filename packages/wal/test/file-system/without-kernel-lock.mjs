// A file system on which the kernel has no locks, otherwise as the given one: the second way of the lock.

/**
 * @param {import("../../dist/file-system.js").FileSystem} fileSystem
 * @returns {import("../../dist/file-system.js").FileSystem}
 */
export function withoutKernelLock(fileSystem) {
  return {
    ...fileSystem,
    open: async (path, access) => unlockable(await fileSystem.open(path, access)),
    create: async (path) => unlockable(await fileSystem.create(path)),
  };
}

/** @param {import("../../dist/file-system.js").File} file */
function unlockable(file) {
  file.tryLock = () => "unsupported";
  return file;
}
