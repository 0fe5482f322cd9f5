import type { Socket } from 'node:net'

/**
 * Destroys a connection so that not one byte more leaves by it: what waits in the kernel is thrown
 * away with a reset, where an ordinary close would still deliver it.
 *
 * A connection is already gone when this returns, save one whose end is being sent at this very
 * moment: the kernel takes no reset then, and it is gone when the promise resolves.
 */
export function cutConnection(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve()
  const isEnding = socket.writableEnded && !socket.writableFinished
  // Nothing was sent yet, or only the words of a refusal wait: an ordinary close loses nothing.
  if (socket.connecting || (isEnding && socket.writableLength > 0)) {
    socket.destroy()
    return Promise.resolve()
  }
  if (!isEnding) {
    socket.resetAndDestroy()
    return Promise.resolve()
  }
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
    socket.once('finish', () => socket.resetAndDestroy())
  })
}

/**
 * Joins two connections byte for byte. Whoever reads slowly slows the other down; an orderly end of
 * one direction is passed on and leaves the other open for `halfClosedMsMax`; any other end of one
 * side is the end of both.
 */
export function joinConnections(
  client: Socket,
  venue: Socket,
  halfClosedMsMax: number,
  count: (direction: 'to_venue' | 'from_venue', bytes: number) => void,
): void {
  let timer: NodeJS.Timeout | undefined
  const onEnd = () => {
    timer ??= setTimeout(() => {
      void cutConnection(client)
      void cutConnection(venue)
    }, halfClosedMsMax)
  }
  forward(client, venue, (bytes) => count('to_venue', bytes), onEnd)
  forward(venue, client, (bytes) => count('from_venue', bytes), onEnd)
  closeTogether(client, venue)
  closeTogether(venue, client)
  const onClose = () => {
    if (client.destroyed && venue.destroyed) clearTimeout(timer)
  }
  client.once('close', onClose)
  venue.once('close', onClose)
}

function forward(
  from: Socket,
  to: Socket,
  count: (bytes: number) => void,
  onEnd: () => void,
): void {
  let unsent = 0
  let isEnded = false
  // An end is passed on only when everything before it was taken: see cutConnection.
  const endWhenSent = () => {
    if (isEnded && unsent === 0) to.end()
  }
  from.on('data', (chunk: Buffer) => {
    unsent += 1
    const takesMore = to.write(chunk, () => {
      unsent -= 1
      endWhenSent()
    })
    count(chunk.length)
    if (!takesMore) from.pause()
  })
  to.on('drain', () => from.resume())
  from.once('end', () => {
    isEnded = true
    onEnd()
    endWhenSent()
  })
}

function closeTogether(one: Socket, other: Socket): void {
  one.once('close', () => {
    const inOrder = one.readableEnded && one.writableFinished
    if (!inOrder) void cutConnection(other)
  })
}
