import { createServer } from 'node:net'

/** Offsets from the base port. 6380 is the safety Redis, 6381 is kept for the governance Redis. */
export const portOffsets = { redis: 0, api: 2, venue: 3, venueControl: 4, gate: 5 } as const
export type PortName = keyof typeof portOffsets
export type StackPorts = Readonly<Record<PortName, number>>

export const basePortDefault = 6_380
export const basePortMax = 65_000

export const portsFrom = (basePort: number): StackPorts => ({
  redis: basePort + portOffsets.redis,
  api: basePort + portOffsets.api,
  venue: basePort + portOffsets.venue,
  venueControl: basePort + portOffsets.venueControl,
  gate: basePort + portOffsets.gate,
})

/** Lets the system choose every port, and leaves Redis to its unix socket. */
export const anyPorts: StackPorts = { redis: 0, api: 0, venue: 0, venueControl: 0, gate: 0 }

/** The ports that somebody else holds already. */
export async function portsInUse(ports: StackPorts): Promise<PortName[]> {
  const names = Object.keys(portOffsets) as PortName[]
  const free = await Promise.all(names.map((name) => isFree(ports[name])))
  return names.filter((_, at) => free[at] === false)
}

async function isFree(port: number): Promise<boolean> {
  if (port === 0) return true
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(true))
    })
  })
}
