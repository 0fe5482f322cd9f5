/** Major version of Node that the lockfile pins (design section 10). */
const nodeMajorRequired = 24

const major = Number(process.versions.node.split('.')[0])
if (major !== nodeMajorRequired) {
  process.stderr.write(
    `Bulkhead runs on Node ${nodeMajorRequired}, this is ${process.version}. ` +
      'Start it through npm (npm start, npx bulkhead), which brings the right one.\n',
  )
  process.exit(2)
}
