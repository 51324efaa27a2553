/** Something was wrong while a program ran. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}
