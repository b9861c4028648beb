/**
 * Stands in for bowser when dist/ is bundled (see `paths` in src/tsconfig.json). The SDK asks it what browser it runs in,
 * which it does only in one.
 */
export default {};
