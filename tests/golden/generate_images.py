# SPDX-License-Identifier: Apache-2.0
"""Writes images/: small JPEG and PNG files by Pillow (or by hand, where it has no writer), each beside a .ppm
with the pixels expected of it, by Pillow and numpy. Run in this folder; needs numpy and pillow."""
import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

out = pathlib.Path(__file__).parent / "images"
out.mkdir(exist_ok=True)
rng = np.random.default_rng(20240611)


def smooth(height, width, channels):
    """Waves of each channel's own direction, with corners that differ: no symmetry hides a wrong turn."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [127.5 + 110 * np.sin(0.21 * (c + 1) * x + 0.13 * (c + 2) * y + c) for c in range(channels)]
    return np.stack(planes, -1).round().astype(np.uint8)


def expect(name, pixels):
    Image.fromarray(np.ascontiguousarray(pixels), "RGB").save(out / f"{name}.ppm")


def over_white(rgb, alpha):
    rgb, alpha = rgb.astype(np.float64), alpha.astype(np.float64)[..., None] / 255
    return (rgb * alpha + 255 * (1 - alpha)).round().astype(np.uint8)


def jpeg(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


# JPEG
rgb = smooth(24, 40, 3)
for name, data in {
    "ycbcr": jpeg(Image.fromarray(rgb)),
    "progressive": jpeg(Image.fromarray(rgb), progressive=True),
    "gray": jpeg(Image.fromarray(rgb[..., 0])),
    "cmyk_adobe": jpeg(Image.fromarray(smooth(24, 40, 4), "CMYK")),
}.items():
    (out / f"{name}.jpg").write_bytes(data)
    expect(name, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))

data = (out / "cmyk_adobe.jpg").read_bytes()
adobe = data.index(b"\xff\xee")
size = 2 + struct.unpack(">H", data[adobe + 2:adobe + 4])[0]
assert data[adobe + 4:adobe + 9] == b"Adobe" and data[adobe + size - 1] == 0  # transform 0: CMYK
ycck = data[:adobe + size - 1] + b"\x02" + data[adobe + size:]  # the same numbers, read as YCCK
(out / "ycck_adobe.jpg").write_bytes(ycck)
expect("ycck_adobe", np.asarray(Image.open(io.BytesIO(ycck)).convert("RGB")))
plain = data[:adobe] + data[adobe + size:]  # without the marker: ink is ink. Pillow inverts all the same.
(out / "cmyk_plain.jpg").write_bytes(plain)
inks = 255.0 - np.asarray(Image.open(io.BytesIO(plain)))
expect("cmyk_plain", ((255 - inks[..., :3]) * (255 - inks[..., 3:]) / 255).round().astype(np.uint8))

picture = Image.fromarray(smooth(16, 24, 3))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x010F] = "a maker"  # an entry before it
    exif[0x0112] = orientation
    data = jpeg(picture, exif=exif.tobytes())
    (out / f"exif_{orientation}.jpg").write_bytes(data)
    expect(f"exif_{orientation}", np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))))


# PNG
def png_file(name, pixels, colour, depth, interlaced=False, chunks=b""):
    """A PNG of (height, width, channels) unsigned numbers, without filters."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def rows(part):
        return b"".join(b"\0" + row.astype(">u2" if depth == 16 else "u1").tobytes() for row in part)

    height, width = pixels.shape[:2]
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    parts = [pixels[a::b, c::d] for a, b, c, d in passes] if interlaced else [pixels]
    body = b"".join(rows(part) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    (out / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                                      b"".join(chunk(*c) for c in chunks) + chunk(b"IDAT", zlib.compress(body)) +
                                      chunk(b"IEND", b""))


small = smooth(11, 13, 4)
deep = rng.integers(0, 65536, (11, 13, 4), dtype=np.uint16)
eight = (deep / 257).round().astype(np.uint8)
gray3 = lambda gray: np.repeat(gray[..., None], 3, -1)
Image.fromarray(small[..., :3]).save(out / "rgb.png")
expect("rgb", small[..., :3])
Image.fromarray(small, "RGBA").save(out / "rgba.png")
expect("rgba", over_white(small[..., :3], small[..., 3]))
Image.fromarray(small[..., 0]).save(out / "gray8.png")
expect("gray8", gray3(small[..., 0]))
Image.fromarray(small[..., :2], "LA").save(out / "gray_alpha.png")
expect("gray_alpha", over_white(gray3(small[..., 0]), small[..., 1]))
Image.fromarray(small[..., 0] > 127).save(out / "gray1.png")
expect("gray1", gray3(np.where(small[..., 0] > 127, 255, 0).astype(np.uint8)))
palette = Image.fromarray(small[..., :3]).quantize(7)
palette.save(out / "palette.png")
expect("palette", np.asarray(palette.convert("RGB")))
palette.save(out / "palette_transparent.png", transparency=2)
index = np.asarray(palette)
expect("palette_transparent", np.where((index == 2)[..., None], 255, np.asarray(palette.convert("RGB"))).astype(np.uint8))
png_file("gray16", deep[..., :1], 0, 16)
expect("gray16", gray3(eight[..., 0]))
png_file("gray_alpha16", deep[..., :2], 4, 16)
expect("gray_alpha16", over_white(gray3(eight[..., 0]), eight[..., 1]))
png_file("rgb16", deep[..., :3], 2, 16)
expect("rgb16", eight[..., :3])
png_file("rgba16", deep, 6, 16)
expect("rgba16", over_white(eight[..., :3], eight[..., 3]))
png_file("interlaced", small[..., :3], 2, 8, interlaced=True)
expect("interlaced", small[..., :3])
key = tuple(int(v) for v in small[4, 5, :3])
png_file("rgb_transparent", small[..., :3], 2, 8, chunks=[(b"tRNS", struct.pack(">HHH", *key))])
expect("rgb_transparent", np.where((small[..., :3] == key).all(-1)[..., None], 255, small[..., :3]).astype(np.uint8))
exif = Image.Exif()
exif[0x0112] = 6
Image.fromarray(small[..., :3]).save(out / "exif_6.png", exif=exif)
expect("exif_6_png", np.rot90(small[..., :3], -1))

# Resizing
source = np.clip(smooth(29, 37, 3).astype(int) + rng.integers(-60, 61, (29, 37, 3)), 0, 255).astype(np.uint8)
source[3:9, 5:11] = 255
source[9:12, 5:11] = 0
expect("resize_source", source)
image = Image.fromarray(source)
for width, height in [(16, 16), (64, 48), (10, 40), (37, 5), (1, 1), (74, 29)]:
    expect(f"resize_{width}x{height}", np.asarray(image.resize((width, height), Image.BILINEAR)))
expect("resize_box", np.asarray(image.crop((4, 3, 31, 22)).resize((12, 9), Image.BILINEAR)))
