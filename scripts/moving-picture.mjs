// Writes pictures that a browser took as one that moves: an animated PNG, which browsers and code hosts show as any other.
// Each picture is a PNG already: its compressed rows become a frame as they are (https://www.w3.org/TR/png-3/#apng-frame-based-animation).
import { crc32 } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** @param {{ png: Buffer, ms: number }[]} frames of one size and colour type, and how long each is seen */
export function movingPicture(frames) {
  const [first] = frames.map(({ png }) => chunksOf(png));
  const header = first.find(({ type }) => type === 'IHDR').data;
  let order = 0;
  const chunks = [chunk('IHDR', header), chunk('acTL', numbers(frames.length, 0))];
  for (const [i, { png, ms }] of frames.entries()) {
    const own = chunksOf(png);
    if (!own.find(({ type }) => type === 'IHDR').data.equals(header)) throw new Error('The frames differ in size.');
    const rows = Buffer.concat(own.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
    const size = [header.readUInt32BE(0), header.readUInt32BE(4)];
    const delay = Buffer.from([ms >> 8, ms & 255, 1000 >> 8, 1000 & 255, 0, 0]);
    chunks.push(chunk('fcTL', Buffer.concat([numbers(order++, ...size, 0, 0), delay])));
    chunks.push(i === 0 ? chunk('IDAT', rows) : chunk('fdAT', Buffer.concat([numbers(order++), rows])));
  }
  return Buffer.concat([SIGNATURE, ...chunks, chunk('IEND', Buffer.alloc(0))]);
}

function chunksOf(png) {
  const chunks = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return chunks;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([numbers(data.length), body, numbers(crc32(body))]);
}

function numbers(...values) {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) buffer.writeUInt32BE(value, i * 4);
  return buffer;
}
