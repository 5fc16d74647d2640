import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createFrames, type Frame, type Frames } from '../../src/mqtt/frames.ts'
import { ProtocolError, Reason } from '../../src/mqtt/reasons.ts'

const KIB = 1024
const LIMITS = { connectBytes: 16 * KIB, packetBytes: 256 * KIB }

function packet(first: number, body: Buffer): Buffer {
  const header = [first]
  let rest = body.length
  do {
    header.push((rest & 0x7f) | (rest >= 128 ? 0x80 : 0))
    rest >>= 7
  } while (rest > 0)
  return Buffer.concat([Buffer.from(header), body])
}

/** Bytes that differ from their neighbours, so that a wrong offset is noticed. */
function body(length: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => index * 31 + seed))
}

const BODIES = [5, 0, 1, 127, 0, 128, 300, 0].map(body)
const STREAM = Buffer.concat(BODIES.map((content, index) => packet(index, content)))
const FRAMES = BODIES.map((content, index) => ({ first: index, body: content }))

function drain(frames: Frames, found: Frame[] = []): Frame[] {
  for (let frame = frames.next(); frame !== null; frame = frames.next()) found.push(frame)
  return found
}

/** A simple reference reader of a whole stream: its packets, and the error at which it stops. */
function readWhole(stream: Buffer): [Frame[], string] {
  const found: Frame[] = []
  let rest = stream
  for (;;) {
    const end = rest.subarray(1, 5).findIndex((byte) => byte < 0x80) + 2
    if (end === 1) return [found, rest.length >= 5 ? 'malformed' : 'partial']
    const digits = rest.subarray(1, end)
    if (digits.length > 1 && digits.at(-1) === 0) return [found, 'malformed']
    const length = digits.reduceRight((sum, byte) => sum * 128 + (byte & 0x7f), 0)
    if (end + length > LIMITS.packetBytes) return [found, 'too large']
    if (rest.length < end + length) return [found, 'partial']
    found.push({ first: rest[0] as number, body: rest.subarray(end, end + length) })
    rest = rest.subarray(end + length)
  }
}

/** Reads `stream` in chunks that end at these places. */
function readSplit(stream: Buffer, ends: readonly number[]): Frame[] {
  const frames = createFrames(LIMITS)
  frames.connected(5)
  let start = 0
  const found = [...ends, stream.length].flatMap((end) => {
    frames.push(stream.subarray(start, end))
    start = end
    return drain(frames)
  })
  assert.equal(frames.isPartial(), false)
  return found
}

function refusal(run: () => unknown): number {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error))
    return error.reason
  }
  return assert.fail('the packet was not refused')
}

describe('packets', () => {
  it('are the same wherever the stream is split in two', () => {
    for (let end = 0; end <= STREAM.length; end++)
      assert.deepEqual(readSplit(STREAM, [end]), FRAMES)
  })

  it('are the same in chunks of any size', () => {
    for (let size = 1; size < STREAM.length; size++) {
      const ends = Array.from({ length: Math.floor(STREAM.length / size) }, (_, i) => i * size)
      assert.deepEqual(readSplit(STREAM, ends), FRAMES)
    }
  })

  it('are the same however the stream is split', () => {
    const bodies = fc.array(fc.oneof(fc.nat(3), fc.nat(200), fc.nat(40_000)), { maxLength: 8 })
    fc.assert(
      fc.property(bodies, fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (sizes, places) => {
        const contents = sizes.map(body)
        const stream = Buffer.concat(contents.map((content, index) => packet(index, content)))
        const ends = places.map((place) => Math.floor(place * stream.length)).sort((a, b) => a - b)
        const expected = contents.map((content, index) => ({ first: index, body: content }))
        assert.deepEqual(readSplit(stream, ends), expected)
      }),
      { numRuns: 200 },
    )
  })

  it('are those of a simple reference reader, for any bytes', () => {
    const small = fc.oneof(fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0x81, 0xff), fc.nat(255))
    const chunk = fc.array(small, { maxLength: 12 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 40, size: 'max' }), (chunks) => {
        const frames = createFrames(LIMITS)
        frames.connected(5)
        const found: Frame[] = []
        let end = ''
        try {
          for (const one of chunks) {
            frames.push(one)
            drain(frames, found)
          }
          end = 'partial'
        } catch (error) {
          assert.ok(error instanceof ProtocolError)
          end = error.reason === Reason.packetTooLarge ? 'too large' : 'malformed'
        }
        const [expected, expectedEnd] = readWhole(Buffer.concat(chunks))
        assert.equal(end, expectedEnd)
        assert.deepEqual(found, expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('may be taken later than they arrive, one at a time', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200, size: 'max' }), (steps) => {
        const frames = createFrames(LIMITS)
        const found: Frame[] = []
        let at = 0
        for (const push of steps)
          if (push) {
            frames.push(STREAM.subarray(at, at + 7))
            at += 7
          } else {
            const frame = frames.next()
            if (frame) found.push(frame)
          }
        frames.push(STREAM.subarray(at))
        assert.deepEqual([...found, ...drain(frames)], FRAMES)
      }),
    )
  })

  it('are not copied from a chunk that holds them whole', () => {
    const chunk = Buffer.concat([packet(0x30, body(9, 1)), packet(0x30, body(0, 1))])
    const frames = createFrames(LIMITS)
    frames.push(chunk)
    const [first] = drain(frames)
    assert.equal(first?.body.buffer, chunk.buffer)
    assert.equal(first?.body.byteOffset, chunk.byteOffset + 2)
  })

  it('do not change when the next ones arrive', () => {
    const frames = createFrames(LIMITS)
    const found: Frame[] = []
    for (const byte of STREAM) {
      frames.push(Buffer.from([byte]))
      found.push(...drain(frames))
    }
    assert.deepEqual(found, FRAMES)
  })
})

