// What a screenshot shows, roughly: PNG of 8-bit RGB or RGBA without interlacing, as Chromium writes it.
import { inflateSync } from "node:zlib";

export function decode(png) {
  const width = png.readUInt32BE(16), height = png.readUInt32BE(20), channels = { 2: 3, 6: 4 }[png[25]];
  const parts = [];
  for (let at = 8; at < png.length;) {
    const size = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + size));
    at += 12 + size;
  }
  const rows = inflateSync(Buffer.concat(parts)), stride = width * channels, pixels = Buffer.alloc(height * stride);
  for (let y = 0; y < height; ++y) {
    const filter = rows[y * (stride + 1)];
    for (let x = 0; x < stride; ++x) {
      const left = x >= channels ? pixels[y * stride + x - channels] : 0, up = y ? pixels[(y - 1) * stride + x] : 0;
      const corner = y && x >= channels ? pixels[(y - 1) * stride + x - channels] : 0;
      const distance = (v) => Math.abs(left + up - corner - v);
      const paeth = distance(left) <= distance(up) && distance(left) <= distance(corner) ? left : distance(up) <= distance(corner) ? up : corner;
      const guess = [0, left, up, (left + up) >> 1, paeth][filter];
      pixels[y * stride + x] = rows[y * (stride + 1) + 1 + x] + guess;
    }
  }
  return { width, height, channels, pixels };
}

// Mean brightness (0 to 1), how many colours there are, and the share of pixels that are not of the commonest colour.
export function look(png) {
  const { width, height, channels, pixels } = decode(png);
  const counts = new Map();
  let sum = 0;
  for (let i = 0; i < pixels.length; i += channels) {
    const colour = (pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2];
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
    sum += pixels[i] + pixels[i + 1] + pixels[i + 2];
  }
  const total = width * height;
  return { brightness: sum / (total * 3 * 255), colours: counts.size, drawn: 1 - Math.max(...counts.values()) / total };
}
