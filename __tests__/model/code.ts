/** The CodeSha256 of the code with a number. */
export function shaOf(code: number): string {
  return String(code).repeat(64);
}
