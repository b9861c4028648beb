/** The tests speak of the runtime that runs the action, `using: node24`, so they run on no other. */
export default function checkNode(): void {
  const [major] = process.versions.node.split('.');
  if (major !== '24') {
    throw new Error(
      `The tests run on Node 24, the runtime of the action; this is Node ${process.version}. ` +
        'On Linux x64 `npm ci` brings it along; elsewhere put a Node 24 on the PATH.',
    );
  }
}