describe('an incomplete packet', () => {
  it('is reported as incomplete from its first byte to its last but one', () => {
    const frames = createFrames(LIMITS)
    assert.equal(frames.isPartial(), false)
    const stream = packet(0x30, body(200, 1))
    for (const byte of stream.subarray(0, -1)) {
      frames.push(Buffer.from([byte]))
      assert.equal(frames.next(), null)
      assert.equal(frames.isPartial(), true)
    }
    frames.push(stream.subarray(-1))
    assert.equal(frames.next()?.body.length, 200)
    assert.equal(frames.next(), null)
    assert.equal(frames.isPartial(), false)
  })
})

describe('a packet that is too large', () => {
  const header = (length: number) => packet(0x10, Buffer.alloc(length)).subarray(0, 4)

  it('is refused as soon as its header has arrived', () => {
    const frames = createFrames({ connectBytes: 20_000, packetBytes: 50_000 })
    // the limit includes the fixed header of four bytes
    frames.push(header(19_997))
    assert.equal(
      refusal(() => frames.next()),
      Reason.packetTooLarge,
    )
  })

  it('has another limit once CONNECT is accepted', () => {
    const frames = createFrames({ connectBytes: 20_000, packetBytes: 50_000 })
    frames.push(packet(0x10, Buffer.alloc(19_996)))
    assert.equal(frames.next()?.body.length, 19_996)
    frames.connected(4)
    frames.push(packet(0x30, Buffer.alloc(49_996)))
    assert.equal(frames.next()?.body.length, 49_996)
    frames.push(header(49_997))
    assert.equal(
      refusal(() => frames.next()),
      Reason.packetTooLarge,
    )
  })

  it('is checked against the limit at the time its header is read', () => {
    const frames = createFrames({ connectBytes: 100, packetBytes: 1000 })
    frames.push(Buffer.concat([packet(0x10, Buffer.alloc(50)), packet(0x30, Buffer.alloc(500))]))
    assert.equal(frames.next()?.body.length, 50)
    frames.connected(4)
    assert.equal(frames.next()?.body.length, 500)
  })
})

describe('a length', () => {
  function read(version: 4 | 5, ...bytes: number[]): Frame | null {
    const frames = createFrames(LIMITS)
    frames.connected(version)
    frames.push(Buffer.from(bytes))
    return frames.next()
  }

  it('of five bytes is malformed [§1.5.5]', () => {
    assert.equal(
      refusal(() => read(4, 0x30, 0xff, 0xff, 0xff, 0xff)),
      Reason.malformedPacket,
    )
    assert.equal(
      refusal(() => read(4, 0x30, 0x80, 0x80, 0x80, 0x80, 1)),
      Reason.malformedPacket,
    )
  })

  it('of four bytes is read in full', () => {
    assert.equal(
      refusal(() => read(4, 0x30, 0xff, 0xff, 0xff, 0x7f)),
      Reason.packetTooLarge,
    )
    assert.equal(read(4, 0x30, 0xff, 0xff, 0xff), null)
  })

  it('with more bytes than needed is malformed from MQTT 5 on [MQTT-1.5.5-1]', () => {
    assert.deepEqual(read(4, 0xc0, 0x80, 0x00), { first: 0xc0, body: Buffer.alloc(0) })
    assert.deepEqual(read(4, 0x40, 0x82, 0x80, 0x00, 0, 1), {
      first: 0x40,
      body: Buffer.from([0, 1]),
    })
    assert.equal(
      refusal(() => read(5, 0xc0, 0x80, 0x00)),
      Reason.malformedPacket,
    )
    assert.equal(
      refusal(() => read(5, 0x40, 0x82, 0x80, 0x00, 0, 1)),
      Reason.malformedPacket,
    )
  })
})

describe('a packet that comes byte by byte', () => {
  it('takes memory and work in proportion to the bytes received', (t) => {
    const size = 128 * KIB
    const stream = packet(0x30, body(size, 1))
    const frames = createFrames(LIMITS)
    frames.connected(5)
    let came = 0
    let allocated = 0
    let copied = 0
    const { allocUnsafeSlow } = Buffer
    const { copy } = Buffer.prototype
    t.mock.method(Buffer, 'allocUnsafeSlow', (bytes: number) => {
      assert.ok(bytes <= 2 * came, `${bytes} bytes for ${came}`)
      allocated += bytes
      return allocUnsafeSlow(bytes)
    })
    t.mock.method(
      Buffer.prototype,
      'copy',
      function (this: Buffer, ...args: Parameters<typeof copy>) {
        const bytes = copy.apply(this, args)
        copied += bytes
        return bytes
      },
    )
    let frame: Frame | null = null
    for (const byte of stream) {
      came += 1
      frames.push(Buffer.from([byte]))
      frame = frames.next()
    }
    assert.deepEqual(frame?.body, stream.subarray(4))
    assert.ok(allocated <= 3 * size, `allocated ${allocated}`)
    assert.ok(copied <= 3 * size, `copied ${copied}`)
  })

  it('takes no memory beyond its header before its body arrives', (t) => {
    const frames = createFrames({ connectBytes: 300_000_000, packetBytes: 300_000_000 })
    const { mock } = t.mock.method(Buffer, 'allocUnsafeSlow')
    frames.push(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]))
    assert.equal(frames.next(), null)
    assert.equal(mock.callCount(), 0)
    frames.push(Buffer.from([1]))
    assert.equal(frames.next(), null)
    assert.deepEqual(
      mock.calls.map((call) => call.arguments),
      [[2]],
    )
  })
})
